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
}

var _ sdktrace.SpanProcessor = (*parents)(nil)

func (p *parents) OnStart(parent context.Context, span sdktrace.ReadWriteSpan) {
	for around := range scope.Spans(parent) {
		if around.TracerProvider() == p.provider {
			p.note(span.SpanContext().SpanID(), around.SpanContext().SpanID())
			return
		}
	}
}

func (p *parents) note(span, parent trace.SpanID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of == nil {
		p.of = map[trace.SpanID]trace.SpanID{}
	}
	p.of[span] = parent
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
