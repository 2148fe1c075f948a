package retry

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/boundtext"
	"github.com/backspan/backspan/internal/decide"
	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/internal/tracer"
)

// spans are the spans of one operation. Everything the loop says to OpenTelemetry is in this file.
type spans struct {
	whole     trace.Span // the operation's; nil when nobody traces
	attempt   trace.Span // the running attempt's; nil between attempts and when the operation is not recorded
	recording bool       // an operation that is not recorded costs no attempt spans either
	described bool       // what is known of the operation from its start is on its span
	late      bool       // the running attempt has no span yet: it gets one if it fails
	ended     bool       // the operation's span is ended
	waits     uint8      // how many retry.scheduled events the operation's span has

	layers *scope.Layers // its contexts; nil when nobody traces
	first  *firstSuccess // what an operation says that succeeded at first; nil when that is not known
}

// startOperation starts the operation's span and returns its context.
func (o *operation) startOperation(ctx context.Context) context.Context {
	below, span, layers := tracer.StartOperation(ctx, o.started, o.current.Operation)
	o.spans.whole, o.spans.layers = span, layers
	o.spans.recording = span != nil && span.IsRecording()
	return below
}

// startAttemptSpan starts the span of the current attempt, if it gets one, and returns the context below it.
func (o *operation) startAttemptSpan(ctx context.Context) context.Context {
	switch {
	case !o.spans.recording:
	case o.policy.Spans == FromFirstFailure && o.current.Number == 1:
		o.spans.late, o.began = true, clock()
	default:
		ctx, o.spans.attempt = tracer.StartAttempt(ctx, o.spans.layers, o.scope())
		return ctx
	}
	return o.spans.layers.Untraced(ctx, o.scope())
}

// scope is what the context of the current attempt says of it.
func (o *operation) scope() scope.Attempt {
	return scope.Attempt{
		Operation:   o.current.Operation,
		Number:      o.current.Number,
		RetriesLeft: o.current.RetriesLeft,
		Delay:       o.current.Delay,
	}
}

// startLate starts the span of an attempt that failed without one; see FromFirstFailure.
func (o *operation) startLate(ctx context.Context) {
	if o.spans.late {
		o.spans.late = false
		now := time.Now() // read once: who is held up between two readings would begin before the operation
		began := now.Add(o.began - now.Sub(epoch))
		_, o.spans.attempt = tracer.StartAttempt(ctx, o.spans.layers, o.scope(), trace.WithTimestamp(began))
	}
}

// endAttemptSpan ends the current attempt's span. ctx is the operation's.
func (o *operation) endAttemptSpan(ctx context.Context) {
	err := o.current.Err
	switch {
	case err != nil:
		o.startLate(ctx)
	case o.current.Number == 1:
		o.spans.first = o.firstSuccess()
	}
	span := o.spans.attempt
	if span == nil {
		return
	}
	o.spans.attempt = nil
	if err != nil {
		o.describe()
		limit := boundtext.MaxAttempt
		if o.next.Reason == ErrPanic {
			limit = boundtext.MaxAttemptBeside
		}
		// The description carries the message; RecordError would repeat it as an event, for 6 allocations.
		span.SetStatus(codes.Error, boundtext.Error(err, limit))
	}
	o.attemptAttributes().on(span)
	span.End()
}

func (o *operation) attemptAttributes() *attributeSet {
	if o.spans.first != nil {
		return &o.spans.first.attempt
	}
	set := o.attributes()
	set.string(semconv.KindKey, semconv.KindAttempt)
	set.string(semconv.OperationKey, boundtext.Name(o.current.Operation))
	set.int(semconv.AttemptKey, o.current.Number)
	set.seconds(semconv.DelayKey, o.current.Delay)
	o.addFrame(set)
	set.string(semconv.ResultKey, o.result())
	switch {
	case o.current.Err != nil:
		o.addFailure(set)
	case o.current.Number > 1:
		set.string(semconv.OutcomeKey, semconv.OutcomeRecovered)
	}
	return set
}

// result is how the current attempt ended.
func (o *operation) result() string {
	switch {
	case o.current.Err == nil:
		return semconv.ResultSuccess
	case o.next.Retry:
		return semconv.ResultRetrying
	}
	return semconv.ResultFailed
}

// addFailure adds what only a failed attempt says.
func (o *operation) addFailure(set *attributeSet) {
	if d := &o.next; d.Retry {
		set.seconds(semconv.NextDelayKey, d.Delay)
	} else {
		set.string(semconv.OutcomeKey, outcomes[d.Reason])
	}
	if o.next.Asked > 0 {
		set.seconds(semconv.AfterKey, o.next.Asked)
	}
	if o.payment.asked {
		set.string(semconv.BudgetNameKey, boundtext.Name(o.policy.Budget.name))
		set.float(semconv.BudgetTokensKey, float64(o.payment.left)/tenths)
	}
	o.addPolicy(set)
	if parent := o.spans.layers.Frame().Operation; parent != "" {
		set.string(semconv.ParentOpKey, boundtext.Name(parent))
	}
	set.string(semconv.ErrorTypeKey, boundtext.Type(o.current.Err))
}

// addPolicy adds what says something about an operation only once it has failed.
func (o *operation) addPolicy(set *attributeSet) {
	set.int(semconv.MaxRetriesKey, o.policy.maxRetries())
	if o.policy.MaxElapsed > 0 {
		set.seconds(semconv.MaxElapsedKey, o.policy.MaxElapsed)
	}
	if depth := o.spans.layers.Frame().Depth; depth > 0 {
		set.int(semconv.DepthKey, depth)
	}
}

// describe sets what is known of the operation from its start. That is done when an attempt has failed, so that who
// watches the running span sees it, and not earlier, because a span copies all its attributes each time it gets more:
// an operation that succeeds at first gets all at once, at its end.
func (o *operation) describe() {
	if o.spans.described {
		return
	}
	set := o.attributes()
	o.addDescription(set)
	o.addPolicy(set)
	if b := o.policy.Budget; b != nil {
		set.string(semconv.BudgetNameKey, boundtext.Name(b.name))
	}
	set.on(o.spans.whole)
	o.spans.described = true
}

func (o *operation) addDescription(set *attributeSet) {
	set.string(semconv.KindKey, semconv.KindOperation)
	set.string(semconv.OperationKey, boundtext.Name(o.current.Operation))
	o.addFrame(set)
}

// addFrame adds the session and the phase, as far as there are any, and that it is a dry run.
func (o *operation) addFrame(set *attributeSet) {
	around := o.spans.layers.Frame()
	if around.Session != "" {
		set.string(semconv.SessionIDKey, around.Session)
	}
	if around.Phase != "" {
		set.string(semconv.PhaseNameKey, around.Phase)
	}
	if around.DryRun {
		set.bool(semconv.RunDryRunKey, true)
	}
}

// scheduled puts an event on the operation's span at the beginning of a wait. Like gaveUp it is about the attempt that
// failed. It is not inlined: its attributes would lie on the stack while the operation waits.
//
//go:noinline
func (o *operation) scheduled() {
	if !o.spans.recording || o.spans.waits >= semconv.MaxScheduled {
		return
	}
	o.spans.waits++
	o.addEvent(semconv.ScheduledEvent,
		semconv.AttemptKey.Int(o.current.Number),
		semconv.NextDelayKey.Float64(o.current.NextDelay.Seconds()),
		semconv.ReasonKey.String(boundtext.Error(o.current.Err, boundtext.MaxEventReason)),
	)
}

// gaveUp puts an event with the last failure on the operation's span: who opens it in a viewer finds it with the waits,
// which tell of the other failures.
func (o *operation) gaveUp(err error, outcome string) {
	if o.current.Number == 0 {
		return
	}
	o.addEvent(semconv.GaveUpEvent,
		semconv.ReasonKey.String(boundtext.Error(err, boundtext.MaxEventReason)),
		semconv.AttemptKey.Int(o.current.Number),
		semconv.OutcomeKey.String(outcome),
	)
}

// endOperation ends the operation's span; failure is nil when it succeeded.
func (o *operation) endOperation(failure *Error) {
	o.spans.ended = true
	if o.spans.whole == nil {
		return
	}
	if o.spans.recording {
		switch {
		case failure != nil:
			err := failure.lastOrCause()
			o.gaveUp(err, outcomes[failure.Reason])
			o.spans.whole.SetStatus(codes.Error, failure.bounded(boundtext.MaxOperation))
			o.finalAttributes(outcomes[failure.Reason], err).on(o.spans.whole)
		case o.current.Number > 1:
			o.finalAttributes(semconv.OutcomeRecovered, nil).on(o.spans.whole)
		default:
			o.finalAttributes(semconv.OutcomeSuccess, nil).on(o.spans.whole)
		}
	}
	o.spans.whole.End()
}

var outcomes = map[error]string{
	ErrExhausted:    semconv.OutcomeExhausted,
	ErrPermanent:    semconv.OutcomePermanent,
	ErrNotRetryable: semconv.OutcomeNotRetryable,
	ErrRetryLater:   semconv.OutcomeRetryLater,
	ErrBudget:       semconv.OutcomeBudget,
	ErrCancelled:    semconv.OutcomeCancelled,
	ErrDeadline:     semconv.OutcomeDeadline,
	ErrPanic:        semconv.OutcomePanic,
}

// finalAttributes are what is known of an operation only at its end. A first success has nothing to tell but that.
func (o *operation) finalAttributes(outcome string, err error) *attributeSet {
	if outcome == semconv.OutcomeSuccess && o.spans.first != nil {
		return &o.spans.first.operation
	}
	set := o.attributes()
	if !o.spans.described {
		o.addDescription(set)
	}
	set.string(semconv.OutcomeKey, outcome)
	set.int(semconv.AttemptsKey, o.current.Number)
	if outcome != semconv.OutcomeSuccess {
		if !o.spans.described {
			o.addPolicy(set)
		}
		set.bool(semconv.RetriedKey, o.current.Number > 1)
		set.seconds(semconv.TotalDelayKey, o.waited)
	}
	if err != nil {
		set.string(semconv.ErrorTypeKey, boundtext.Type(err))
	}
	if o.next.Retry { // stopped in the wait, which the last attempt announced
		set.seconds(semconv.NextDelayKey, o.current.NextDelay)
	}
	return set
}

// addException puts the event of a panic on span, which may be nil.
func addException(span trace.Span, err abandonedError) {
	if span == nil {
		return
	}
	span.AddEvent(semconv.ExceptionEvent, trace.WithAttributes(
		semconv.ExceptionTypeKey.String(boundtext.Of(fmt.Sprintf("%T", err.value), nil, boundtext.MaxErrorType)),
		semconv.ExceptionMessageKey.String(boundtext.Error(err, boundtext.MaxException)),
		semconv.ExceptionStacktraceKey.String(boundtext.Of(string(debug.Stack()), nil, boundtext.MaxStack)),
	))
}

// abandonSpan ends the span of an operation that did not come to its end.
func (o *operation) abandonSpan(err abandonedError) {
	o.spans.ended = true
	if o.spans.whole == nil {
		return
	}
	if o.spans.recording {
		o.gaveUp(err, semconv.OutcomePanic)
		if err.after > 0 { // no wait began, and the last attempt's span says how that ended
			addException(o.spans.whole, err)
			o.spans.whole.SetAttributes(semconv.ResultKey.String(o.result()))
			o.next = decide.Decision{}
		}
		o.spans.whole.SetStatus(codes.Error, boundtext.Error(err, boundtext.MaxOperation))
		o.finalAttributes(semconv.OutcomePanic, err).on(o.spans.whole)
	}
	o.spans.whole.End()
}

// ErrorType is what error.type says of it.
func (e abandonedError) ErrorType() string {
	if e.value == nil {
		return semconv.ErrorTypeGoexit
	}
	return semconv.ErrorTypePanic
}

func (p *Policy) maxRetries() int {
	switch p.MaxRetries {
	case Unlimited:
		return -1
	case Never:
		return 0
	default:
		return p.MaxRetries
	}
}
