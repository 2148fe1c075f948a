package tracer

import (
	"context"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/boundtext"
	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"
)

// StartOperation starts the span of an operation with the tracer of For. now is the time on any clock that only runs
// forward. The layers are for StartAttempt.
//
// When the provider makes no spans, StartOperation returns ctx as it is, and nil twice. Such a provider still allocates
// a no-op span, 1 to 3 allocations, which is more than the rest of an operation that succeeds. That call is skipped.
func StartOperation(
	ctx context.Context, now time.Duration, name string,
) (below context.Context, span trace.Span, layers *scope.Layers) {
	e, handed := find(ctx)
	if e.noop.holds(now) {
		return ctx, nil, nil
	}
	layers = &scope.Layers{Tracer: e.tracer, SDK: e.sdk}
	below, span = e.tracer.Start(layers.Operation(ctx, semconv.KindOperation, handed), boundtext.Name(name))
	layers.Started()
	e.noop.learn(ctx, now, span)
	return below, span, layers
}

// StartAttempt starts the span of attempt a of the operation that has those layers.
func StartAttempt(
	ctx context.Context, layers *scope.Layers, a scope.Attempt, options ...trace.SpanStartOption,
) (below context.Context, span trace.Span) {
	layer := layers.Attempt(ctx, a, semconv.KindAttempt)
	below, span = layers.Tracer.Start(layer, semconv.AttemptName(a.Number), options...)
	layer.Run()
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
