package eventquery

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/history"
	"github.com/backspan/backspan/events"
)

// A callNote is what a CallCounter needs of one record. Reading it out of the record takes most of the time, and is
// done on all processors; as bytes it is handed to the one goroutine that follows the calls in their order.
type callNote struct {
	history.Sighting
	kind              byte // of note…
	retried           bool // another attempt follows
	depth             uint8
	trace             uint64  // a hash of the trace, or of the session of a record without one
	took              float64 // seconds; NaN: unknown
	maxRetries        int64   // noLimit, notSaid
	successes         int64   // of a tally
	operation, parent []byte  // names, shortened
}

const (
	noteFailed = iota
	noteRecovered
	noteStopped
	noteTally
)

// AppendCallNote appends to notes what CallCounter.Add takes of l; nothing when that is nothing.
func AppendCallNote(notes []byte, l *events.Line) []byte {
	n := callNote{took: math.NaN(), maxRetries: notSaid}
	switch kind := l.Type(); {
	case kind.Is(events.TypeAttempt):
		n.kind = noteFailed
	case kind.Is(events.TypeRecovered):
		n.kind = noteRecovered
	case kind.Is(events.TypeStopped):
		n.kind = noteStopped
	case kind.Is(events.TypeTally):
		n.kind = noteTally
	default:
		return notes
	}
	if dryRun(l) {
		return notes
	}
	var ok bool
	if n.Sighting, ok = history.See(l); !ok && n.kind != noteTally {
		return notes
	}
	if n.kind == noteTally {
		f, ok := l.Detail(events.KeySuccesses).Float()
		if !ok || !(f > 0 && f < maxSuccesses) {
			return notes
		}
		n.successes = int64(f)
	}
	if took, ok := l.Detail(events.KeyDuration).Float(); ok {
		n.took = took
	}
	if most, ok := l.Detail(events.KeyMaxRetries).Float(); ok && most < 1e6 {
		if n.maxRetries = int64(most); most < 0 {
			n.maxRetries = noLimit
		}
	}
	depth, _ := l.Detail(events.KeyDepth).Float()
	n.depth = uint8(max(0, min(depth, maxLoops)))
	n.retried = l.Detail(events.KeyResult).Is("retrying")
	n.trace = traceOf(l)
	return n.append(notes, l.Detail(events.KeyOperation), l.Detail(events.KeyParentOperation))
}

// traceOf is a hash of the trace that l belongs to, or of its session where it has none.
func traceOf(l *events.Line) uint64 {
	if id := l.TraceID(); id != nil {
		return maphash.Bytes(seed, id)
	}
	return maphash.Bytes(seed, l.Session())
}

// append appends n with these names; parse reads it again.
func (n *callNote) append(b []byte, operation, parent events.Value) []byte {
	retried := byte(0)
	if n.retried {
		retried = 1
	}
	b = append(b, n.kind, retried, n.depth)
	for _, number := range [...]uint64{
		n.Key, n.trace, uint64(n.Number), uint64(n.Delay),
		uint64(n.End.Unix()), uint64(n.End.Nanosecond()), uint64(n.End.Sub(n.Begin)),
		math.Float64bits(n.took), uint64(n.maxRetries), uint64(n.successes),
	} {
		b = binary.LittleEndian.AppendUint64(b, number)
	}
	sized := len(b)
	b = appendName(append(b, 0, 0), operation)
	binary.LittleEndian.PutUint16(b[sized:], uint16(len(b)-sized-2)) // no more than maxExample, and an ellipsis
	return appendName(b, parent)
}

// appendName appends the name in v, shortened.
func appendName(b []byte, v events.Value) []byte {
	if len(v) < 2 || len(v) > maxExample || v[0] != '"' || bytes.IndexByte(v, '\\') >= 0 {
		return append(b, shortened(v.Text())...)
	}
	return append(b, v[1:len(v)-1]...) // as a text it would be allocated
}

// parse reads what append wrote, and points into it.
func (n *callNote) parse(b []byte) {
	n.kind, n.retried, n.depth = b[0], b[1] == 1, b[2]
	b = b[3:]
	next := func() uint64 {
		number := binary.LittleEndian.Uint64(b)
		b = b[8:]
		return number
	}
	n.Key, n.trace, n.Number, n.Delay = next(), next(), int64(next()), time.Duration(next())
	n.End = time.Unix(int64(next()), int64(next()))
	n.Begin = n.End.Add(-time.Duration(next()))
	n.took, n.maxRetries, n.successes = math.Float64frombits(next()), int64(next()), int64(next())
	parent := 2 + binary.LittleEndian.Uint16(b)
	n.operation, n.parent = b[2:parent], b[parent:]
}
