package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// withKill is withSignals for who has children. The first signal cancels ctx, upon which they are told to end, and what
// cleans up goes on. The second one cancels cleanup: now everything has to end at once, because children would outlive this
// process. A third one ends this process all the same. stop takes the handler away.
func withKill(parent context.Context) (ctx, cleanup context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	cleanup, cancelCleanup := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 4)
	notify(signals, endingSignals...)
	// Who reads stdout or stderr may leave, until this process has said its last word. Then writing fails, and the commands
	// are to hear of it; but this process must live to end them and to tell how it went. Ignoring the signal would do too, and
	// be inherited by the commands.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	done, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		for count := 1; ; count++ {
			select {
			case s := <-signals:
				number, _ := s.(syscall.Signal)
				switch count {
				case 1:
					cancel(signalError{number})
				case 2:
					cancelCleanup(signalError{number})
				default:
					os.Exit(signalError{number}.code())
				}
			case <-done:
				return
			}
		}
	}()
	return ctx, cleanup, func() {
		signal.Stop(signals)
		close(done)
		<-over
		cancel(nil)
		cancelCleanup(nil)
	}
}

// notify has those of the signals sent to c that this process was not started to ignore, as nohup has it.
func notify(c chan<- os.Signal, signals ...os.Signal) {
	for _, s := range signals {
		if !signal.Ignored(s) {
			signal.Notify(c, s)
		}
	}
}
