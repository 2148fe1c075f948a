package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// EndingSignals are the signals that ask a program to end. A system that does not know one never sends it.
var EndingSignals = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}

// A SignalError is the cause of a context that a signal cancelled.
type SignalError struct{ Signal syscall.Signal }

// Error names the signal.
func (e SignalError) Error() string { return fmt.Sprintf("received signal %v", e.Signal) }

// Code is the exit code that a shell reports for a program that the signal ended.
func (e SignalError) Code() int { return 128 + int(e.Signal) }

// Requests tell the signals that ask for something from those that repeat what was asked. A terminal that closes
// sends SIGHUP, and so does a shell that closes with it; a service manager may send one after its SIGTERM; a key that
// is held down repeats itself. So a SIGHUP counts only as the first signal, and any other at most once a second. The
// zero Requests is ready to use.
type Requests struct{ last map[syscall.Signal]time.Time }

// repeatTime is how long a signal that counted does not count again.
const repeatTime = time.Second

// Count reports whether s, one of EndingSignals that has arrived now, counts.
func (r *Requests) Count(s syscall.Signal) bool {
	before, repeated := r.last[s]
	if len(r.last) > 0 && s == syscall.SIGHUP || repeated && time.Since(before) < repeatTime {
		return false
	}
	if r.last == nil {
		r.last = map[syscall.Signal]time.Time{}
	}
	r.last[s] = time.Now()
	return true
}

// WithSignals returns a context that the first of EndingSignals cancels, with a SignalError as its cause. The
// second one that counts, by the rule of Requests, ends the process at once. stop removes the handler.
func WithSignals(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	return ctx, OnSignals(cancel)
}

// OnSignals calls the first function upon the first of EndingSignals, the second upon the second one that counts, by
// the rule of Requests, and so on. One more signal ends the process at once. stop removes the handler and calls all
// functions with nil.
func OnSignals(steps ...context.CancelCauseFunc) (stop func()) {
	count := 0
	var requests Requests
	release := HandleSignals(func(s syscall.Signal) {
		if !requests.Count(s) {
			return
		}
		if count == len(steps) {
			os.Exit(SignalError{s}.Code())
		}
		steps[count](SignalError{s})
		count++
	}, EndingSignals...)
	return func() {
		release()
		for _, cancel := range steps {
			cancel(nil)
		}
	}
}

// HandleSignals calls handle for each of the signals that arrives, one after the other. A signal that the process was
// started to ignore, as under nohup, stays ignored. release removes the handler, and returns when handle has been
// called for all that arrived.
func HandleSignals(handle func(syscall.Signal), signals ...os.Signal) (release func()) {
	arrived := make(chan os.Signal, 16)
	for _, s := range signals {
		if !signal.Ignored(s) {
			signal.Notify(arrived, s)
		}
	}
	var loop sync.WaitGroup
	loop.Go(func() {
		for s := range arrived {
			number, _ := s.(syscall.Signal)
			handle(number)
		}
	})
	return func() {
		signal.Stop(arrived) // after it nothing is sent any more
		close(arrived)
		loop.Wait()
	}
}
