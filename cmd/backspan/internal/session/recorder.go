package session

import (
	"context"
	"sync"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/backspan/backspan/internal/scope"
)

// DefaultLimit is how many spans a Recorder keeps when it is not told.
const DefaultLimit = 10_000

// A Recorder is a span processor that keeps Backspan's spans in memory and no others. It takes a span at its start, so
// that when it is full the run and the phases, which start first, are there.
type Recorder struct {
	limit int

	mu      sync.Mutex
	spans   []entry
	open    map[Key]int // index into spans
	dropped int
}

var _ sdktrace.SpanProcessor = (*Recorder)(nil)

// An entry is a span that ended, or one that still runs.
type entry struct {
	ended Span
	live  sdktrace.ReadOnlySpan // nil once it ended
}

// NewRecorder returns a Recorder that keeps at most limit spans; 0 or less means DefaultLimit.
func NewRecorder(limit int) *Recorder {
	if limit <= 0 {
		limit = DefaultLimit
	}
	return &Recorder{limit: limit, open: map[Key]int{}}
}

// OnStart takes a span of ours.
func (r *Recorder) OnStart(parent context.Context, s sdktrace.ReadWriteSpan) {
	if scope.Starting(parent) == "" || !Ours(s) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.spans) >= r.limit {
		r.dropped++
		return
	}
	r.open[KeyOf(s.SpanContext())] = len(r.spans)
	r.spans = append(r.spans, entry{live: s})
}

// OnEnd keeps what the span was at its end.
func (r *Recorder) OnEnd(s sdktrace.ReadOnlySpan) {
	if !Ours(s) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	key := KeyOf(s.SpanContext())
	if i, ok := r.open[key]; ok {
		delete(r.open, key)
		r.spans[i] = entry{ended: FromSDK(s)}
		return
	}
	// It was dropped at its start, or it started without the mark of scope.Starting.
	if len(r.spans) < r.limit {
		r.spans = append(r.spans, entry{ended: FromSDK(s)})
	}
}

// Spans returns what was kept, in the order of their starts. Spans that still run are as they are now, without an end.
func (r *Recorder) Spans() []Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	spans := make([]Span, len(r.spans))
	for i, e := range r.spans {
		if e.live != nil {
			spans[i] = FromSDK(e.live)
		} else {
			spans[i] = e.ended
		}
	}
	return spans
}

// Dropped returns how many spans did not fit.
func (r *Recorder) Dropped() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dropped
}

// Shutdown does nothing: what was kept can still be read.
func (r *Recorder) Shutdown(context.Context) error { return nil }

// ForceFlush does nothing: nothing is held back.
func (r *Recorder) ForceFlush(context.Context) error { return nil }
