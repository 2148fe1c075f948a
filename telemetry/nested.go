package telemetry

import (
	"context"
	"sync"
	"sync/atomic"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/boundtext"
	"github.com/backspan/backspan/internal/scope"
)

// nestedMost is how many spans within operations may be under way; more count as if they were not nested.
const nestedMost = 10_000

// nested knows what the spans that are under way are nested in. Those that succeed do not say so at their end. The zero
// nested is ready to use.
type nested struct {
	n  atomic.Int64 // how many there are
	mu sync.Mutex
	in map[trace.SpanID]around
}

// around is what is around a span.
type around struct {
	operation string // empty: none
	depth     int    // loops; 0: none
}

// enter notes what is around a span that starts with parent.
func (s *nested) enter(parent context.Context, span sdktrace.ReadOnlySpan) {
	if scope.Depth(parent) == 0 {
		return
	}
	frame := scope.From(parent)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.in == nil {
		s.in = map[trace.SpanID]around{}
	}
	if len(s.in) < nestedMost {
		s.in[span.SpanContext().SpanID()] = around{boundtext.Name(frame.Operation), frame.Depth}
		s.n.Store(int64(len(s.in)))
	}
}

// leave returns what is around a span that ends, and forgets it.
func (s *nested) leave(span sdktrace.ReadOnlySpan) around {
	if s.n.Load() == 0 {
		return around{}
	}
	id := span.SpanContext().SpanID()
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.in[id]
	delete(s.in, id)
	s.n.Store(int64(len(s.in)))
	return found
}
