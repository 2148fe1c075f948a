package tracer

import (
	"context"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/embedded"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/backspan/backspan/internal/scope"
)

// asked is a tracer that counts, and makes the span that it is told to.
type asked struct {
	embedded.Tracer
	times int
	kind  string // scope.Starting of the last one
	span  trace.Span
}

func (a *asked) Start(ctx context.Context, _ string, _ ...trace.SpanStartOption) (context.Context, trace.Span) {
	a.times++
	a.kind = scope.Starting(ctx)
	if a.span == nil { // as the API's placeholder does: the span around, or none
		return ctx, trace.SpanFromContext(ctx)
	}
	return trace.ContextWithSpan(ctx, a.span), a.span
}

// askedProvider is the global provider for a test. Its placeholder-ness is the test's choice.
type askedProvider struct {
	embedded.TracerProvider
	tracer *asked
}

func (p *askedProvider) Tracer(string, ...trace.TracerOption) trace.Tracer { return p.tracer }

func installed(t *testing.T, placeholder bool) *asked {
	t.Helper()
	before := otel.GetTracerProvider()
	t.Cleanup(func() { otel.SetTracerProvider(before) })
	p := &askedProvider{tracer: &asked{}}
	otel.SetTracerProvider(p)
	of(p).noop.placeholder = placeholder
	return p.tracer
}

func begin(ctx context.Context, now time.Duration) (context.Context, trace.Span) {
	below, span, _ := StartOperation(ctx, now, "data_load")
	return below, span
}

func madeSpan() trace.Span {
	return trace.SpanFromContext(trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(
		trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}})))
}

func same(a, b trace.Span) bool { return a.SpanContext().Equal(b.SpanContext()) }

func TestThePlaceholderIsKnown(t *testing.T) {
	// Another test may have put an SDK behind it: it stays a placeholder, which only Start can tell.
	if !of(otel.GetTracerProvider()).noop.placeholder {
		t.Errorf("%T is not taken for the API's placeholder: has it moved?", otel.GetTracerProvider())
	}
}

func TestAPlaceholderWithoutSpansIsAskedOnceASecond(t *testing.T) {
	// a fake clock may start in the past
	for _, epoch := range []time.Duration{0, time.Hour, -26 * 365 * 24 * time.Hour} {
		tracer := installed(t, true)
		for _, step := range []struct {
			at    time.Duration
			asked int
		}{
			{0, 1},
			{0, 1},
			{placeholderHolds / 2, 1},
			{placeholderHolds - 1, 1},
			{placeholderHolds, 2},
			{placeholderHolds + 1, 2},
			{2 * placeholderHolds, 3},
			{0, 4}, // a clock that was set back: nothing is placeholderHolds from the future
		} {
			ctx, span := begin(t.Context(), epoch+step.at)
			if tracer.times != step.asked {
				t.Fatalf("at %v+%v: asked %d times, want %d", epoch, step.at, tracer.times, step.asked)
			}
			if span != nil && span.SpanContext().IsValid() || trace.SpanFromContext(ctx).SpanContext().IsValid() {
				t.Errorf("at %v: a span although none was made: %v", step.at, span)
			}
		}
	}
}

func TestNoSpanKeepsTheRemoteParent(t *testing.T) {
	tracer := installed(t, true)
	remote := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, Remote: true,
	})
	parent := trace.ContextWithRemoteSpanContext(t.Context(), remote)
	for range 3 {
		if ctx, _ := begin(parent, time.Second); !trace.SpanContextFromContext(ctx).Equal(remote) {
			t.Errorf("below a remote parent: %v, want %v", trace.SpanContextFromContext(ctx), remote)
		}
	}
	if tracer.times != 1 {
		t.Errorf("asked %d times, want 1", tracer.times)
	}
}

func TestAnAgentBehindThePlaceholderIsNoticed(t *testing.T) {
	tracer := installed(t, true)
	begin(t.Context(), 0)
	tracer.span = madeSpan() // it attaches
	for i := range 3 {
		ctx, span := begin(t.Context(), placeholderHolds)
		if tracer.times != 2+i || !same(span, tracer.span) || !same(trace.SpanFromContext(ctx), tracer.span) ||
			tracer.kind != "operation" {
			t.Errorf("asked %d times, span %v, kind %q", tracer.times, span, tracer.kind)
		}
	}
}

// A provider of somebody's own may make no span for one context and one for the next.
func TestOtherProvidersAreAlwaysAsked(t *testing.T) {
	tracer := installed(t, false)
	for i := range 3 {
		if begin(t.Context(), time.Second); tracer.times != i+1 {
			t.Errorf("asked %d times, want %d", tracer.times, i+1)
		}
	}
}

func TestAnInstalledProviderIsAskedAtOnce(t *testing.T) {
	installed(t, true)
	begin(t.Context(), time.Second)
	other := installed(t, false)
	other.span = madeSpan()
	if _, span := begin(t.Context(), time.Second); !same(span, other.span) {
		t.Errorf("span %v, want the new provider's", span)
	}
}

func TestTheNoOpProviderIsNeverAsked(t *testing.T) {
	before := otel.GetTracerProvider()
	defer otel.SetTracerProvider(before)
	otel.SetTracerProvider(noop.NewTracerProvider())
	want := t.Context()
	ctx, span := begin(want, time.Second)
	if ctx != want || span != nil {
		t.Errorf("the context was changed, or there is a span: %v", span)
	}
	if n := testing.AllocsPerRun(100, func() { begin(want, time.Second) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
	if tracer, _ := For(want); tracer == nil {
		t.Error("no tracer")
	}
}
