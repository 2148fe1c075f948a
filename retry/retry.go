package retry

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/backspan/backspan/internal/decide"
	"github.com/backspan/backspan/internal/scope"
)

// Do calls op until it succeeds, until p gives it up, or until ctx ends, and returns nil or an *Error that tells why.
// The operation is a span called name, each attempt a child span with its delay and its error, and the context that
// op gets carries the attempt's span. What goes on spans is bounded: a name to 128 bytes, the text of an error to
// 2,048, without cutting through a word.
//
// op is not called when ctx is already done. A panic in op is not retried: the spans are ended with it and it goes
// on. Unusable arguments give a *FieldError before the first attempt.
func Do(ctx context.Context, name string, p Policy, op func(context.Context) error) error {
	below, o, err := begin(ctx, name, &p, op, nil)
	if o == nil {
		return err
	}
	return o.goOn(below, op)
}

// begin starts an operation and makes attempts until none follows, or until one must be waited for. In that case it
// returns the operation, with its context. retrying is as in decide.Do, and may be nil.
//
// Up to there the operation stays on the stack, where it costs nothing, and nearly every one succeeds at first. One
// that waits is moved to the heap: with it, a goroutine that waits would need a stack of 8 KiB, and has 4.
//
//go:noinline
func begin(
	ctx context.Context, name string, p *Policy, op func(context.Context) error, retrying func(),
) (below context.Context, waiting *operation, err error) {
	if err := check(ctx, name, p, op == nil); err != nil {
		return nil, nil, err
	}
	o := operation{retrying: retrying}
	below = o.start(ctx, name, p)
	defer o.endPanic(below)
	if waits, err := o.attempts(below, op); !waits {
		return nil, nil, err
	}
	waiting = &operation{}
	*waiting = o
	o.spans.ended = true // here; it goes on there
	return below, waiting, nil
}

// goOn waits and makes attempts until none follows.
func (o *operation) goOn(ctx context.Context, op func(context.Context) error) error {
	defer o.endPanic(ctx)
	for {
		o.waited += sleep(ctx, o.current.NextDelay)
		if waits, err := o.attempts(ctx, op); !waits {
			return err
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
		return &FieldError{Field: "ctx", Value: "nil", Want: "a context"}
	case name == "":
		return &FieldError{
			Field: "name", Value: strconv.Quote(name), Want: "the operation's name, for example data_load",
		}
	case noOp:
		return &FieldError{Field: "op", Value: "nil", Want: "a function"}
	}
	return p.validate()
}

// An operation is the state of one Do.
type operation struct {
	spans   spans
	policy  Policy
	started time.Duration // on clock
	waited  time.Duration // all waits together
	noWait  bool          // they pass at once, because of scope.Frame.NoWait, and count as elapsed

	retrying func() // see decide.Do; may be nil

	running bool            // the current attempt runs, or it is decided what follows it
	current Attempt         // the one that runs, or ran last
	began   time.Duration   // when, on clock; only known when somebody asks
	bounded *attemptContext // its context; nil without an AttemptTimeout

	next    decide.Decision // what follows the attempt that ended last
	first   error           // what the first attempt returned
	payment payment
}

func (o *operation) start(ctx context.Context, name string, p *Policy) context.Context {
	o.policy = *p
	o.policy.fillDefaults()
	o.current.Operation = name
	o.started = clock()
	return o.startOperation(ctx)
}

// attempts makes attempts until one must be waited for, and says so, or until none follows: then err is what Do
// returns.
func (o *operation) attempts(ctx context.Context, op func(context.Context) error) (waits bool, err error) {
	for ctx.Err() == nil {
		if !o.attempt(ctx, op) {
			return false, o.end()
		}
		o.scheduled()
		if o.waits(ctx) {
			return true, nil
		}
	}
	o.refund() // the retry that was decided on is not made
	o.next.Reason, o.next.Cause = contextReason(ctx.Err()), context.Cause(ctx)
	return false, o.end()
}

// attempt makes one attempt, decides what follows it, and reports whether that is another attempt.
func (o *operation) attempt(ctx context.Context, op func(context.Context) error) (again bool) {
	o.current.Number++
	o.current.RetriesLeft = decide.RetriesLeft(o.policy.MaxRetries, o.current.Number)
	o.current.Delay = o.current.NextDelay

	o.running = true
	o.current.Err = op(o.startAttempt(ctx))
	if o.current.Err != nil {
		o.next = o.policy.decide(o.ended(ctx))
		o.pay()
	} else {
		o.next = decide.Decision{}
		if o.policy.Budget != nil {
			o.earn()
		}
	}
	o.running = false
	o.endAttempt(ctx)
	return o.next.Retry
}

// startAttempt starts the span and the clocks of the current attempt and returns the context that the operation gets.
func (o *operation) startAttempt(ctx context.Context) context.Context {
	if o.spans.layers == nil { // nobody traces
		ctx = scope.WithAttempt(ctx, o.scope())
	} else {
		ctx = o.startAttemptSpan(ctx)
	}
	if o.policy.AfterAttempt != nil {
		o.began = clock()
	}
	if o.policy.AttemptTimeout > 0 {
		o.bounded = withTimeout(ctx, o.policy.AttemptTimeout)
		ctx = o.bounded
	}
	return ctx
}

// endAttempt ends the current attempt, after which o.next follows. ctx is the operation's.
func (o *operation) endAttempt(ctx context.Context) {
	o.current.NextDelay = o.next.Delay
	if o.current.Number == 1 && o.current.Err != nil {
		o.first = o.current.Err
	}
	if o.policy.AfterAttempt != nil {
		o.current.Duration = clock() - o.began
	}
	if o.bounded != nil {
		o.bounded.release(!o.next.Retry)
	}
	if o.spans.recording {
		o.endAttemptSpan(ctx)
	}
	if o.retrying != nil && o.next.Retry {
		o.retrying()
	}
	if o.policy.AfterAttempt != nil {
		o.current.Depth, o.current.Stop = scope.From(ctx).Depth, o.next.Reason
		o.policy.AfterAttempt(ctx, o.current)
	}
}

// ended gathers what the decision needs.
func (o *operation) ended(ctx context.Context) decide.Ended {
	e := decide.Ended{
		Attempt:  o.current.Number,
		Err:      o.current.Err,
		Context:  ctx.Err(),
		Previous: o.current.Delay,
	}
	if e.Context != nil {
		e.Cause = context.Cause(ctx)
	}
	if o.policy.MaxElapsed > 0 { // nobody else asks, and clocks are slow
		e.Elapsed = o.elapsed()
	}
	if deadline, ok := ctx.Deadline(); ok {
		e.HasDeadline = true
		e.Remaining = time.Until(deadline) - o.skipped()
	}
	if o.policy.Jitter != NoJitter {
		e.Random = rand.Float64() //nolint:gosec // spreads callers in time, guards no secret
	}
	return e
}

func (o *operation) elapsed() time.Duration { return clock() - o.started + o.skipped() }

// skipped is what of the waits passed at once.
func (o *operation) skipped() time.Duration {
	if o.noWait {
		return o.waited
	}
	return 0
}

// clock is the monotonic time since some moment. Reading it takes half as long as time.Now, which reads the wall
// clock too, and an operation that succeeds at first does little else.
func clock() time.Duration { return time.Since(epoch) }

var epoch = time.Now()

// waits reports whether the delay before the next attempt takes time.
func (o *operation) waits(ctx context.Context) bool {
	delay := o.current.NextDelay
	if delay > 0 && scope.NoWait(ctx) {
		o.noWait = true
		o.waited += delay
		return false
	}
	return delay > 0 // a timer would cost more than all the rest of a retry without delay
}

// sleep returns after d, or earlier when ctx ends, and says how long it took.
func sleep(ctx context.Context, d time.Duration) time.Duration {
	start := clock()
	timer := time.NewTimer(d)
	select {
	case <-timer.C:
		return d // as configured: how late the timer was is not a wait that anybody asked for
	case <-ctx.Done():
		timer.Stop()
		return min(d, clock()-start)
	}
}

// end closes the operation and returns what Do returns.
func (o *operation) end() error {
	if o.next.Reason == nil {
		o.endOperation(nil)
		return nil
	}
	e := &Error{
		Operation: o.current.Operation,
		Attempts:  o.current.Number,
		Elapsed:   o.elapsed(),
		Reason:    o.next.Reason,
		Err:       o.current.Err,
		First:     o.first,
		After:     o.next.Asked,
		Cause:     o.next.Cause,
	}
	o.endOperation(e)
	return e
}

// endPanic runs deferred. When the operation or a function of its policy panicked or called runtime.Goexit, it ends the
// spans and lets either go on; the stack stays whole, because panicking again in a deferred call adds to it.
func (o *operation) endPanic(ctx context.Context) {
	if o.spans.ended {
		return
	}
	value := recover()
	o.abandon(ctx, abandonedError{value: value})
	if value != nil {
		panic(value)
	}
}

// abandon ends what is open of an operation that did not come to its end. A panic of AfterAttempt comes here after its
// attempt has ended.
func (o *operation) abandon(ctx context.Context, err abandonedError) {
	if !o.running {
		err.after = o.current.Number
		o.refund()
	}
	defer o.abandonSpan(err)
	if o.running {
		o.running = false
		o.payment.asked = false // that was after the attempt before
		o.startLate(ctx)
		addException(o.spans.attempt, err)
		o.current.Err, o.next = err, decide.Decision{Reason: ErrPanic}
		o.endAttempt(ctx)
	}
}

// abandonedError is the error of an operation that neither returned nor failed in the usual way, and of its last
// attempt unless that had ended.
type abandonedError struct {
	value any // nil: runtime.Goexit
	after int // the attempt that had ended; 0: it happened in an attempt
}

func (e abandonedError) Error() string {
	switch {
	case e.after > 0 && e.value == nil:
		return fmt.Sprintf("runtime.Goexit after attempt %d had ended", e.after)
	case e.after > 0:
		return fmt.Sprintf("panic after attempt %d had ended: %v", e.after, e.value)
	case e.value == nil:
		return "the operation called runtime.Goexit"
	}
	return fmt.Sprintf("panic: %v", e.value)
}

// Unwrap returns the error that was panicked with, if it was one.
func (e abandonedError) Unwrap() error {
	err, _ := e.value.(error)
	return err
}
