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
	return &attributeSet{make([]attribute.KeyValue, 0, 16)}
}}

func attributes() *attributeSet { return attributePool.Get().(*attributeSet) }

func (s *attributeSet) add(kv attribute.KeyValue) { s.list = append(s.list, kv) }

// addFrame adds the session and the phase, as far as there are any, and that it is a dry run.
func (s *attributeSet) addFrame(c *common) {
	if c.session != "" {
		s.add(semconv.SessionIDKey.String(c.session))
	}
	if c.phase != "" {
		s.add(semconv.PhaseNameKey.String(c.phase))
	}
	if c.dryRun {
		s.add(semconv.RunDryRunKey.Bool(true))
	}
}

// on sets the attributes on span, which copies them, and gives the set back. It is not cleared: it keeps a few strings
// alive until it is used again, and clearing is slow while the garbage collector runs.
func (s *attributeSet) on(span trace.Span) {
	span.SetAttributes(s.list...)
	s.list = s.list[:0]
	attributePool.Put(s)
}

// An event is what an event of an operation is added with. Made anew for each it would take four allocations: the
// attributes, the option, and the slices around both. AddEvent copies them, so an event can be used again.
type event struct {
	attributes [3]attribute.KeyValue
	options    [1]trace.EventOption // these attributes
}

var events = sync.Pool{New: func() any {
	e := &event{}
	e.options[0] = trace.WithAttributes(e.attributes[:]...)
	return e
}}

// addEvent adds an event with three attributes to span.
func addEvent(span trace.Span, name string, one, two, three attribute.KeyValue) {
	e := events.Get().(*event)
	e.attributes = [3]attribute.KeyValue{one, two, three}
	span.AddEvent(name, e.options[:]...)
	events.Put(e)
}
