// Package tracer finds the tracer for Backspan's spans, so that no caller has to pass one.
package tracer

import (
	"context"
	"reflect"
	"sync/atomic"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"
)

// For returns the tracer of Backspan's instrumentation scope for a span below ctx, and the provider to hand down in
// the frame (see scope.Frame), nil when that is the global one.
//
//   - The provider that made the span in ctx comes first, so that children go where their parent went.
//   - A span of the global provider says nothing: any library starts spans with that. Nor does no span, one of another
//     process, or a bare span context. Then the provider of the enclosing Backspan span comes first.
//   - Without one it is the global provider.
func For(ctx context.Context) (trace.Tracer, trace.TracerProvider) {
	e, handed := find(ctx)
	return e.tracer, handed
}

func find(ctx context.Context) (e *entry, handed trace.TracerProvider) {
	if span := trace.SpanFromContext(ctx); span != none && local(span.SpanContext()) {
		provider := span.TracerProvider()
		if provider != nil && provider != detached && !global(provider) {
			if e := of(provider); !e.noop.placeholder {
				return e, provider
			}
		}
	}
	if provider := scope.Provider(ctx); provider != nil {
		return of(provider), provider
	}
	return of(otel.GetTracerProvider()), nil
}

// none is the span of a context without one. To know it by itself saves a copy of its span context, which is most of
// what there is to do where nobody traces.
var none = trace.SpanFromContext(context.Background())

// detached is the provider of a span that is only a span context, as trace.ContextWithSpanContext makes one for a
// goroutine that outlives its request. The span context is local and valid, but has no provider that makes spans.
var detached = none.TracerProvider()

func local(sc trace.SpanContext) bool { return sc.IsValid() && !sc.IsRemote() }

// global reports whether provider is the global one, or what stands behind that: the API's placeholder hands out the
// tracers of the SDK that was installed first, for good, also where another SDK was installed since or the placeholder
// was put back, and a wrapper may hand out the tracers of what it wraps.
func global(provider trace.TracerProvider) bool {
	installed := otel.GetTracerProvider()
	if equal(provider, installed) {
		return true
	}
	if r := related.Load(); r != nil && equal(r.provider, provider) && equal(r.installed, installed) {
		return r.same
	}
	tracer := bare(provider)
	same := equal(tracer, bare(installed)) || equal(tracer, bare(placeholder))
	related.Store(&relation{provider, installed, same})
	return same
}

// placeholder is the provider that every process begins with.
var placeholder = otel.GetTracerProvider()

// related is what global found out last. It is asked again when another provider is installed.
var related atomic.Pointer[relation]

type relation struct {
	provider, installed trace.TracerProvider
	same                bool
}

// bare returns provider's tracer of Backspan's scope. A provider of the SDK returns the same one each time.
func bare(provider trace.TracerProvider) trace.Tracer {
	return provider.Tracer(semconv.ScopeName, trace.WithInstrumentationVersion(semconv.ScopeVersion))
}

// equal compares two providers, or two tracers. Values that cannot be compared are not equal.
func equal(a, b any) (same bool) {
	defer func() {
		if recover() != nil {
			same = false
		}
	}()
	return a == b
}

type entry struct {
	provider trace.TracerProvider
	tracer   trace.Tracer
	sdk      bool // the tracer is the SDK's own
	noop     noopCache
}

// last is the tracer of the provider that was asked last. Most processes have one provider, and asking it takes a
// lock and builds options each time.
var last atomic.Pointer[entry]

// noops is the entry of the no-op provider, whose type is compared faster than its value.
var noops = entry{tracer: noop.Tracer{}, noop: noopCache{always: true}}

func of(provider trace.TracerProvider) *entry {
	if _, ok := provider.(noop.TracerProvider); ok {
		return &noops
	}
	// The comparison cannot panic: only comparable providers are stored.
	if e := last.Load(); e != nil && e.provider == provider {
		return e
	}
	e := &entry{
		provider: provider,
		tracer:   bare(provider),
	}
	e.sdk = isOf(e.tracer, sdkPackage)
	e.noop.placeholder = isOf(provider, placeholderPackage)
	// Comparable looks at the value, not only at its type: a struct may hold a map in an interface.
	if reflect.ValueOf(provider).Comparable() {
		last.Store(e)
	}
	return e
}

// sdkPackage is where the SDK keeps its tracer, which has no exported name. If that moves, a test fails.
const sdkPackage = "go.opentelemetry.io/otel/sdk/trace"

// isOf reports whether v is a pointer to a type of the package.
func isOf(v any, pkg string) bool {
	t := reflect.TypeOf(v)
	return t != nil && t.Kind() == reflect.Pointer && t.Elem().PkgPath() == pkg
}
