package exec

import (
	"context"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
)

// A signalWatch passes signals to the command that runs. After a signal that means the end, no other attempt begins.
type signalWatch struct {
	// ctx is cancelled by the first signal that means the end, with a SignalError as its cause.
	ctx    context.Context //nolint:containedctx // the watch makes it, as context.WithCancel does
	cancel context.CancelCauseFunc
	arrive chan os.Signal
	child  chan os.Signal // for the command
	done   chan struct{}
	over   sync.WaitGroup

	mu    sync.Mutex
	hurry context.CancelFunc // ends what is left to do when another signal comes; nil while a command may run
}

func watchSignals(ctx context.Context) *signalWatch {
	w := &signalWatch{arrive: make(chan os.Signal, 16), child: make(chan os.Signal, 16), done: make(chan struct{})}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	// A signal that this process was started to ignore (nohup, a job in the background of a shell) stays ignored,
	// because the command inherits that. It would not inherit a handler.
	cli.Notify(w.arrive, slices.Concat(cli.EndingSignals, otherSignals)...)
	w.over.Go(w.watch)
	return w
}

func (w *signalWatch) watch() {
	for {
		select {
		case s := <-w.arrive:
			w.arrived(s)
		case <-w.done:
			return
		}
	}
}

func (w *signalWatch) arrived(s os.Signal) {
	number, _ := s.(syscall.Signal)
	if number == syscall.SIGPIPE {
		return // it only needs a handler: the write fails, and this process lives on to end the command
	}
	if slices.Contains(cli.EndingSignals, s) {
		w.cancel(cli.SignalError{Signal: number})
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
// another signal that means the end comes.
func (w *signalWatch) finishing(limit time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), limit)
	w.mu.Lock()
	w.hurry = cancel
	w.mu.Unlock()
	return ctx, cancel
}

// stop removes the handler.
func (w *signalWatch) stop() {
	signal.Stop(w.arrive)
	close(w.done)
	w.over.Wait()
	w.cancel(nil)
}
