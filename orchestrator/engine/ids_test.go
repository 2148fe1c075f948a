package engine_test

import (
	"context"
	"errors"
	"testing"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/orchestrator/engine"
)

var _ sdktrace.IDGenerator = engine.IDGenerator{}

// provide installs a provider for the test and returns what it records.
func provide(t *testing.T, options ...sdktrace.TracerProviderOption) *tracetest.SpanRecorder {
	t.Helper()
	recorder := tracetest.NewSpanRecorder()
	install(t, sdktrace.NewTracerProvider(append(options, sdktrace.WithSpanProcessor(recorder))...))
	return recorder
}

func install(t *testing.T, provider trace.TracerProvider) {
	t.Helper()
	before := otel.GetTracerProvider()
	otel.SetTracerProvider(provider)
	t.Cleanup(func() { otel.SetTracerProvider(before) })
}

var ids = sdktrace.WithIDGenerator(engine.IDGenerator{})

func TestRunSpan(t *testing.T) {
	caller := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled, Remote: true,
	})
	below := trace.ContextWithRemoteSpanContext(t.Context(), caller)
	never := sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.NeverSample()))
	for _, c := range []struct {
		name    string
		ctx     context.Context
		options []sdktrace.TracerProviderOption
		sampled bool
		err     error
	}{
		{"first of its trace", t.Context(), []sdktrace.TracerProviderOption{ids}, true, nil},
		{"not sampled", t.Context(), []sdktrace.TracerProviderOption{ids, never}, false, nil},
		{"below the caller's span", below, []sdktrace.TracerProviderOption{ids, never}, true, nil},
		{"random ids", t.Context(), nil, true, engine.ErrNoIDGenerator},
		{"random ids below the caller's span", below, nil, true, engine.ErrNoIDGenerator},
	} {
		recorder := provide(t, c.options...)
		run, err := engine.RunSpan(c.ctx, "nightly", "run-1")
		if !errors.Is(err, c.err) || run.IsSampled() != c.sampled || !run.IsValid() {
			t.Errorf("%s: %v, error %v; want sampled %v, error %v", c.name, run, err, c.sampled, c.err)
		}
		if parent := trace.SpanContextFromContext(c.ctx); parent.IsValid() && run.TraceID() != parent.TraceID() {
			t.Errorf("%s: trace %v, want that of the parent", c.name, run.TraceID())
		}
		if ended := len(recorder.Ended()); ended != 0 {
			t.Errorf("%s: %d spans ended, want none", c.name, ended)
		}
	}
}

// Without an SDK there is nobody to ask, and nothing is wrong.
func TestRunSpanWithoutAnSDK(t *testing.T) {
	install(t, noop.NewTracerProvider())
	if run, err := engine.RunSpan(t.Context(), "nightly", "run-1"); err != nil || run.IsSampled() {
		t.Errorf("%v, error %v; want it not sampled", run, err)
	}
}

// The processes of a run agree on its spans without having told each other.
func TestProcessesAgreeOnSpans(t *testing.T) {
	recorder := provide(t, ids)
	plan, err := orchestrator.Pipeline{Name: "nightly", Phases: []orchestrator.Phase{{
		Name: "load",
		Run:  func(context.Context, orchestrator.Input) (any, error) { return 1, nil },
	}}}.Plan()
	if err != nil {
		t.Fatal(err)
	}
	run, err := engine.RunSpan(t.Context(), "nightly", "run-1")
	if err != nil {
		t.Fatal(err)
	}
	driver := &oneByOne{plan: plan, parent: engine.PhaseSpan(run, "run-1", "load")}
	if _, err := plan.WriteSpans(t.Context(), driver, orchestrator.Options{RunID: "run-1"}); err != nil {
		t.Fatal(err)
	}
	spans := recorder.Ended() // the attempt, its phase, the run
	if len(spans) != 3 {
		t.Fatalf("%d spans, want 3", len(spans))
	}
	if parent := spans[0].Parent(); parent.SpanID() != spans[1].SpanContext().SpanID() ||
		parent.TraceID() != spans[1].SpanContext().TraceID() {
		t.Errorf("the attempt is below %v, want %v", parent, spans[1].SpanContext())
	}
	if got := spans[2].SpanContext(); got.SpanID() != run.SpanID() || got.TraceID() != run.TraceID() ||
		spans[1].Parent().SpanID() != run.SpanID() {
		t.Errorf("the run's span is %v, its phase's parent %v, want %v", got, spans[1].Parent(), run)
	}
}
