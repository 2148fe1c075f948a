package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

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

// start starts a span and returns it with the context for what is below it, whose innermost frame is frame.
func start(
	ctx context.Context, frame scope.Frame, kind, name string, options ...trace.SpanStartOption,
) (below context.Context, span trace.Span) {
	below = scope.With(ctx, frame) // returned when tracing panics
	defer recoverTracing()
	tracer, provider := tracer.For(ctx)
	frame.Provider = provider
	starting := frame
	starting.Starting = kind
	started, span := tracer.Start(scope.With(ctx, starting), name, options...)
	return scope.With(started, frame), span
}

// maxSpanOutput is the size in bytes up to which an output goes into recovery.result; a larger one becomes its size.
const maxSpanOutput = 4 << 10

// startRun starts the run's span and sets the run's context.
func (d *local) startRun(ctx context.Context, runID string) {
	around := scope.From(ctx)
	// A new frame: if a retry loop is around the run, its attempt is not an attempt of the phases.
	d.frame = scope.Frame{
		Session: runID, Phase: around.Phase, Depth: around.Depth, Provider: around.Provider, NoWait: around.NoWait,
	}
	below, span := start(ctx, d.frame, semconv.KindRun, d.plan.pipeline.Name)
	d.ctx = below
	d.frame.Provider = scope.Provider(below)
	if span != nil && span.IsRecording() {
		d.span = span
		span.SetAttributes(common(d.frame, semconv.KindRun)...)
	}
}

// end ends the run's span. It is Unset unless the run failed or was cancelled.
func (d *local) end(report Report, err error) {
	if d.span == nil {
		return
	}
	defer recoverTracing()
	d.span.SetAttributes(semconv.RunStatusKey.String(string(report.Status)))
	if failure, ok := errors.AsType[*Error](err); ok {
		d.span.SetAttributes(semconv.ErrorTypeKey.String(semconv.ErrorType(failure.first())))
		d.span.SetStatus(codes.Error, valid(failure.description()))
	}
	d.span.End()
}

// startPhase starts the span of a phase, unless the run's is not recorded, and returns the phase's context.
func (d *local) startPhase(name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	frame := d.frame
	frame.Phase = name
	if d.span == nil {
		return scope.With(d.ctx, frame), nil
	}
	ctx, span := start(d.ctx, frame, semconv.KindPhase, name, options...)
	if span != nil {
		span.SetAttributes(common(frame, semconv.KindPhase)...)
	}
	return ctx, span
}

// scheduled puts an event on the phase's span at the beginning of a wait.
func (d *local) scheduled(span trace.Span, wait engine.Wait) {
	if span == nil {
		return
	}
	defer recoverTracing()
	span.AddEvent(semconv.ScheduledEvent, trace.WithAttributes(
		semconv.AttemptKey.Int(wait.Attempt),
		semconv.DelayKey.Float64(wait.Delay.Seconds()),
		semconv.ReasonKey.String(wait.Reason),
	))
}

// endPhase ends the phase's span. A skipped phase gets a span here, of no duration, so that every phase has one.
func (d *local) endPhase(span trace.Span, result PhaseResult, failure *retry.Error) {
	status := semconv.PhaseStatusKey.String(string(result.Status))
	if span == nil {
		// The status is set at the start, where a span processor sees that the phase never ran.
		_, span = d.startPhase(result.Phase, trace.WithAttributes(status))
	}
	if span == nil {
		return
	}
	attributes := []attribute.KeyValue{status, semconv.RecoveryAttemptedKey.Bool(result.Recovery != nil)}
	if r := result.Recovery; r != nil {
		attributes = append(attributes,
			semconv.RecoverySuccessKey.Bool(r.Success),
			semconv.RecoveryMessageKey.String(r.Message),
			semconv.RecoveryAttemptsKey.Int(len(r.Attempts)),
			semconv.RecoveryResultKey.String(recoveryText(r)),
		)
	}
	if f := result.Fallback; f != nil && f.Status == AttemptSuccess {
		attributes = append(attributes, semconv.PhaseFallbackKey.Bool(true))
	}
	defer recoverTracing()
	if failure != nil {
		attributes = append(attributes, semconv.ErrorTypeKey.String(semconv.ErrorType(failure.Err)))
		unnamed := *failure // the span has the name
		unnamed.Operation = ""
		span.SetStatus(codes.Error, errorText(&unnamed))
	}
	span.SetAttributes(attributes...)
	span.End()
}

// recoveryText is the recovery as JSON. A large output is replaced by its size.
func recoveryText(r *Recovery) string {
	small := *r
	small.Attempts = make([]RecoveryAttempt, len(r.Attempts))
	for i, a := range r.Attempts {
		if len(a.Result) > maxSpanOutput {
			a.Result = json.RawMessage(fmt.Sprintf(`{"size": %d}`, len(a.Result)))
		}
		small.Attempts[i] = a
	}
	text, err := json.Marshal(small)
	if err != nil {
		return err.Error() // unreachable: every part was marshalled before
	}
	return string(text)
}

// startSpan starts the attempt's span, unless the phase's is not recorded, and returns the function's context.
func (a *attempt) startSpan(ctx context.Context) context.Context {
	// A remote span never records here, so it does not say whether this one should be recorded.
	if parent := trace.SpanFromContext(ctx); !parent.IsRecording() && !parent.SpanContext().IsRemote() {
		return scope.With(ctx, a.frame)
	}
	kind, name := a.kindAndName()
	ctx, a.span = start(ctx, a.frame, kind, name)
	return ctx
}

// kindAndName are those of the attempt's span.
func (a *attempt) kindAndName() (kind, name string) {
	switch {
	case a.task.Fallback:
		return semconv.KindFallback, semconv.FallbackName
	case a.task.Attempt == 0:
		return semconv.KindAttempt, semconv.AttemptName(1)
	default:
		return semconv.KindRecovery, semconv.RecoveryName(a.task.Attempt)
	}
}

func (a *attempt) endSpan(d *engine.Done, panicked *panicError) {
	if a.span == nil {
		return
	}
	kind, _ := a.kindAndName()
	attributes := append(common(a.frame, kind),
		semconv.AttemptKey.Int(max(1, a.task.Attempt)),
		semconv.DelayKey.Float64(a.task.Delay.Seconds()),
	)
	switch {
	case d.Status == AttemptSuccess:
		attributes = append(attributes, semconv.ResultKey.String(semconv.ResultSuccess))
	case d.Decision.Retry:
		attributes = append(attributes, semconv.ResultKey.String(semconv.ResultRetrying),
			semconv.NextDelayKey.Float64(d.Decision.Delay.Seconds()))
	default:
		attributes = append(attributes, semconv.ResultKey.String(semconv.ResultFailed))
	}
	defer recoverTracing()
	if d.Status != AttemptSuccess {
		attributes = append(attributes, semconv.ErrorTypeKey.String(d.ErrorType))
		a.span.SetStatus(codes.Error, d.Error)
	}
	if panicked != nil {
		a.span.AddEvent(semconv.ExceptionEvent, trace.WithAttributes(
			semconv.ExceptionTypeKey.String(fmt.Sprintf("%T", panicked.value)),
			semconv.ExceptionMessageKey.String(errorText(panicked)),
			semconv.ExceptionStacktraceKey.String(panicked.stack),
		))
	}
	a.span.SetAttributes(attributes...)
	a.span.End()
}

// common are the attributes that every span of a run has.
func common(frame scope.Frame, kind string) []attribute.KeyValue {
	list := make([]attribute.KeyValue, 0, 8)
	list = append(list, semconv.KindKey.String(kind), semconv.SessionIDKey.String(frame.Session))
	if frame.Phase != "" {
		list = append(list, semconv.PhaseNameKey.String(frame.Phase))
	}
	return list
}
