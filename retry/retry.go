package retry

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/backspan/backspan/internal/scope"
)

// Do calls op until it succeeds, until p gives it up, or until ctx ends, and returns nil or an *Error that tells
// why. The operation is a span called name, each attempt a child span with its delay and its error, and the
// context that op gets carries the attempt's span.
//
// op is not called when ctx is already done. A panic in op is not retried: the spans are ended with it and it goes
// on. Unusable arguments give a *FieldError before the first attempt.
func Do(ctx context.Context, name string, p Policy, op func(context.Context) error) error {
	if err := check(ctx, name, &p, op == nil); err != nil {
		return err
	}
	var o operation // stays on the stack
	ctx = o.begin(ctx, name, &p)
	defer o.endPanic(ctx)

	if ctx.Err() != nil {
		return o.end(ctx, contextReason(ctx.Err()))
	}
	for {
		d := o.attempt(ctx, op)
		if !d.Retry {
			return o.end(ctx, d.Reason)
		}
		if !o.wait(ctx) {
			return o.end(ctx, contextReason(ctx.Err()))
		}
	}
}

// Value is Do for an operation with a result. Together with an error it returns what the last attempt did.
func Value[T any](ctx context.Context, name string, p Policy, op func(context.Context) (T, error)) (T, error) {
	var last T
	if op == nil {
		return last, check(ctx, name, &p, true)
	}
	err := Do(ctx, name, p, func(ctx context.Context) (err error) {
		last, err = op(ctx)
		return err
	})
	return last, err
}

func check(ctx context.Context, name string, p *Policy, noOp bool) error {
	switch {
	case ctx == nil:
		return &FieldError{"ctx", "nil", "a context"}
	case name == "":
		return &FieldError{"name", strconv.Quote(name), "the operation's name, for example data_load"}
	case noOp:
		return &FieldError{"op", "nil", "a function"}
	}
	return p.validate()
}

// An operation is the state of one Do.
type operation struct {
	spans   spans
	policy  Policy
	started time.Duration // on clock
	waited  time.Duration // all waits together
	skipped time.Duration // of these, what passed at once because of scope.Frame.NoWait; it counts as elapsed
	current Attempt       // the one that runs, or ran last
}

func (o *operation) begin(ctx context.Context, name string, p *Policy) context.Context {
	o.policy = *p
	o.policy.fillDefaults()
	o.current.Operation = name
	o.started = clock()
	return o.startOperation(ctx)
}

// attempt makes one attempt and decides what follows it.
func (o *operation) attempt(ctx context.Context, op func(context.Context) error) Decision {
	o.current.Number++
	o.current.RetriesLeft = o.policy.retriesLeft(o.current.Number)
	o.current.Delay = o.current.NextDelay

	err := within(o.startAttempt(ctx), o.policy.AttemptTimeout, op)

	d := Decision{}
	if err != nil {
		d = o.policy.decide(o.ended(ctx, err))
	}
	o.current.Err, o.current.NextDelay = err, d.Delay
	o.endAttempt(ctx, d)
	return d
}

// within calls op, with a deadline on its context when there is a timeout.
func within(ctx context.Context, timeout time.Duration, op func(context.Context) error) error {
	if timeout == 0 {
		return op(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return op(ctx)
}

// ended gathers what the decision needs.
func (o *operation) ended(ctx context.Context, err error) Ended {
	e := Ended{
		Attempt:  o.current.Number,
		Err:      err,
		Context:  ctx.Err(),
		Previous: o.current.Delay,
	}
	if o.policy.MaxElapsed > 0 { // nobody else asks, and clocks are slow
		e.Elapsed = o.elapsed()
	}
	if deadline, ok := ctx.Deadline(); ok {
		e.HasDeadline = true
		e.Remaining = time.Until(deadline) - o.skipped
	}
	if o.policy.Jitter != NoJitter {
		e.Random = rand.Float64() //nolint:gosec // spreads callers in time, guards no secret
	}
	return e
}

func (o *operation) elapsed() time.Duration { return clock() - o.started + o.skipped }

// clock is the monotonic time since some moment. Reading it takes half as long as time.Now, which reads the wall
// clock too, and an operation that succeeds at first does little else.
func clock() time.Duration { return time.Since(epoch) }

var epoch = time.Now()

// wait lets the delay before the next attempt pass, and reports whether there should be one: false when ctx ended.
func (o *operation) wait(ctx context.Context) bool {
	o.scheduled()
	around := scope.From(ctx)
	if o.policy.OnRetry != nil {
		o.current.Depth = around.Depth
		o.policy.OnRetry(o.current)
	}
	delay := o.current.NextDelay
	switch {
	case around.NoWait:
		o.skipped += delay
		o.waited += delay
	case delay > 0: // a timer would cost more than all the rest of a retry without delay
		o.waited += sleep(ctx, delay)
	}
	return ctx.Err() == nil
}

// sleep returns after d, or earlier when ctx ends, and says how long it took.
func sleep(ctx context.Context, d time.Duration) time.Duration {
	start := time.Now()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return d // as configured: how late the timer was is not a wait that anybody asked for
	case <-ctx.Done():
		return min(d, time.Since(start))
	}
}

// end closes the operation and returns what Do returns.
func (o *operation) end(ctx context.Context, reason error) error {
	if reason == nil {
		o.endOperation(nil)
		return nil
	}
	e := &Error{
		Operation: o.current.Operation,
		Attempts:  o.current.Number,
		Elapsed:   o.elapsed(),
		Reason:    reason,
		Err:       o.current.Err,
	}
	switch {
	case ctx.Err() != nil && (reason == ErrCancelled || reason == ErrDeadline):
		e.Cause = context.Cause(ctx)
	case reason == ErrDeadline:
		e.Cause = context.DeadlineExceeded
	}
	o.endOperation(e)
	return e
}

// endPanic runs deferred. When the operation panicked or called runtime.Goexit it ends the spans and lets either go
// on; the stack stays whole, because panicking again in a deferred call adds to it.
func (o *operation) endPanic(ctx context.Context) {
	if o.spans.ended {
		return
	}
	r := recover()
	o.abandon(ctx, r)
	if r != nil {
		panic(r)
	}
}

// abandonedError is the error of an attempt that neither returned nor failed in the usual way.
type abandonedError struct{ value any } // nil: runtime.Goexit

func (e abandonedError) Error() string {
	if e.value == nil {
		return "the operation called runtime.Goexit"
	}
	return fmt.Sprintf("panic: %v", e.value)
}

// Unwrap returns the error that was panicked with, if it was one.
func (e abandonedError) Unwrap() error {
	err, _ := e.value.(error)
	return err
}
