package retry

import (
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/semconv"
)

// An attributeSet collects attributes for one SetAttributes. They are pooled because the variadic slice would escape
// to the heap: half a kilobyte a span, more than everything else that the loop allocates.
type attributeSet struct{ list []attribute.KeyValue }

var attributePool = sync.Pool{New: func() any {
	return &attributeSet{make([]attribute.KeyValue, 0, 12)}
}}

func attributes() *attributeSet { return attributePool.Get().(*attributeSet) }

func (s *attributeSet) add(kv attribute.KeyValue) { s.list = append(s.list, kv) }

// place adds the session and the phase, as far as there are any.
func (s *attributeSet) place(p place) {
	if p.session != "" {
		s.add(semconv.SessionIDKey.String(p.session))
	}
	if p.phase != "" {
		s.add(semconv.PhaseNameKey.String(p.phase))
	}
}

// on sets the attributes on span, which copies them, and gives the set back. It is not cleared: it keeps a few strings
// alive until it is used again, and clearing is slow while the garbage collector runs.
func (s *attributeSet) on(span trace.Span) {
	span.SetAttributes(s.list...)
	s.list = s.list[:0]
	attributePool.Put(s)
}

// A schedule is what a retry.scheduled event is added with. Made anew for each event it would take four allocations:
// the attributes, the option, and the slices around both. AddEvent copies them, so a schedule can be used again.
type schedule struct {
	attributes [3]attribute.KeyValue
	options    [1]trace.EventOption // these attributes
}

var schedules = sync.Pool{New: func() any {
	s := &schedule{}
	s.options[0] = trace.WithAttributes(s.attributes[:]...)
	return s
}}
