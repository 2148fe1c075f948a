package exec

import (
	"context"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
)

// A signalWatch passes signals to the command that runs. After a signal that means the end, no other attempt begins.
type signalWatch struct {
	// ctx is cancelled by the first signal that means the end, with a SignalError as its cause.
	ctx     context.Context //nolint:containedctx // the watch makes it, as context.WithCancel does
	cancel  context.CancelCauseFunc
	child   chan os.Signal // for the command
	release func()

	requests cli.Requests // of the goroutine that calls arrived

	mu    sync.Mutex
	hurry context.CancelFunc // ends what is left to do when another signal counts; nil while a command may run
}

func watchSignals(ctx context.Context) *signalWatch {
	w := &signalWatch{child: make(chan os.Signal, 16)}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	// A signal that this process was started to ignore (nohup, a job in the background of a shell) stays ignored,
	// because the command inherits that. It would not inherit a handler.
	w.release = cli.HandleSignals(w.arrived, slices.Concat(cli.EndingSignals, otherSignals)...)
	return w
}

func (w *signalWatch) arrived(s syscall.Signal) {
	if s == syscall.SIGPIPE {
		return // it only needs a handler: the write fails, and this process lives on to end the command
	}
	if slices.Contains(cli.EndingSignals, os.Signal(s)) && w.requests.Count(s) {
		w.cancel(cli.SignalError{Signal: s})
		w.mu.Lock()
		if w.hurry != nil {
			w.hurry()
		}
		w.mu.Unlock()
	}
	select {
	case w.child <- s:
	default: // no command took the last 16
	}
}

// forget drops the signals that came while no command ran, and reports whether another command may start.
func (w *signalWatch) forget() bool {
	for len(w.child) > 0 {
		<-w.child
	}
	return w.ctx.Err() == nil
}

// finishing returns a context for what is left to do when no command runs any more. It ends after limit, or when
// another signal that means the end comes, and counts by the rule of cli.Requests.
func (w *signalWatch) finishing(limit time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), limit)
	w.mu.Lock()
	w.hurry = cancel
	w.mu.Unlock()
	return ctx, cancel
}

// stop removes the handler.
func (w *signalWatch) stop() {
	w.release()
	w.cancel(nil)
}
