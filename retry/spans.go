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
	ended     bool       // the operation's span is ended
	waits     int        // how many retry.scheduled events the operation's span has

	late  bool          // the running attempt has no span yet: it gets one if it fails
	since time.Duration // when that attempt began, on clock

	common common // known when the operation is recorded
}

// common is what the spans of an operation and of its attempts say alike.
type common struct {
	name           string // the operation's
	session, phase string // of the frame around it
	depth          int    // likewise
	dryRun         bool   // likewise
	parent         string // the operation around it; empty when there is none
}

// startOperation starts the operation's span and returns its context.
func (o *operation) startOperation(ctx context.Context) context.Context {
	below, span := tracer.Start(ctx, o.started, semconv.KindOperation, o.current.Operation)
	if o.spans.whole = span; span != nil && span.IsRecording() {
		o.spans.recording = true
		around := scope.From(below) // with the session that a span processor may have given it
		o.spans.common = common{
			boundtext.Name(o.current.Operation), around.Session, around.Phase, around.Depth, around.DryRun,
			around.Operation,
		}
	}
	return below
}

// startAttemptSpan starts the span of the current attempt and returns the context below it.
func (o *operation) startAttemptSpan(ctx context.Context) context.Context {
	switch {
	case !o.spans.recording:
	case o.policy.Spans == FromFirstFailure && o.current.Number == 1:
		o.spans.late, o.spans.since = true, clock()
	default:
		ctx, o.spans.attempt = o.attemptSpan(ctx)
	}
	return scope.WithAttempt(ctx, scope.Attempt{
		Operation:   o.current.Operation,
		Number:      o.current.Number,
		RetriesLeft: o.current.RetriesLeft,
		Delay:       o.current.Delay,
	})
}

func (o *operation) attemptSpan(ctx context.Context, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	return tracer.Start(ctx, o.started, semconv.KindAttempt, semconv.AttemptName(o.current.Number), options...)
}

// startLate starts the span of an attempt that failed without one; see FromFirstFailure.
func (o *operation) startLate(ctx context.Context) {
	if o.spans.late {
		o.spans.late = false
		now := time.Now() // read once: who is held up between two readings would begin before the operation
		began := now.Add(o.spans.since - now.Sub(epoch))
		_, o.spans.attempt = o.attemptSpan(ctx, trace.WithTimestamp(began))
	}
}

// endAttemptSpan ends the current attempt's span. ctx is the operation's.
func (o *operation) endAttemptSpan(ctx context.Context) {
	err := o.current.Err
	if err != nil {
		o.startLate(ctx)
	}
	span := o.spans.attempt
	if span == nil {
		return
	}
	o.spans.attempt = nil
	set := attributes()
	set.add(semconv.KindKey.String(semconv.KindAttempt))
	set.add(semconv.OperationKey.String(o.spans.common.name))
	set.add(semconv.AttemptKey.Int(o.current.Number))
	set.add(semconv.DelayKey.Float64(o.current.Delay.Seconds()))
	set.addFrame(&o.spans.common)
	set.add(semconv.ResultKey.String(o.result()))
	if err == nil {
		if o.current.Number > 1 {
			set.add(semconv.OutcomeKey.String(semconv.OutcomeRecovered))
		}
	} else {
		o.describe()
		o.addFailure(set)
		limit := boundtext.MaxAttempt
		if o.next.Reason == ErrPanic {
			limit = boundtext.MaxAttemptBeside
		}
		// The description carries the message; RecordError would repeat it as an event, for 6 allocations.
		span.SetStatus(codes.Error, boundtext.Error(err, limit))
	}
	set.on(span)
	span.End()
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
		set.add(semconv.NextDelayKey.Float64(d.Delay.Seconds()))
	} else {
		set.add(semconv.OutcomeKey.String(outcomes[d.Reason]))
	}
	if o.next.Asked > 0 {
		set.add(semconv.AfterKey.Float64(o.next.Asked.Seconds()))
	}
	if o.payment.asked {
		set.add(semconv.BudgetNameKey.String(boundtext.Name(o.policy.Budget.name)))
		set.add(semconv.BudgetTokensKey.Float64(float64(o.payment.left) / tenths))
	}
	o.addPolicy(set)
	if parent := o.spans.common.parent; parent != "" {
		set.add(semconv.ParentOpKey.String(boundtext.Name(parent)))
	}
	set.add(semconv.ErrorTypeKey.String(boundtext.Type(o.current.Err)))
}

// addPolicy adds what says something about an operation only once it has failed.
func (o *operation) addPolicy(set *attributeSet) {
	set.add(semconv.MaxRetriesKey.Int(o.policy.maxRetries()))
	if o.policy.MaxElapsed > 0 {
		set.add(semconv.MaxElapsedKey.Float64(o.policy.MaxElapsed.Seconds()))
	}
	if o.spans.common.depth > 0 {
		set.add(semconv.DepthKey.Int(o.spans.common.depth))
	}
}

// describe sets what is known of the operation from its start. That is done when an attempt has failed, so that who
// watches the running span sees it, and not earlier, because a span copies all its attributes each time it gets more:
// an operation that succeeds at first gets all at once, at its end.
func (o *operation) describe() {
	if o.spans.described {
		return
	}
	set := attributes()
	o.addDescription(set)
	o.addPolicy(set)
	if b := o.policy.Budget; b != nil {
		set.add(semconv.BudgetNameKey.String(boundtext.Name(b.name)))
	}
	set.on(o.spans.whole)
	o.spans.described = true
}

func (o *operation) addDescription(set *attributeSet) {
	set.add(semconv.KindKey.String(semconv.KindOperation))
	set.add(semconv.OperationKey.String(o.spans.common.name))
	set.addFrame(&o.spans.common)
}

// scheduled puts an event on the operation's span at the beginning of a wait. Like gaveUp it is about the attempt that
// failed.
func (o *operation) scheduled() {
	if !o.spans.recording || o.spans.waits >= semconv.MaxScheduled {
		return
	}
	o.spans.waits++
	addEvent(o.spans.whole, semconv.ScheduledEvent,
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
	addEvent(o.spans.whole, semconv.GaveUpEvent,
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
			o.finish(outcomes[failure.Reason], err)
		case o.current.Number > 1:
			o.finish(semconv.OutcomeRecovered, nil)
		default:
			o.finish(semconv.OutcomeSuccess, nil)
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

// finish sets what is known of an operation only at its end. A first success has nothing to tell but that.
func (o *operation) finish(outcome string, err error) {
	set := attributes()
	if !o.spans.described {
		o.addDescription(set)
	}
	set.add(semconv.OutcomeKey.String(outcome))
	set.add(semconv.AttemptsKey.Int(o.current.Number))
	if outcome != semconv.OutcomeSuccess {
		if !o.spans.described {
			o.addPolicy(set)
		}
		set.add(semconv.RetriedKey.Bool(o.current.Number > 1))
		set.add(semconv.TotalDelayKey.Float64(o.waited.Seconds()))
	}
	if err != nil {
		set.add(semconv.ErrorTypeKey.String(boundtext.Type(err)))
	}
	if o.next.Retry { // stopped in the wait, which the last attempt announced
		set.add(semconv.NextDelayKey.Float64(o.current.NextDelay.Seconds()))
	}
	set.on(o.spans.whole)
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
		o.finish(semconv.OutcomePanic, err)
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
