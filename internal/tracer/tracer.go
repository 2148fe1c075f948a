// Package tracer finds the tracer for a span of Backspan's without anybody having to hand one over.
package tracer

import (
	"context"
	"reflect"
	"sync/atomic"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/backspan/backspan/internal/semconv"
)

// For returns the tracer of Backspan's instrumentation scope from the provider that made the span in ctx, so that
// children go where their parent went. Without a span, or with one that came from another process (whose provider
// can only be a no-op), it is the global provider's.
func For(ctx context.Context) trace.Tracer { return find(ctx).tracer }

func find(ctx context.Context) *entry {
	if span := trace.SpanFromContext(ctx); local(span.SpanContext()) {
		if provider := span.TracerProvider(); provider != nil && provider != detached {
			return of(provider)
		}
	}
	return of(otel.GetTracerProvider())
}

// detached is the provider of a span that is a span context and nothing more, as trace.ContextWithSpanContext makes it
// for a goroutine that outlives its request: local and valid, but nobody made it here.
var detached = trace.SpanFromContext(context.Background()).TracerProvider()

func local(sc trace.SpanContext) bool { return sc.IsValid() && !sc.IsRemote() }

type entry struct {
	provider trace.TracerProvider
	tracer   trace.Tracer
	silence  silence
}

// last is the tracer of the provider asked last. A process has one provider as a rule, and asking it takes a lock
// and builds options each time.
var last atomic.Pointer[entry]

// noops is known ahead, because it is compared faster than by its value.
var noops = entry{tracer: noop.Tracer{}, silence: silence{forever: true}}

func of(provider trace.TracerProvider) *entry {
	if _, ok := provider.(noop.TracerProvider); ok {
		return &noops
	}
	// Whatever provider is, this comparison cannot panic: only comparable providers are stored.
	if e := last.Load(); e != nil && e.provider == provider {
		return e
	}
	e := &entry{
		provider: provider,
		tracer:   provider.Tracer(semconv.ScopeName, trace.WithInstrumentationVersion(semconv.ScopeVersion)),
	}
	e.silence.of(provider)
	// Comparable looks at the value and not only at its type: a struct may hold a map in an interface.
	if reflect.ValueOf(provider).Comparable() {
		last.Store(e)
	}
	return e
}
