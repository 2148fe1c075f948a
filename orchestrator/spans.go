package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/boundtext"
	"github.com/backspan/backspan/internal/decide"
	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/internal/tracer"
	"github.com/backspan/backspan/orchestrator/engine"
	"github.com/backspan/backspan/retry"
)

// All calls of OpenTelemetry are in this file.

// recoverTracing is deferred around them. A panic in a span processor or sampler must not reach the run: attempts have
// goroutines of their own, where nothing else would recover it.
func recoverTracing() {
	if value := recover(); value != nil {
		otel.Handle(fmt.Errorf("orchestrator: panic while tracing: %v", value))
	}
}

// start starts a span and returns it with the context for what is below it, whose innermost frame is frame. place is
// where its ids come from; nil for random ones.
func start(
	ctx context.Context, frame scope.Frame, place *scope.SpanPlace, kind, name string, options ...trace.SpanStartOption,
) (below context.Context, span trace.Span) {
	below = scope.With(ctx, frame) // returned when tracing panics
	defer recoverTracing()
	tracer, provider := tracer.For(ctx)
	frame.Provider = provider
	starting := frame
	starting.Starting, starting.Place = kind, place
	frame.Resumed = false
	started, span := tracer.Start(scope.With(ctx, starting), boundtext.Name(name), options...)
	return scope.With(started, frame), span
}

// runSpans are the spans of a run and of its phases. They are started and ended as things happen, or all at once from a
// history: see Plan.WriteSpans. A time that is zero is now.
type runSpans struct {
	pipeline string
	derived  bool            // their ids come from the run's id and their place in it
	part     int             // how often the run has been stopped and gone on with
	resumed  bool            // another process has started the run's
	frame    scope.Frame     // the run's
	ctx      context.Context //nolint:containedctx // the run's: this is a part of a driver, which is a run
	span     trace.Span      // the run's; nil when it is not recorded
}

// A phaseSpan is the span of a phase.
type phaseSpan struct {
	span  trace.Span // nil when it is not recorded
	waits int        // how many retry.scheduled events it has
}

// startRun starts the run's span and sets the run's context.
func (r *runSpans) startRun(ctx context.Context, pipeline string, opts Options, at time.Time) {
	around := scope.From(ctx)
	r.pipeline = pipeline
	// A new frame: if a retry loop is around the run, its attempt is not an attempt of the phases.
	r.frame = scope.Frame{
		Session: opts.RunID, Phase: around.Phase, Depth: around.Depth, Retries: around.Retries,
		DryRun: opts.DryRun || around.DryRun, Provider: around.Provider, NoWait: around.NoWait,
	}
	attributes := r.attributes(r.frame, semconv.KindRun)
	starting := r.frame
	starting.Resumed = r.resumed
	below, span := start(ctx, starting, r.place(semconv.KindRun, ""), semconv.KindRun, pipeline,
		trace.WithTimestamp(at), trace.WithAttributes(attributes...))
	r.ctx = below
	r.frame.Provider = scope.Provider(below)
	if span != nil && span.IsRecording() {
		r.span = span
	}
}

// place is where the ids of a span come from; nil when they are random.
func (r *runSpans) place(kind, phase string) *scope.SpanPlace {
	if !r.derived {
		return nil
	}
	return &scope.SpanPlace{Run: r.frame.Session, Kind: kind, Phase: phase, Attempt: r.part}
}

// attributes are those of the run's and the phases' spans from their start: who watches a running span, and the event
// log's record of the start, have them.
func (r *runSpans) attributes(frame scope.Frame, kind string) []attribute.KeyValue {
	return append(common(frame, kind), semconv.RunNameKey.String(boundtext.Name(r.pipeline)))
}

// endRun ends the run's span. It is Unset unless the run failed or was cancelled.
func (r *runSpans) endRun(report Report, err error, at time.Time) {
	if r.span == nil {
		return
	}
	defer recoverTracing()
	attributes := []attribute.KeyValue{semconv.RunStatusKey.String(string(report.Status))}
	if failure, ok := errors.AsType[*Error](err); ok {
		attributes = append(attributes,
			semconv.RunReasonKey.String(boundtext.Of(report.Reason, failure.Cause, boundtext.MaxPhaseReason)),
			semconv.ErrorTypeKey.String(boundtext.Type(failure.first())))
		r.span.SetStatus(codes.Error, failure.description(boundtext.MaxRun))
	}
	r.span.SetAttributes(attributes...)
	r.span.End(trace.WithTimestamp(at))
}

// startPhase starts the span of a phase, unless the run's is not recorded, and returns the phase's context.
func (r *runSpans) startPhase(name string, at time.Time, more ...attribute.KeyValue) (context.Context, phaseSpan) {
	return r.openPhase(name, at, false, more...)
}

// openPhase is startPhase. resumed says that another process has started the span.
func (r *runSpans) openPhase(
	name string, at time.Time, resumed bool, more ...attribute.KeyValue,
) (context.Context, phaseSpan) {
	frame := r.frame
	frame.Phase, frame.Resumed = name, resumed
	if r.span == nil {
		return scope.With(r.ctx, frame), phaseSpan{}
	}
	attributes := append(r.attributes(frame, semconv.KindPhase), more...)
	ctx, span := start(r.ctx, frame, r.place(semconv.KindPhase, name), semconv.KindPhase, name,
		trace.WithTimestamp(at), trace.WithAttributes(attributes...))
	return ctx, phaseSpan{span: span}
}

// scheduled puts an event on the phase's span at the beginning of a wait.
func (s *phaseSpan) scheduled(wait engine.Wait, at time.Time) {
	if s.span == nil || s.waits >= semconv.MaxScheduled {
		return
	}
	s.waits++
	failed := engine.Task{Attempt: wait.Attempt - 1}
	s.event(semconv.ScheduledEvent, at,
		semconv.KindKey.String(kindOf(failed)),
		semconv.AttemptKey.Int(numberOf(failed)),
		semconv.NextDelayKey.Float64(wait.Delay.Seconds()),
		semconv.ReasonKey.String(boundtext.Of(wait.Reason, nil, boundtext.MaxEventReason)),
	)
}

func (s *phaseSpan) event(name string, at time.Time, attributes ...attribute.KeyValue) {
	defer recoverTracing()
	s.span.AddEvent(name, trace.WithTimestamp(at), trace.WithAttributes(attributes...))
}

// endPhase ends the phase's span. A skipped phase gets a span here, of no duration, so that every phase has one.
func (r *runSpans) endPhase(s phaseSpan, result PhaseResult, failure *retry.Error, at time.Time) {
	status := semconv.PhaseStatusKey.String(string(result.Status))
	if s.span == nil {
		if at.IsZero() {
			at = time.Now() // read once: a phase that never began takes no time
		}
		// The status is set at the start, where a span processor sees that the phase never ran.
		_, s = r.startPhase(result.Phase, at, status)
	}
	if s.span == nil {
		return
	}
	attributes := append(make([]attribute.KeyValue, 0, 10), status)
	if result.Allowed {
		attributes = append(attributes, semconv.AllowedKey.Bool(true))
	}
	if result.Reason != "" {
		reason := boundtext.Of(result.Reason, nil, boundtext.MaxPhaseReason)
		attributes = append(attributes, semconv.PhaseReasonKey.String(reason))
	}
	attributes = append(attributes, semconv.RecoveryAttemptedKey.Bool(result.Recovery != nil))
	if recovery := result.Recovery; recovery != nil {
		attributes = append(attributes,
			semconv.RecoverySuccessKey.Bool(recovery.Success),
			semconv.RecoveryMessageKey.String(boundtext.Of(recovery.Message, nil, boundtext.MaxRecoveryMessage)),
			semconv.RecoveryAttemptsKey.Int(len(recovery.Attempts)),
			semconv.RecoveryResultKey.String(recoveryText(&result)),
		)
	}
	if result.Fallback != nil && result.Status == Success {
		attributes = append(attributes, semconv.PhaseFallbackKey.Bool(true))
	}
	defer recoverTracing()
	if failure != nil {
		attributes = append(attributes, semconv.ErrorTypeKey.String(boundtext.Type(failure.Err)))
		s.gaveUp(result, failure, at)
		s.span.SetStatus(codes.Error, decide.Describe(failure, boundtext.MaxOperation))
	}
	s.span.SetAttributes(attributes...)
	s.span.End(trace.WithTimestamp(at))
}

// gaveUp puts an event with the last failure on the phase's span, as package retry does on an operation's.
func (s *phaseSpan) gaveUp(result PhaseResult, failure *retry.Error, at time.Time) {
	last := engine.Task{Attempt: max(0, failure.Attempts-1)}
	if result.Fallback != nil {
		last = engine.Task{Attempt: failure.Attempts, Fallback: true}
	}
	s.event(semconv.GaveUpEvent, at,
		semconv.ReasonKey.String(boundtext.Error(failure.Err, boundtext.MaxEventReason)),
		semconv.KindKey.String(kindOf(last)),
		semconv.AttemptKey.Int(numberOf(last)),
		semconv.OutcomeKey.String(string(reasonName(failure.Reason))),
	)
}

// startSpan starts the attempt's span, unless the phase's is not recorded, and returns the function's context. A time
// that is zero is now, here and in endSpan.
func (a *attempt) startSpan(ctx context.Context, at time.Time) context.Context {
	// A remote span never records here, so it does not say whether this one should be recorded.
	// Nor does a bare span context, which may be one of another process too.
	parent := trace.SpanFromContext(ctx)
	if sc := parent.SpanContext(); !parent.IsRecording() && !sc.IsRemote() && !sc.IsSampled() {
		return scope.With(ctx, a.frame)
	}
	var place *scope.SpanPlace
	kind := kindOf(a.task)
	if a.derived {
		place = &scope.SpanPlace{Run: a.task.RunID, Kind: kind, Phase: a.task.Phase, Attempt: a.task.Attempt}
	}
	ctx, a.span = start(ctx, a.frame, place, kind, a.name(), trace.WithTimestamp(at))
	return ctx
}

func (a *attempt) name() string {
	switch {
	case a.task.Fallback:
		return semconv.FallbackName
	case a.task.Attempt == 0:
		return semconv.AttemptName(1)
	default:
		return semconv.RecoveryName(a.task.Attempt)
	}
}

// kindOf is the kind of the span of a task.
func kindOf(t engine.Task) string {
	switch {
	case t.Fallback:
		return semconv.KindFallback
	case t.Attempt == 0:
		return semconv.KindAttempt
	default:
		return semconv.KindRecovery
	}
}

// numberOf is the retry.attempt of a task.
func numberOf(t engine.Task) int { return max(1, t.Attempt) }

func (a *attempt) endSpan(d *engine.Done, panicked *panicError, at time.Time) {
	if a.span == nil {
		return
	}
	attributes := append(common(a.frame, kindOf(a.task)),
		semconv.AttemptKey.Int(numberOf(a.task)),
		semconv.DelayKey.Float64(a.task.Delay.Seconds()),
	)
	attributes = append(attributes, a.resultOf(d)...)
	defer recoverTracing()
	if d.Status != AttemptSuccess {
		limit := boundtext.MaxAttempt
		if panicked != nil {
			limit = boundtext.MaxAttemptBeside
		}
		a.span.SetStatus(codes.Error, boundtext.Of(d.Error, d.Err, limit))
	}
	if panicked != nil {
		a.span.AddEvent(semconv.ExceptionEvent, trace.WithAttributes(
			semconv.ExceptionTypeKey.String(
				boundtext.Of(fmt.Sprintf("%T", panicked.value), nil, boundtext.MaxErrorType)),
			semconv.ExceptionMessageKey.String(boundtext.Of(errorText(panicked), panicked, boundtext.MaxException)),
			semconv.ExceptionStacktraceKey.String(boundtext.Of(panicked.stack, nil, boundtext.MaxStack)),
		))
	}
	a.span.SetAttributes(attributes...)
	a.span.End(trace.WithTimestamp(at))
}

// resultOf are the attributes of an attempt's span that say how it ended. They are those of an operation's attempt.
func (a *attempt) resultOf(d *engine.Done) []attribute.KeyValue {
	if d.Status == AttemptSuccess {
		list := []attribute.KeyValue{semconv.ResultKey.String(semconv.ResultSuccess)}
		if a.task.Attempt > 0 && !a.task.Fallback {
			list = append(list, semconv.OutcomeKey.String(semconv.OutcomeRecovered))
		}
		return list
	}
	list := make([]attribute.KeyValue, 0, 8)
	if d.Decision.Retry {
		list = append(list, semconv.ResultKey.String(semconv.ResultRetrying),
			semconv.NextDelayKey.Float64(d.Decision.Delay.Seconds()))
	} else {
		list = append(list, semconv.ResultKey.String(semconv.ResultFailed),
			semconv.OutcomeKey.String(string(d.Decision.Reason)))
	}
	if a.asked > 0 {
		list = append(list, semconv.AfterKey.Float64(a.asked.Seconds()))
	}
	if !a.task.Fallback {
		list = append(list, semconv.MaxRetriesKey.Int(decide.RetriesLeft(a.policy.MaxRetries, 1)))
	}
	if a.depth > 0 {
		list = append(list, semconv.DepthKey.Int(a.depth))
	}
	return append(list, semconv.ErrorTypeKey.String(d.ErrorType))
}

// common are the attributes that every span of a run has.
func common(frame scope.Frame, kind string) []attribute.KeyValue {
	list := make([]attribute.KeyValue, 0, 8)
	list = append(list, semconv.KindKey.String(kind), semconv.SessionIDKey.String(boundtext.Name(frame.Session)))
	if frame.Phase != "" {
		list = append(list, semconv.PhaseNameKey.String(boundtext.Name(frame.Phase)))
	}
	if frame.DryRun {
		list = append(list, semconv.RunDryRunKey.Bool(true))
	}
	return list
}
