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
	if s, d := scope.Session(inner), scope.Depth(inner); s != "s" || d != 1 {
		t.Errorf("inner frame: session %q and depth %d", s, d)
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
	var layers scope.Layers
	var traced *scope.Traced
	for _, step := range []struct {
		name string
		lay  func(context.Context) context.Context
		want scope.Frame
	}{
		{
			"operation starts", func(c context.Context) context.Context { return starting(c, "operation", nil) },
			marked(around, "operation"),
		},
		{"attempt starts", func(c context.Context) context.Context {
			traced = layers.Attempt(c, first, "attempt")
			return traced
		}, marked(around, "attempt")},
		{"attempt runs", func(c context.Context) context.Context { traced.Run(); return c }, inFirst},
		{
			"inner operation starts", func(c context.Context) context.Context { return starting(c, "operation", nil) },
			marked(inFirst, "operation"),
		},
		{
			"inner attempt runs", func(c context.Context) context.Context { return scope.WithAttempt(c, second) },
			inSecond,
		},
	} {
		ctx = step.lay(ctx)
		if got := scope.From(ctx); got != step.want {
			t.Errorf("%s:\ngot  %+v\nwant %+v", step.name, got, step.want)
		}
		if !scope.NoWait(ctx) {
			t.Errorf("%s: it waits", step.name)
		}
		if s, d := scope.Session(ctx), scope.Depth(ctx); s != step.want.Session || d != step.want.Depth {
			t.Errorf("%s: session %q and depth %d, want %q and %d", step.name, s, d, step.want.Session, step.want.Depth)
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
	if scope.NoWait(t.Context()) || scope.NoWait(starting(t.Context(), "operation", nil)) {
		t.Error("nobody said that waits pass at once")
	}
	var layers scope.Layers
	ctx := layers.Operation(t.Context(), "operation", nil)
	if got := scope.From(ctx); got != (scope.Frame{Starting: "operation"}) {
		t.Errorf("starting: %+v", got)
	}
	if layers.Started(); scope.From(ctx) != (scope.Frame{}) || scope.Starting(ctx) != "" || scope.Adopt(ctx, "s") {
		t.Errorf("started: %+v, starting %q", scope.From(ctx), scope.Starting(ctx))
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
	var layers scope.Layers
	for _, step := range []struct {
		name string
		lay  func(context.Context) context.Context
		want trace.TracerProvider
	}{
		{"as it is", func(c context.Context) context.Context { return c }, one},
		{"attempt runs", func(c context.Context) context.Context { return scope.WithAttempt(c, scope.Attempt{}) }, one},
		{
			"another starts", func(c context.Context) context.Context { return layers.Operation(c, "operation", two) },
			two,
		},
		{
			"its attempt runs", func(c context.Context) context.Context {
				return scope.WithAttempt(c, scope.Attempt{})
			}, two,
		},
		{
			"or without a span", func(c context.Context) context.Context { return layers.Untraced(c, scope.Attempt{}) },
			two,
		},
		{
			"or with one", func(c context.Context) context.Context {
				return layers.Attempt(c, scope.Attempt{}, "attempt")
			}, two,
		},
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
		"starting": starting(t.Context(), "operation", nil),
		"traced":   new(scope.Layers).Attempt(t.Context(), scope.Attempt{Number: 1}, "attempt"),
		"untraced": new(scope.Layers).Untraced(t.Context(), scope.Attempt{Number: 1}),
		"attempt":  scope.WithAttempt(t.Context(), scope.Attempt{Number: 1}),
	} {
		if n := testing.AllocsPerRun(100, func() {
			scope.Starting(ctx)
			scope.From(ctx)
			scope.Provider(ctx)
			scope.Session(ctx)
			scope.Depth(ctx)
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestALayerIsOneAllocation(t *testing.T) {
	var ctx context.Context
	for name, lay := range map[string]func(){
		"frame":   func() { ctx = scope.With(t.Context(), scope.Frame{}) },
		"attempt": func() { ctx = scope.WithAttempt(t.Context(), scope.Attempt{Number: 1}) },
		"an operation and its first attempt": func() {
			var layers scope.Layers
			ctx = layers.Operation(t.Context(), "operation", nil)
			ctx = layers.Attempt(ctx, scope.Attempt{Number: 1}, "attempt")
		},
	} {
		if n := testing.AllocsPerRun(100, lay); n != 1 || ctx == nil {
			t.Errorf("%s: %v allocations, want 1", name, n)
		}
	}
}

// starting is the context that the span of an operation is started with.
func starting(ctx context.Context, kind string, provider trace.TracerProvider) context.Context {
	return new(scope.Layers).Operation(ctx, kind, provider)
}

// Somebody may still have the context of an attempt when the next one begins.
func TestEachAttemptKeepsItsLayer(t *testing.T) {
	var layers scope.Layers
	ctx := layers.Operation(t.Context(), "operation", nil)
	var attempts []context.Context
	for n := range 3 {
		attempts = append(attempts, layers.Untraced(ctx, scope.Attempt{Operation: "data_load", Number: n + 1}))
	}
	for n, attempt := range attempts {
		if f := scope.From(attempt); f.Attempt != n+1 {
			t.Errorf("the context of attempt %d says %d", n+1, f.Attempt)
		}
	}
}

func TestASpanProcessorGivesASessionToWhatHasNone(t *testing.T) {
	whole := starting(scope.With(t.Context(), scope.Frame{Phase: "p"}), "operation", nil)
	if !scope.Adopt(whole, "process") {
		t.Error("not taken by a span that is started")
	}
	below := new(scope.Layers).Attempt(
		scope.WithAttempt(whole, scope.Attempt{Operation: "o", Number: 1}), scope.Attempt{}, "attempt")
	if !scope.Adopt(below, "another") {
		t.Error("not taken for granted by a span that has a session")
	}
	for name, ctx := range map[string]context.Context{"the span": whole, "below it": below} {
		if f := scope.From(ctx); f.Session != "process" || scope.Session(ctx) != "process" || f.Phase != "p" {
			t.Errorf("%s: session %q, or %q, and phase %q, want process and p",
				name, f.Session, scope.Session(ctx), f.Phase)
		}
	}
	inRun := starting(scope.With(t.Context(), scope.Frame{Session: "run"}), "operation", nil)
	if !scope.Adopt(inRun, "process") || scope.From(inRun).Session != "run" {
		t.Errorf("session %q in a run, want the run's", scope.From(inRun).Session)
	}
	alone := new(scope.Layers).Attempt(t.Context(), scope.Attempt{Number: 1}, "attempt")
	if !scope.Adopt(alone, "process") || scope.From(alone).Session != "process" {
		t.Error("not taken by an attempt that is started")
	}
	running := new(scope.Layers).Untraced(t.Context(), scope.Attempt{Number: 1})
	if scope.Adopt(running, "process") || scope.From(running).Session != "" {
		t.Error("taken by an attempt that runs")
	}
	if scope.Adopt(t.Context(), "process") {
		t.Error("taken by nobody")
	}
}
