package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// withKill is withSignals for who has children: the first signal cancels the context, upon which they are told to end; the
// second one sends true over kill, which must end them at once, because they would outlive this process; a third one ends
// this process all the same. stop takes the handler away, and closes kill.
func withKill(ctx context.Context) (_ context.Context, kill <-chan bool, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// Who reads stdout may leave. Then writing fails, and the commands are to hear of it; but this process must live to end
	// them and to tell how it went. Ignoring the signal would do too, and be inherited by the commands.
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE)
	now := make(chan bool, 1)
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
					now <- true
				default:
					os.Exit(signalError{number}.code())
				}
			case <-done:
				return
			}
		}
	}()
	return ctx, now, func() {
		signal.Stop(signals)
		signal.Stop(broken)
		close(done)
		<-over
		close(now)
		cancel(nil)
	}
}
