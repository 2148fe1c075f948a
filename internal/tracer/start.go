package tracer

import (
	"context"
	"reflect"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/boundtext"
	"github.com/backspan/backspan/internal/scope"
)

// Start starts a span of the given kind (semconv.Kind…) with the tracer of For. now is the time on any clock that
// only runs forward.
//
// When the provider makes no spans, Start returns ctx as it is, and nil. Such a provider still allocates a no-op
// span, 1 to 3 allocations, which is more than the rest of an operation that succeeds. Start skips that call.
func Start(
	ctx context.Context, now time.Duration, kind, name string, options ...trace.SpanStartOption,
) (context.Context, trace.Span) {
	e, handed := find(ctx)
	if e.noop.holds(now) {
		return ctx, nil
	}
	below, span := e.tracer.Start(scope.ToStart(ctx, kind, handed), boundtext.Name(name), options...)
	e.noop.learn(ctx, now, span)
	return below, span
}

// A noopCache remembers that a provider makes no spans.
type noopCache struct {
	always bool // it is the no-op provider

	// placeholder says that it is the provider that the API has as long as no SDK is installed. That one makes no
	// spans until something stands behind it: an SDK that was installed and removed again, or an agent that
	// attaches to the running process (OpenTelemetry's eBPF agent does, at the placeholder's Start). So the answer
	// holds for a while only. An SDK that is installed is another provider, and is asked at once.
	placeholder bool
	until       atomic.Int64 // the answer holds until then, on the clock of Start's callers
}

// placeholderHolds is how long the placeholder is not asked again.
const placeholderHolds = time.Second

// placeholderPackage is where the API keeps its placeholder, which has no exported name. If that moves, Start loses
// its shortcut, and a test fails.
const placeholderPackage = "go.opentelemetry.io/otel/internal/global"

func (c *noopCache) of(provider trace.TracerProvider) {
	t := reflect.TypeOf(provider)
	c.placeholder = t.Kind() == reflect.Pointer && t.Elem().PkgPath() == placeholderPackage
}

// holds reports whether the provider is known to make no spans now.
func (c *noopCache) holds(now time.Duration) bool {
	if c.placeholder {
		left := c.until.Load() - int64(now)
		return 0 < left && left <= int64(placeholderHolds)
	}
	return c.always
}

// learn looks at a span that was started below ctx. A real span has an id of its own.
func (c *noopCache) learn(ctx context.Context, now time.Duration, span trace.Span) {
	if c.placeholder && span.SpanContext().SpanID() == trace.SpanContextFromContext(ctx).SpanID() {
		c.until.Store(int64(now + placeholderHolds))
	}
}
