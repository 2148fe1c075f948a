package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// A SignalError is the cause of a context that a signal cancelled.
type SignalError struct{ Signal syscall.Signal }

// Error names the signal.
func (e SignalError) Error() string { return fmt.Sprintf("received signal %v", e.Signal) }

// Code is the exit code that a shell reports for a program that the signal ended.
func (e SignalError) Code() int { return 128 + int(e.Signal) }

// WithSignals returns a context that the first of EndingSignals cancels, with a SignalError as its cause. The second one
// ends the process at once. stop removes the handler.
func WithSignals(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	return ctx, OnSignals(cancel)
}

// OnSignals calls the first function upon the first of EndingSignals, the second upon the second one, and so on. One more
// signal ends the process at once. stop removes the handler and calls all functions with nil.
func OnSignals(steps ...context.CancelCauseFunc) (stop func()) {
	signals := make(chan os.Signal, len(steps)+1)
	Notify(signals, EndingSignals...)
	done, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		for count := 0; ; count++ {
			select {
			case s := <-signals:
				number, _ := s.(syscall.Signal)
				if count == len(steps) {
					os.Exit(SignalError{number}.Code())
				}
				steps[count](SignalError{number})
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(done)
		<-over
		for _, cancel := range steps {
			cancel(nil)
		}
	}
}

// Notify sends the signals to c, except those that the process was started to ignore, as under nohup.
func Notify(c chan<- os.Signal, signals ...os.Signal) {
	for _, s := range signals {
		if !signal.Ignored(s) {
			signal.Notify(c, s)
		}
	}
}
