package retry

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/internal/tracer"
)

// spans are the spans of one operation. Everything the loop says to OpenTelemetry is in this file.
type spans struct {
	tracer    trace.Tracer
	whole     trace.Span // the operation's
	attempt   trace.Span // the running attempt's; nil between attempts and when the operation is not recorded
	recording bool       // an operation that is not recorded costs no attempt spans either
	ended     bool       // the operation's span is ended
}

// startOperation starts the operation's span and returns its context.
func (o *operation) startOperation(ctx context.Context) context.Context {
	f := o.frame
	f.Starting = semconv.KindOperation
	o.spans.tracer = tracer.For(ctx)
	ctx, o.spans.whole = o.spans.tracer.Start(scope.With(ctx, f), o.current.Operation)
	o.spans.recording = o.spans.whole.IsRecording()
	if o.spans.recording {
		// Early, so that who watches the running span knows it.
		set := attributes()
		set.add(semconv.KindKey.String(semconv.KindOperation), semconv.OperationKey.String(o.current.Operation))
		set.add(semconv.MaxRetriesKey.Int(o.policy.maxRetries()))
		set.place(o.frame)
		if o.frame.Depth > 0 {
			set.add(semconv.DepthKey.Int(o.frame.Depth))
		}
		set.on(o.spans.whole)
	}
	return ctx
}

// startAttempt starts the span of the current attempt and returns the context that the operation gets.
func (o *operation) startAttempt(ctx context.Context) context.Context {
	f := o.frame
	f.Depth++
	if o.spans.recording {
		f.Starting = semconv.KindAttempt
		ctx, o.spans.attempt = o.spans.tracer.Start(scope.With(ctx, f), semconv.AttemptName(o.current.Number))
	}
	f.Starting = ""
	f.Operation, f.Attempt = o.current.Operation, o.current.Number
	f.RetriesLeft, f.Delay = o.current.RetriesLeft, o.current.Delay
	return scope.With(ctx, f)
}

// endAttempt ends the current attempt's span; d says what follows.
func (o *operation) endAttempt(d Decision) {
	span := o.spans.attempt
	if span == nil {
		return
	}
	o.spans.attempt = nil
	set := attributes()
	set.add(semconv.KindKey.String(semconv.KindAttempt), semconv.OperationKey.String(o.current.Operation))
	set.add(semconv.AttemptKey.Int(o.current.Number), semconv.DelayKey.Float64(o.current.Delay.Seconds()))
	set.place(o.frame)
	switch {
	case o.current.Err == nil:
		set.add(semconv.ResultKey.String(semconv.ResultSuccess))
	case d.Retry:
		set.add(semconv.ResultKey.String(semconv.ResultRetrying), semconv.NextDelayKey.Float64(d.Delay.Seconds()))
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

// scheduled puts an event on the operation's span at the beginning of a wait.
func (o *operation) scheduled() {
	if !o.spans.recording {
		return
	}
	o.spans.whole.AddEvent(semconv.ScheduledEvent, trace.WithAttributes(
		semconv.AttemptKey.Int(o.current.Number+1),
		semconv.DelayKey.Float64(o.delay.Seconds()),
		semconv.ReasonKey.String(semconv.ErrorText(o.current.Err)),
	))
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
	o.spans.whole.End()
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
	set.add(
		semconv.OutcomeKey.String(outcome),
		semconv.AttemptsKey.Int(o.current.Number),
		semconv.RetriedKey.Bool(o.current.Number > 1),
		semconv.TotalDelayKey.Float64(o.waited.Seconds()),
	)
	if err != nil {
		set.add(semconv.ErrorTypeKey.String(semconv.ErrorType(err)))
	}
	set.on(o.spans.whole)
}

// abandon ends the spans of an operation that panicked with value, or called runtime.Goexit (value nil).
func (o *operation) abandon(value any) {
	err := abandonedError{value}
	o.spans.ended = true
	if o.spans.recording {
		if o.spans.attempt != nil {
			o.spans.attempt.AddEvent(semconv.ExceptionEvent, trace.WithAttributes(
				semconv.ExceptionTypeKey.String(fmt.Sprintf("%T", value)),
				semconv.ExceptionMessageKey.String(semconv.ErrorText(err)),
				semconv.ExceptionStacktraceKey.String(string(debug.Stack())),
			))
			o.current.Err = err
			o.endAttempt(Decision{})
		}
		o.spans.whole.SetStatus(codes.Error, semconv.ErrorText(err))
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

// An attributeSet collects attributes for one SetAttributes. They are pooled because the variadic slice would escape
// to the heap: half a kilobyte a span, more than everything else that the loop allocates.
type attributeSet struct{ list []attribute.KeyValue }

var attributePool = sync.Pool{New: func() any {
	return &attributeSet{make([]attribute.KeyValue, 0, 12)}
}}

func attributes() *attributeSet { return attributePool.Get().(*attributeSet) }

func (s *attributeSet) add(list ...attribute.KeyValue) { s.list = append(s.list, list...) }

// place adds the session and the phase; what has no session of its own gets the process's from the span processor.
func (s *attributeSet) place(f scope.Frame) {
	if f.Session != "" {
		s.add(semconv.SessionIDKey.String(f.Session))
	}
	if f.Phase != "" {
		s.add(semconv.PhaseNameKey.String(f.Phase))
	}
}

// on sets the attributes on span and gives the set back. A span copies what it is given.
func (s *attributeSet) on(span trace.Span) {
	span.SetAttributes(s.list...)
	clear(s.list)
	s.list = s.list[:0]
	attributePool.Put(s)
}

func (p Policy) maxRetries() int {
	switch p.MaxRetries {
	case Unlimited:
		return -1
	case Never:
		return 0
	default:
		return p.MaxRetries
	}
}
