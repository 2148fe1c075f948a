package tracer

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"
)

func recorded() (*sdktrace.TracerProvider, *tracetest.InMemoryExporter) {
	exporter := tracetest.NewInMemoryExporter()
	return sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter)), exporter
}

// start starts and ends a span with the tracer that For finds, and returns how many spans arrived.
func start(ctx context.Context, exporter *tracetest.InMemoryExporter) int {
	tracer, _ := For(ctx)
	_, span := tracer.Start(ctx, "child")
	span.End()
	return len(exporter.GetSpans())
}

func TestProviderOfTheLocalParentComesFirst(t *testing.T) {
	provider, exporter := recorded()
	ctx, parent := provider.Tracer("somebody").Start(context.Background(), "parent")
	defer parent.End()
	if got := start(ctx, exporter); got != 1 {
		t.Errorf("spans at the parent's provider = %d, want 1", got)
	}
	library := exporter.GetSpans()[0].InstrumentationScope
	if library.Name != semconv.ScopeName || library.Version != semconv.ScopeVersion {
		t.Errorf("scope = %s %s, want %s %s", library.Name, library.Version, semconv.ScopeName, semconv.ScopeVersion)
	}
}

func TestGlobalProviderForNoneAndRemoteParents(t *testing.T) {
	provider, exporter := recorded()
	before := otel.GetTracerProvider()
	otel.SetTracerProvider(provider)
	defer otel.SetTracerProvider(before)

	remote := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled, Remote: true,
	})
	if got := start(context.Background(), exporter); got != 1 {
		t.Errorf("without a parent: spans = %d, want 1", got)
	}
	if got := start(trace.ContextWithRemoteSpanContext(context.Background(), remote), exporter); got != 2 {
		t.Errorf("with a remote parent: spans = %d, want 2", got)
	}
}

// A span context that is carried over by hand has no provider of its own.
func TestGlobalProviderForDetachedParents(t *testing.T) {
	provider, exporter := recorded()
	before := otel.GetTracerProvider()
	otel.SetTracerProvider(provider)
	defer otel.SetTracerProvider(before)

	_, parent := provider.Tracer("somebody").Start(t.Context(), "parent")
	defer parent.End()
	detached := trace.ContextWithSpanContext(context.Background(), parent.SpanContext())
	if got := start(detached, exporter); got != 1 {
		t.Fatalf("below a detached parent: spans = %d, want 1", got)
	}
	if got := exporter.GetSpans()[0].Parent.SpanID(); got != parent.SpanContext().SpanID() {
		t.Errorf("its parent is %s, want %s", got, parent.SpanContext().SpanID())
	}
}

// The code under test, or a library, starts a span with the global tracer. The span of the enclosing operation went to
// another provider, and what is below goes there too.
func TestTheFramesProviderComesBeforeTheGlobalOne(t *testing.T) {
	ours, atOurs := recorded()
	global, atGlobal := recorded()
	before := otel.GetTracerProvider()
	otel.SetTracerProvider(global)
	defer otel.SetTracerProvider(before)
	tenant, atTenant := recorded()

	framed := scope.With(t.Context(), scope.Frame{Provider: ours})
	in := func(tp trace.TracerProvider) context.Context {
		ctx, span := tp.Tracer("somebody").Start(framed, "parent")
		t.Cleanup(func() { span.End() })
		return ctx
	}
	remote := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled, Remote: true,
	})
	for name, c := range map[string]struct {
		ctx  context.Context
		want trace.TracerProvider
		at   *tracetest.InMemoryExporter
	}{
		"no span":               {framed, ours, atOurs},
		"a global span":         {in(global), ours, atOurs},
		"a global span, framed": {scope.WithAttempt(in(global), scope.Attempt{Number: 1}), ours, atOurs},
		"the placeholder's":     {in(before), ours, atOurs},
		"a remote span":         {trace.ContextWithRemoteSpanContext(framed, remote), ours, atOurs},
		"a bare span context":   {trace.ContextWithSpanContext(framed, remote.WithRemote(false)), ours, atOurs},
		"a tenant's span":       {in(tenant), tenant, atTenant},
		"an explicit no-op":     {in(noop.NewTracerProvider()), ours, atOurs}, // without a parent it is no span
		"outside":               {t.Context(), nil, atGlobal},
	} {
		tracer, handed := For(c.ctx)
		n := len(c.at.GetSpans())
		_, span := tracer.Start(c.ctx, "child")
		span.End()
		if handed != c.want || len(c.at.GetSpans()) != n+1 {
			t.Errorf("%s: handed down %p, want %p; %d spans arrived", name, handed, c.want, len(c.at.GetSpans())-n)
		}
	}
	// Below a span of somebody's, a no-op is there on purpose.
	ctx, span := noop.NewTracerProvider().Tracer("somebody").Start(in(ours), "off")
	defer span.End()
	if tracer, _ := For(ctx); tracer != (noop.Tracer{}) {
		t.Errorf("below an explicit no-op: %T", tracer)
	}
}

func TestLastProviderIsCached(t *testing.T) {
	first, _ := recorded()
	second, _ := recorded()
	one, two := of(first).tracer, of(second).tracer
	if of(second).tracer != two || of(first).tracer != one || of(first).tracer == of(second).tracer {
		t.Error("a provider got another one's tracer")
	}
	if allocs := testing.AllocsPerRun(100, func() { of(first) }); allocs != 0 {
		t.Errorf("allocations for the cached provider = %v, want 0", allocs)
	}
}

// sliceProvider cannot be compared at all, and anyProvider only as long as what it holds can.
type (
	sliceProvider struct {
		noop.TracerProvider
		_ []int
	}
	anyProvider struct {
		noop.TracerProvider
		held any
	}
)

func TestUncomparableProvidersAreSafe(t *testing.T) {
	for range 2 { // the second round compares with what the first may have stored
		for _, provider := range []trace.TracerProvider{
			anyProvider{held: 1},
			anyProvider{held: []int{1}},
			anyProvider{held: 1},
			sliceProvider{},
			anyProvider{held: []int{1}},
		} {
			if of(provider).tracer == nil {
				t.Errorf("no tracer from %T", provider)
			}
			if equal(provider, sliceProvider{}) {
				t.Errorf("%T is equal to what cannot be compared", provider)
			}
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	first, _ := recorded()
	second, _ := recorded()
	done := make(chan struct{})
	for _, provider := range []*sdktrace.TracerProvider{first, second} {
		go func() {
			defer func() { done <- struct{}{} }()
			want := provider.Tracer(semconv.ScopeName, trace.WithInstrumentationVersion(semconv.ScopeVersion))
			for range 1000 {
				if of(provider).tracer != want {
					t.Error("a provider got another one's tracer")
					return
				}
			}
		}()
	}
	<-done
	<-done
}
