package retry

import (
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// An attributeSet collects attributes for one SetAttributes. They are pooled because the variadic slice would escape
// to the heap: half a kilobyte a span, more than everything else that the loop allocates.
//
// What adds an attribute is not inlined. Each attribute would take 64 bytes of its caller's stack, and the frames
// would be so large that a goroutine in its first wait had a stack of 8 KiB instead of 4.
type attributeSet struct {
	list   []attribute.KeyValue
	shared bool // others have it too, and it stays as it is; see firstSuccess
}

var attributePool = sync.Pool{New: func() any { return newAttributes(false) }}

func newAttributes(shared bool) *attributeSet {
	return &attributeSet{make([]attribute.KeyValue, 0, 16), shared}
}

// attributes returns an empty set for a span of o. Spans of the SDK copy it; those of others may keep it.
func (o *operation) attributes() *attributeSet {
	if o.spans.layers.SDK {
		return attributePool.Get().(*attributeSet)
	}
	return newAttributes(true)
}

//go:noinline
func (s *attributeSet) string(k attribute.Key, v string) { s.list = append(s.list, k.String(v)) }

//go:noinline
func (s *attributeSet) int(k attribute.Key, v int) { s.list = append(s.list, k.Int(v)) }

//go:noinline
func (s *attributeSet) bool(k attribute.Key, v bool) { s.list = append(s.list, k.Bool(v)) }

//go:noinline
func (s *attributeSet) float(k attribute.Key, v float64) { s.list = append(s.list, k.Float64(v)) }

func (s *attributeSet) seconds(k attribute.Key, d time.Duration) { s.float(k, d.Seconds()) }

// on sets the attributes on span, and gives the set back. It is not cleared: it keeps a few strings alive until it is
// used again, and clearing is slow while the garbage collector runs.
func (s *attributeSet) on(span trace.Span) {
	span.SetAttributes(s.list...)
	if !s.shared {
		s.release()
	}
}

func (s *attributeSet) release() {
	s.list = s.list[:0]
	attributePool.Put(s)
}

// kept returns what s has as a set to be used again and again, and gives s back. All texts are copied: they may be
// parts of much longer ones.
func (s *attributeSet) kept() attributeSet {
	defer s.release()
	list := slices.Clone(s.list)
	for i, a := range list {
		if a.Value.Type() == attribute.STRING {
			list[i] = a.Key.String(strings.Clone(a.Value.AsString()))
		}
	}
	return attributeSet{list, true}
}

// An event is what an event of an operation is added with. Made anew for each it would take four allocations: the
// attributes, the option, and the slices around both. The SDK's AddEvent copies them, so an event can be used again.
type event struct {
	attributes [3]attribute.KeyValue
	options    [1]trace.EventOption // these attributes
}

var events = sync.Pool{New: func() any {
	e := &event{}
	e.options[0] = trace.WithAttributes(e.attributes[:]...)
	return e
}}

// addEvent adds an event with three attributes to the operation's span.
func (o *operation) addEvent(name string, one, two, three attribute.KeyValue) {
	e := events.Get().(*event)
	e.attributes = [3]attribute.KeyValue{one, two, three}
	o.spans.whole.AddEvent(name, e.options[:]...)
	if o.spans.layers.SDK {
		events.Put(e)
	}
}
