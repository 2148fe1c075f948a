package history

import (
	"hash/maphash"
	"math"
	"time"

	"github.com/backspan/backspan/events"
)

// A Sighting is one attempt of an operation as a record tells of it.
type Sighting struct {
	Number     int64         // from 1
	Delay      time.Duration // that was waited before it
	Begin, End time.Time
}

// See reads the attempt that l tells of. ok is false when it has no time.
func See(l *events.Line) (s Sighting, ok bool) {
	s.End, ok = l.Time()
	s.Begin = s.End.Add(-seconds(l, events.KeyDuration))
	number, _ := l.Detail(events.KeyAttemptNumber).Float()
	s.Number = int64(max(0, min(number, 1e15)))
	s.Delay = seconds(l, events.KeyDelay)
	return s, ok
}

// maxSeconds is the longest time that is believed. What is longer, or negative, is damage.
const maxSeconds = 1e9

// seconds is the length that a detail of l has; 0 when it has none, or one that cannot be.
func seconds(l *events.Line, key string) time.Duration {
	f, _ := l.Detail(key).Float()
	if !(f > 0 && f <= maxSeconds) {
		return 0
	}
	return time.Duration(math.Round(f * float64(time.Second)))
}

// A Call is an operation that is under way: an attempt of it failed, and another is to come.
type Call[T any] struct {
	Of    T
	Begin time.Time // of its first attempt
	Last  Sighting

	key   uint64
	ended bool
}

// Open are the calls that are under way. The records of a call come in their order, those of several mixed. It is for
// one goroutine. The zero Open is ready to use.
type Open[T any] struct {
	Forgotten func(*Call[T]) // is told of those that were too many; may be nil

	calls map[uint64][]*Call[T]
	order []*Call[T] // all that were begun, the oldest first
	count int
}

// maxOpen is how many calls can be under way at once. The oldest are forgotten.
const maxOpen = 20_000

var seed = maphash.MakeSeed()

// key tells the calls apart by what is the same in all records of one. Several of one operation may be under way in one
// trace.
func key(l *events.Line) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, v := range [...]events.Value{l.Session(), l.TraceID(), l.Host(), l.PID(), l.Detail(events.KeyOperation)} {
		_, _ = h.Write(v) // never fails
		_ = h.WriteByte(0)
	}
	return h.Sum64()
}

// Start notes a call, of which l is the first record that is read.
func (o *Open[T]) Start(l *events.Line, of T, s Sighting) {
	if o.calls == nil {
		o.calls = map[uint64][]*Call[T]{}
	}
	begun := &Call[T]{Of: of, Begin: s.Begin, Last: s, key: key(l)}
	o.calls[begun.key] = append(o.calls[begun.key], begun)
	o.order = append(o.order, begun)
	o.count++
	for len(o.order) > 2*maxOpen || o.count > maxOpen {
		oldest := o.order[0]
		o.order[0] = nil
		o.order = o.order[1:]
		o.forget(oldest)
	}
}

func (o *Open[T]) forget(c *Call[T]) {
	if c.ended {
		return
	}
	o.End(c)
	if o.Forgotten != nil {
		o.Forgotten(c)
	}
}

// Of is the call of which s, in l, is the next attempt; nil when it is not known. Of several it is the one whose last
// attempt and wait fit best.
func (o *Open[T]) Of(l *events.Line, s Sighting) (best *Call[T]) {
	var bestGap time.Duration
	for _, one := range o.calls[key(l)] {
		if one.Last.Number != s.Number-1 {
			continue
		}
		gap := s.Begin.Sub(one.Last.End.Add(s.Delay)).Abs()
		if best == nil || gap < bestGap {
			best, bestGap = one, gap
		}
	}
	return best
}

// End forgets a call.
func (o *Open[T]) End(ended *Call[T]) {
	ended.ended = true
	list := o.calls[ended.key]
	for i, one := range list {
		if one != ended {
			continue
		}
		o.count--
		if list[i] = list[len(list)-1]; len(list) == 1 {
			delete(o.calls, ended.key)
		} else {
			o.calls[ended.key] = list[:len(list)-1]
		}
		return
	}
}

// EndAll forgets all calls, the oldest first.
func (o *Open[T]) EndAll() {
	for _, one := range o.order {
		o.forget(one)
	}
	o.order = nil
}
