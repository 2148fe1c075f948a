package drawn

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
)

// engine writes spans as the retry loop and the orchestrator do, from a script: what the packages of this module say to
// this one is spans alone.
type engine struct {
	t        testing.TB
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

func newEngine(t testing.TB, processors ...sdktrace.SpanProcessor) *engine {
	t.Helper()
	options := []sdktrace.TracerProviderOption{sdktrace.WithIDGenerator(&countingIDs{})}
	for _, p := range processors {
		options = append(options, sdktrace.WithSpanProcessor(p))
	}
	provider := sdktrace.NewTracerProvider(options...)
	t.Cleanup(func() {
		if err := provider.Shutdown(context.Background()); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
	return &engine{t, provider, provider.Tracer(semconv.ScopeName)}
}

// countingIDs makes the ids 1, 2, 3: a picture must be the same every time.
type countingIDs struct {
	mu   sync.Mutex
	last uint64
}

func (g *countingIDs) NewIDs(ctx context.Context) (id trace.TraceID, span trace.SpanID) {
	span = g.NewSpanID(ctx, id)
	copy(id[8:], span[:])
	return id, span
}

func (g *countingIDs) NewSpanID(context.Context, trace.TraceID) (id trace.SpanID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last++
	binary.BigEndian.PutUint64(id[:], g.last)
	return id
}

// pass lets time pass; the scripts run in bubbles of testing/synctest, where that takes none.
func pass(d time.Duration) { <-time.After(d) }

// ms is a duration in milliseconds: scripts are full of them.
func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// A call is one attempt of the script: it lasts, does what it does, and fails or not.
type call struct {
	lasts time.Duration
	fails string // "" for success
	wait  time.Duration
	does  func(context.Context) error
}

func (e *engine) start(ctx context.Context, f scope.Frame, kind, name string) (context.Context, trace.Span) {
	f.Starting = kind
	ctx, span := e.tracer.Start(scope.With(ctx, f), name)
	f.Starting = ""
	span.SetAttributes(semconv.KindKey.String(kind))
	if f.Session != "" {
		span.SetAttributes(semconv.SessionIDKey.String(f.Session))
	}
	if f.Phase != "" {
		span.SetAttributes(semconv.PhaseNameKey.String(f.Phase))
	}
	return scope.With(ctx, f), span
}

// operation runs calls as the attempts of an operation; the last one that fails ends it with outcome.
func (e *engine) operation(ctx context.Context, name, outcome string, calls ...call) error {
	f := scope.From(ctx)
	ctx, span := e.start(ctx, f, semconv.KindOperation, name)
	span.SetAttributes(semconv.OperationKey.String(name), semconv.MaxRetriesKey.Int(3))
	if f.Depth > 0 {
		span.SetAttributes(semconv.DepthKey.Int(f.Depth))
	}
	var err error
	var delay, waited time.Duration
	made := 0
	for i, c := range calls {
		made++
		f.Depth++
		attemptCtx, attempt := e.start(ctx, f, semconv.KindAttempt, semconv.AttemptName(made))
		f.Depth--
		err = e.call(attemptCtx, c)
		set := []attribute.KeyValue{
			semconv.OperationKey.String(name), semconv.AttemptKey.Int(made), semconv.DelayKey.Float64(delay.Seconds()),
		}
		retrying := err != nil && (i+1 < len(calls) || outcome == semconv.OutcomeCancelled && c.wait > 0)
		e.endTry(attempt, err, retrying, c.wait, set)
		if err == nil || !retrying {
			break
		}
		delay = c.wait
		waited += delay
		pass(delay)
	}
	e.endOperation(span, err, outcome, made, waited)
	if err != nil {
		return fmt.Errorf("%s: gave up after %d attempts: %w", name, made, err)
	}
	return nil
}

func (e *engine) call(ctx context.Context, c call) error {
	pass(c.lasts)
	if c.does != nil {
		if err := c.does(ctx); err != nil {
			return err
		}
	}
	if c.fails != "" {
		return errors.New(c.fails)
	}
	return nil
}

func (e *engine) endTry(span trace.Span, err error, retrying bool, wait time.Duration, set []attribute.KeyValue) {
	switch {
	case err == nil:
		set = append(set, semconv.ResultKey.String(semconv.ResultSuccess))
	case retrying:
		set = append(set, semconv.ResultKey.String(semconv.ResultRetrying),
			semconv.NextDelayKey.Float64(wait.Seconds()))
	default:
		set = append(set, semconv.ResultKey.String(semconv.ResultFailed))
	}
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
	}
	span.SetAttributes(set...)
	span.End()
}

func (e *engine) endOperation(span trace.Span, err error, outcome string, made int, waited time.Duration) {
	switch {
	case err != nil:
		span.SetStatus(codes.Error, fmt.Sprintf("gave up after %d attempts: %v", made, err))
	case made > 1:
		outcome = semconv.OutcomeRecovered
	default:
		outcome = semconv.OutcomeSuccess
	}
	span.SetAttributes(semconv.OutcomeKey.String(outcome), semconv.AttemptsKey.Int(made),
		semconv.RetriedKey.Bool(made > 1), semconv.TotalDelayKey.Float64(waited.Seconds()))
	span.End()
}

// phase runs calls as the first try and the recoveries of a phase.
func (e *engine) phase(ctx context.Context, name string, calls ...call) error {
	f := scope.From(ctx)
	f.Phase = name
	ctx, span := e.start(ctx, f, semconv.KindPhase, name)
	var err error
	var delay time.Duration
	made := 0
	for i, c := range calls {
		f.Depth++
		kind, spanName := semconv.KindAttempt, semconv.AttemptName(1)
		if i > 0 {
			kind, spanName = semconv.KindRecovery, semconv.RecoveryName(i)
		}
		tryCtx, try := e.start(ctx, f, kind, spanName)
		f.Depth--
		made++
		err = e.call(tryCtx, c)
		retrying := err != nil && i+1 < len(calls)
		e.endTry(try, err, retrying, c.wait, []attribute.KeyValue{
			semconv.AttemptKey.Int(max(1, i)), semconv.DelayKey.Float64(delay.Seconds()),
		})
		if err == nil || !retrying {
			break
		}
		delay = c.wait
		pass(delay)
	}
	status := semconv.StatusSuccess
	if err != nil {
		status = semconv.StatusFailed
		span.SetStatus(codes.Error, err.Error())
	}
	if made > 1 {
		span.SetAttributes(semconv.RecoveryAttemptedKey.Bool(true), semconv.RecoverySuccessKey.Bool(err == nil),
			semconv.RecoveryAttemptsKey.Int(made-1))
	}
	span.SetAttributes(semconv.PhaseStatusKey.String(status))
	span.End()
	return err
}

// skip is a phase that does not run.
func (e *engine) skip(ctx context.Context, name string) {
	f := scope.From(ctx)
	f.Phase = name
	_, span := e.start(ctx, f, semconv.KindPhase, name)
	span.SetAttributes(semconv.PhaseStatusKey.String(semconv.StatusSkipped))
	span.End()
}

// run runs a pipeline.
func (e *engine) run(ctx context.Context, name string, body func(context.Context) error) {
	f := scope.From(ctx)
	f.Session = "4786a9a2-c5bf-41ca-a26e-e1ae5d01f41c"
	ctx, span := e.start(ctx, f, semconv.KindRun, name)
	status := semconv.StatusSuccess
	if err := body(ctx); err != nil {
		status = semconv.StatusFailed
		span.SetStatus(codes.Error, err.Error())
	}
	span.SetAttributes(semconv.RunStatusKey.String(status))
	span.End()
}

// record plays a scenario and returns its spans.
func record(t *testing.T, scenario string) (spans []session.Span) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		rec := session.NewRecorder(0)
		scenarios[scenario](t.Context(), newEngine(t, rec))
		spans = rec.Spans()
	})
	return spans
}

// idOf is the trace or span id that ends with n.
func idOf[ID trace.TraceID | trace.SpanID](n byte) (id ID) {
	switch id := any(&id).(type) {
	case *trace.TraceID:
		id[15] = n
	case *trace.SpanID:
		id[7] = n
	}
	return id
}
