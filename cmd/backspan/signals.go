package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// A signalError is the cause of a context that a signal cancelled.
type signalError struct{ signal syscall.Signal }

func (e signalError) Error() string { return fmt.Sprintf("received signal %v", e.signal) }

// code is what a shell reports of a program that the signal ended.
func (e signalError) code() int { return 128 + int(e.signal) }

// withSignals returns a context that the first signal that means the end cancels with a signalError as its cause. A second
// one ends the program at once: whoever sends it does not want to wait for a tidy end. stop takes the handler away.
func withSignals(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 2)
	notify(signals, endingSignals...)
	done := make(chan struct{})
	go func() {
		for first := true; ; first = false {
			select {
			case s := <-signals:
				number, _ := s.(syscall.Signal)
				if !first {
					os.Exit(signalError{number}.code())
				}
				cancel(signalError{number})
			case <-done:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel(nil)
	}
}
