package tracer

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/backspan/backspan/internal/semconv"
)

func recorded() (*sdktrace.TracerProvider, *tracetest.InMemoryExporter) {
	exporter := tracetest.NewInMemoryExporter()
	return sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter)), exporter
}

// start starts and ends a span with the tracer that For finds, and returns how many spans arrived.
func start(ctx context.Context, exporter *tracetest.InMemoryExporter) int {
	_, span := For(ctx).Start(ctx, "child")
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
	scope := exporter.GetSpans()[0].InstrumentationScope
	if scope.Name != semconv.ScopeName || scope.Version != semconv.ScopeVersion {
		t.Errorf("scope = %s %s, want %s %s", scope.Name, scope.Version, semconv.ScopeName, semconv.ScopeVersion)
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
			anyProvider{held: 1}, anyProvider{held: []int{1}}, anyProvider{held: 1}, sliceProvider{}, anyProvider{held: []int{1}},
		} {
			if of(provider).tracer == nil {
				t.Errorf("no tracer from %T", provider)
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
