package scope_test

import (
	"context"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/backspan/backspan/internal/scope"
)

type key struct{}

func TestTheInnermostFrameCounts(t *testing.T) {
	ctx := context.WithValue(t.Context(), key{}, "kept")
	if got := scope.From(ctx); got != (scope.Frame{}) {
		t.Errorf("a frame from nowhere: %+v", got)
	}
	outer := scope.With(ctx, scope.Frame{Session: "s", Phase: "p", Starting: "operation"})
	inner := scope.With(outer, scope.Frame{Session: "s", Depth: 1})
	if got := scope.From(outer); got.Phase != "p" || scope.Starting(outer) != "operation" {
		t.Errorf("outer frame: %+v", got)
	}
	if got := scope.From(inner); got != (scope.Frame{Session: "s", Depth: 1}) || scope.Starting(inner) != "" {
		t.Errorf("inner frame: %+v", got)
	}
	if inner.Value(key{}) != "kept" {
		t.Error("a frame hides the other values of the context")
	}
}

// Layers are laid as retry lays them: an operation starts, its attempt starts, the attempt runs, and in it all that
// again.
func TestLayersAddToWhatIsAround(t *testing.T) {
	around := scope.Frame{Session: "s", Phase: "p", NoWait: true}
	first := scope.Attempt{Operation: "outer", Number: 2, RetriesLeft: 1, Delay: time.Second}
	second := scope.Attempt{Operation: "inner", Number: 1, RetriesLeft: -1}
	inFirst := scope.Frame{
		Session: "s", Phase: "p", NoWait: true, Depth: 1, Retries: 1,
		Operation: "outer", Attempt: 2, RetriesLeft: 1, Delay: time.Second,
	}
	inSecond := scope.Frame{
		Session: "s", Phase: "p", NoWait: true, Depth: 2, Retries: 1, Operation: "inner", Attempt: 1, RetriesLeft: -1,
	}
	marked := func(f scope.Frame, kind string) scope.Frame {
		f.Starting = kind
		return f
	}

	ctx := scope.With(context.WithValue(t.Context(), key{}, "kept"), around)
	for _, step := range []struct {
		name string
		lay  func(context.Context) context.Context
		want scope.Frame
	}{
		{"operation starts", func(c context.Context) context.Context { return scope.ToStart(c, "operation", nil) }, marked(around, "operation")},
		{"attempt starts", func(c context.Context) context.Context { return scope.ToStart(c, "attempt", nil) }, marked(around, "attempt")},
		{"attempt runs", func(c context.Context) context.Context { return scope.WithAttempt(c, first) }, inFirst},
		{"inner operation starts", func(c context.Context) context.Context { return scope.ToStart(c, "operation", nil) }, marked(inFirst, "operation")},
		{"inner attempt runs", func(c context.Context) context.Context { return scope.WithAttempt(c, second) }, inSecond},
	} {
		ctx = step.lay(ctx)
		if got := scope.From(ctx); got != step.want {
			t.Errorf("%s:\ngot  %+v\nwant %+v", step.name, got, step.want)
		}
		if got := scope.Starting(ctx); got != step.want.Starting {
			t.Errorf("%s: starting %q, want %q", step.name, got, step.want.Starting)
		}
		if ctx.Value(key{}) != "kept" {
			t.Errorf("%s: hides the other values of the context", step.name)
		}
	}
}

func TestLayersNeedNothingAround(t *testing.T) {
	ctx := scope.ToStart(t.Context(), "operation", nil)
	if got := scope.From(ctx); got != (scope.Frame{Starting: "operation"}) {
		t.Errorf("starting: %+v", got)
	}
	ctx = scope.WithAttempt(ctx, scope.Attempt{Operation: "data_load", Number: 1})
	if got := scope.From(ctx); got != (scope.Frame{Depth: 1, Operation: "data_load", Attempt: 1}) {
		t.Errorf("attempt: %+v", got)
	}
}

// Each layer but that of an attempt says where the spans below it go.
func TestTheProviderIsHandedDown(t *testing.T) {
	one, two := noop.NewTracerProvider(), trace.SpanFromContext(t.Context()).TracerProvider()
	ctx := scope.With(t.Context(), scope.Frame{Provider: one})
	for _, step := range []struct {
		name string
		lay  func(context.Context) context.Context
		want trace.TracerProvider
	}{
		{"as it is", func(c context.Context) context.Context { return c }, one},
		{"attempt runs", func(c context.Context) context.Context { return scope.WithAttempt(c, scope.Attempt{}) }, one},
		{"another starts", func(c context.Context) context.Context { return scope.ToStart(c, "attempt", two) }, two},
		{"its attempt runs", func(c context.Context) context.Context { return scope.WithAttempt(c, scope.Attempt{}) }, two},
		{"new frame", func(c context.Context) context.Context { return scope.With(c, scope.Frame{}) }, nil},
	} {
		ctx = step.lay(ctx)
		if got := scope.Provider(ctx); got != step.want || scope.From(ctx).Provider != step.want {
			t.Errorf("%s: provider %T, in the frame %T, want %T", step.name, got, scope.From(ctx).Provider, step.want)
		}
	}
	if got := scope.Provider(t.Context()); got != nil {
		t.Errorf("without a frame: %T", got)
	}
}

func TestAskingAllocatesNothing(t *testing.T) {
	for name, ctx := range map[string]context.Context{
		"frame":    scope.With(t.Context(), scope.Frame{Starting: "attempt"}),
		"starting": scope.ToStart(t.Context(), "attempt", nil),
		"attempt":  scope.WithAttempt(t.Context(), scope.Attempt{Number: 1}),
	} {
		if n := testing.AllocsPerRun(100, func() { scope.Starting(ctx); scope.From(ctx); scope.Provider(ctx) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestALayerIsOneAllocation(t *testing.T) {
	var ctx context.Context
	for name, lay := range map[string]func(){
		"frame":    func() { ctx = scope.With(t.Context(), scope.Frame{}) },
		"starting": func() { ctx = scope.ToStart(t.Context(), "attempt", nil) },
		"attempt":  func() { ctx = scope.WithAttempt(t.Context(), scope.Attempt{Number: 1}) },
	} {
		if n := testing.AllocsPerRun(100, lay); n != 1 || ctx == nil {
			t.Errorf("%s: %v allocations, want 1", name, n)
		}
	}
}

func TestASpanProcessorGivesASessionToWhatHasNone(t *testing.T) {
	starting := scope.ToStart(scope.With(t.Context(), scope.Frame{Phase: "p"}), "operation", nil)
	if !scope.Adopt(starting, "process") {
		t.Error("not taken by a span that is started")
	}
	below := scope.ToStart(scope.WithAttempt(starting, scope.Attempt{Operation: "o", Number: 1}), "attempt", nil)
	if !scope.Adopt(below, "another") {
		t.Error("not taken for granted by a span that has a session")
	}
	for name, ctx := range map[string]context.Context{"the span": starting, "below it": below} {
		if f := scope.From(ctx); f.Session != "process" || f.Phase != "p" {
			t.Errorf("%s: session %q and phase %q, want process and p", name, f.Session, f.Phase)
		}
	}
	inRun := scope.ToStart(scope.With(t.Context(), scope.Frame{Session: "run"}), "operation", nil)
	if !scope.Adopt(inRun, "process") || scope.From(inRun).Session != "run" {
		t.Errorf("session %q in a run, want the run's", scope.From(inRun).Session)
	}
	if scope.Adopt(t.Context(), "process") {
		t.Error("taken by nobody")
	}
}
