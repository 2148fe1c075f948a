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

// signalWatch is what exec does about signals: they go to the command that runs, and those that mean the end let no other
// attempt begin.
type signalWatch struct {
	ctx    context.Context //nolint:containedctx // it is what the watch makes, as context.WithCancel does: cancelled by the first signal that means the end, with a SignalError as its cause
	cancel context.CancelCauseFunc
	arrive chan os.Signal
	child  chan os.Signal // for the command
	done   chan struct{}
	over   sync.WaitGroup

	mu    sync.Mutex
	hurry context.CancelFunc // ends what is left to do when another one comes; nil while a command may run
}

func watchSignals(ctx context.Context) *signalWatch {
	w := &signalWatch{arrive: make(chan os.Signal, 16), child: make(chan os.Signal, 16), done: make(chan struct{})}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	// Who started us with a signal ignored (nohup, a shell that starts a job in the background) wants it so for the
	// command, too, which would not inherit a handler.
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
		return // a handler is all that was wanted: the write fails, and the command is not left alone
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
	default: // nobody has taken the last 16
	}
}

// forget drops what came while no command ran, and says whether another one may start.
func (w *signalWatch) forget() bool {
	for len(w.child) > 0 {
		<-w.child
	}
	return w.ctx.Err() == nil
}

// finishing returns a context for what is to be done when no command runs any more: within limit, and until another
// signal comes.
func (w *signalWatch) finishing(limit time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), limit)
	w.mu.Lock()
	w.hurry = cancel
	w.mu.Unlock()
	return ctx, cancel
}

// stop gives the signals back.
func (w *signalWatch) stop() {
	signal.Stop(w.arrive)
	close(w.done)
	w.over.Wait()
	w.cancel(nil)
}
