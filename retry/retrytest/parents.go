package retrytest

import (
	"context"
	"sync"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/scope"
)

// parents is a span processor that notes the nearest recorded span around each span. The parent is another one when the
// code under test started a span with the global tracer between the two.
type parents struct {
	provider trace.TracerProvider // of the recorded spans
	mu       sync.Mutex
	of       map[trace.SpanID]trace.SpanID
	started  map[any]trace.SpanID // with each layer that a span of Backspan was started with; see scope.Around
}

var _ sdktrace.SpanProcessor = (*parents)(nil)

func newParents() *parents {
	return &parents{of: map[trace.SpanID]trace.SpanID{}, started: map[any]trace.SpanID{}}
}

func (p *parents) OnStart(parent context.Context, span sdktrace.ReadWriteSpan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id := span.SpanContext().SpanID()
	own := scope.Starting(parent) != "" // the innermost layer is this span's
	for within, layer := range scope.Around(parent) {
		around, ok := p.started[layer]
		switch {
		case within.TracerProvider() == p.provider:
			around, ok = within.SpanContext().SpanID(), true
		case own:
			ok = false
		}
		if own {
			own, p.started[layer] = false, id
		}
		if ok {
			p.of[id] = around
			return
		}
	}
}

// parent is the nearest recorded span around span; zero when there is none.
func (p *parents) parent(span sdktrace.ReadOnlySpan) trace.SpanID {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.of[span.SpanContext().SpanID()]
}

func (p *parents) OnEnd(sdktrace.ReadOnlySpan)      {}
func (p *parents) ForceFlush(context.Context) error { return nil }
func (p *parents) Shutdown(context.Context) error   { return nil }
