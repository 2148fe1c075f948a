package retry

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

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

	late  bool          // the running attempt has no span yet: it gets one if it fails
	since time.Duration // when that attempt began, on clock

	place place // known when the operation is recorded
}

// A place is where an operation is, from the frame around it.
type place struct {
	session, phase string
	depth          int
}

// startOperation starts the operation's span and returns its context.
func (o *operation) startOperation(ctx context.Context) context.Context {
	below, span := tracer.Start(ctx, o.started, semconv.KindOperation, o.current.Operation)
	if o.spans.whole = span; span != nil && span.IsRecording() {
		o.spans.recording = true
		around := scope.From(below) // with the session that a span processor may have given it
		o.spans.place = place{around.Session, around.Phase, around.Depth}
	}
	return below
}

// startAttempt starts the span of the current attempt and returns the context that the operation gets.
func (o *operation) startAttempt(ctx context.Context) context.Context {
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

// endAttempt ends the current attempt's span; d says what follows. ctx is the operation's.
func (o *operation) endAttempt(ctx context.Context, d Decision) {
	if o.current.Err != nil {
		o.startLate(ctx)
	}
	span := o.spans.attempt
	if span == nil {
		return
	}
	o.spans.attempt = nil
	if o.current.Err != nil {
		o.describe()
	}
	set := attributes()
	set.add(semconv.KindKey.String(semconv.KindAttempt))
	set.add(semconv.OperationKey.String(o.current.Operation))
	set.add(semconv.AttemptKey.Int(o.current.Number))
	set.add(semconv.DelayKey.Float64(o.current.Delay.Seconds()))
	set.place(o.spans.place)
	switch {
	case o.current.Err == nil:
		set.add(semconv.ResultKey.String(semconv.ResultSuccess))
	case d.Retry:
		set.add(semconv.ResultKey.String(semconv.ResultRetrying))
		set.add(semconv.NextDelayKey.Float64(d.Delay.Seconds()))
	default:
		set.add(semconv.ResultKey.String(semconv.ResultFailed))
	}
	if o.current.Err != nil {
		set.add(semconv.ErrorTypeKey.String(semconv.ErrorType(o.current.Err)))
		// The description carries the message; RecordError would repeat it as an event, for 6 allocations.
		span.SetStatus(codes.Error, semconv.ErrorText(o.current.Err))
	}
	set.on(span)
	span.End()
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
	set.on(o.spans.whole)
}

func (o *operation) addDescription(set *attributeSet) {
	if o.spans.described {
		return
	}
	o.spans.described = true
	set.add(semconv.KindKey.String(semconv.KindOperation))
	set.add(semconv.OperationKey.String(o.current.Operation))
	set.add(semconv.MaxRetriesKey.Int(o.policy.maxRetries()))
	set.place(o.spans.place)
	if o.spans.place.depth > 0 {
		set.add(semconv.DepthKey.Int(o.spans.place.depth))
	}
}

// scheduled puts an event on the operation's span at the beginning of a wait.
func (o *operation) scheduled() {
	if !o.spans.recording {
		return
	}
	event := schedules.Get().(*schedule)
	event.attributes = [3]attribute.KeyValue{
		semconv.AttemptKey.Int(o.current.Number + 1),
		semconv.DelayKey.Float64(o.current.NextDelay.Seconds()),
		semconv.ReasonKey.String(semconv.ErrorText(o.current.Err)),
	}
	o.spans.whole.AddEvent(semconv.ScheduledEvent, event.options[:]...)
	schedules.Put(event)
}

// endOperation ends the operation's span; failure is nil when it succeeded.
func (o *operation) endOperation(failure *Error) {
	o.spans.ended = true
	if o.spans.recording {
		outcome := semconv.OutcomeSuccess
		switch {
		case failure != nil:
			outcome = outcomes[failure.Reason]
			o.spans.whole.SetStatus(codes.Error, failure.description())
		case o.current.Number > 1:
			outcome = semconv.OutcomeRecovered
		}
		var err error
		if failure != nil {
			err = failure.lastOrCause()
		}
		o.finish(outcome, err)
	}
	if o.spans.whole != nil {
		o.spans.whole.End()
	}
}

var outcomes = map[error]string{
	ErrExhausted: semconv.OutcomeExhausted,
	ErrPermanent: semconv.OutcomePermanent,
	ErrCancelled: semconv.OutcomeCancelled,
	ErrDeadline:  semconv.OutcomeDeadline,
}

// finish sets what is known of an operation only at its end.
func (o *operation) finish(outcome string, err error) {
	set := attributes()
	o.addDescription(set)
	set.add(semconv.OutcomeKey.String(outcome))
	set.add(semconv.AttemptsKey.Int(o.current.Number))
	set.add(semconv.RetriedKey.Bool(o.current.Number > 1))
	set.add(semconv.TotalDelayKey.Float64(o.waited.Seconds()))
	if err != nil {
		set.add(semconv.ErrorTypeKey.String(semconv.ErrorType(err)))
	}
	set.on(o.spans.whole)
}

// abandon ends the spans of an operation that panicked with value, or called runtime.Goexit (value nil).
func (o *operation) abandon(ctx context.Context, value any) {
	err := abandonedError{value}
	o.spans.ended = true
	if o.spans.recording {
		o.startLate(ctx)
		if o.spans.attempt != nil {
			o.spans.attempt.AddEvent(semconv.ExceptionEvent, trace.WithAttributes(
				semconv.ExceptionTypeKey.String(fmt.Sprintf("%T", value)),
				semconv.ExceptionMessageKey.String(semconv.ErrorText(err)),
				semconv.ExceptionStacktraceKey.String(string(debug.Stack())),
			))
			o.current.Err = err
			o.endAttempt(ctx, Decision{})
		}
		o.spans.whole.SetStatus(codes.Error, semconv.ErrorText(err))
		o.finish(semconv.OutcomePanic, err)
	}
	if o.spans.whole != nil {
		o.spans.whole.End()
	}
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
