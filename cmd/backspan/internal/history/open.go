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
	Key        uint64 // of its call; see Open
}

// See reads the attempt that l tells of. ok is false when it has no time.
func See(l *events.Line) (s Sighting, ok bool) {
	s.End, ok = l.Time()
	s.Begin = s.End.Add(-seconds(l, events.KeyDuration))
	number, _ := l.Detail(events.KeyAttemptNumber).Float()
	s.Number = int64(max(0, min(number, 1e15)))
	s.Delay = seconds(l, events.KeyDelay)
	s.Key = key(l)
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

// A Call is an operation that is under way: an attempt of it failed, and another is to come. It holds until the next
// Start.
type Call[T any] struct {
	Of    T
	Begin time.Time // of its first attempt
	Last  Sighting

	open                  bool
	uses                  uint32 // how many calls have had its place
	place, older, younger int32  // older and younger: those in the same bucket; 0: none
}

// Open are the calls that are under way. The records of a call come in their order, those of several mixed. It is for
// one goroutine. The zero Open is ready to use.
type Open[T any] struct {
	Forgotten func(*Call[T]) // is told of those that were too many; may be nil

	// Calls stand in a slice, and are known by their place in it: allocating each, and a list for each key, took a
	// third of the time. Buckets took less than half as long as a map, which is bound to grow and shrink all the time.
	calls   []Call[T] // from place 1 on
	free    []int32   // places
	buckets []int32   // place of the youngest call of which the key ends in these bits
	order   []begun   // all calls, the oldest first; of those that ended some
}

// begun is the call that was at a place when it had so many uses.
type begun struct {
	place int32
	uses  uint32
}

const (
	maxOpen    = 20_000  // how many calls can be under way at once; the oldest are forgotten
	allBuckets = 1 << 15 // more than maxOpen
)

var seed = maphash.MakeSeed()

// key tells the calls apart by what is the same in all records of one. Several of one operation may be under way in one
// trace.
func key(l *events.Line) uint64 {
	var room [256]byte
	all := room[:0]
	for _, v := range [...]events.Value{l.Session(), l.TraceID(), l.Host(), l.PID(), l.Detail(events.KeyOperation)} {
		all = append(append(all, v...), 0)
	}
	return maphash.Bytes(seed, all) // at once: in pieces it took twice as long
}

// Start notes a call, of which s is the first attempt that is read.
func (o *Open[T]) Start(of T, s Sighting) {
	if o.buckets == nil {
		o.buckets, o.calls = make([]int32, allBuckets), make([]Call[T], 1)
	}
	place := o.place()
	c := &o.calls[place]
	youngest := o.bucket(s.Key)
	*c = Call[T]{Of: of, Begin: s.Begin, Last: s, open: true, uses: c.uses + 1, place: place, older: *youngest}
	o.calls[c.older].younger = place
	*youngest = place
	o.order = append(o.order, begun{place, c.uses})
	for len(o.order) > 2*maxOpen || len(o.calls)-1-len(o.free) > maxOpen {
		oldest := o.order[0]
		o.order = o.order[1:]
		o.forget(oldest)
	}
}

func (o *Open[T]) bucket(key uint64) *int32 { return &o.buckets[key%allBuckets] }

// place is one for another call.
func (o *Open[T]) place() int32 {
	if last := len(o.free) - 1; last >= 0 {
		place := o.free[last]
		o.free = o.free[:last]
		return place
	}
	o.calls = append(o.calls, Call[T]{})
	return int32(len(o.calls) - 1)
}

func (o *Open[T]) forget(b begun) {
	c := &o.calls[b.place]
	if !c.open || c.uses != b.uses {
		return
	}
	if o.Forgotten != nil {
		o.Forgotten(c)
	}
	o.End(c)
}

// Of is the call of which s is the next attempt; nil when it is not known. Of several it is the one whose last attempt
// and wait fit best.
func (o *Open[T]) Of(s Sighting) (best *Call[T]) {
	if o.buckets == nil {
		return nil
	}
	var bestGap time.Duration
	for place := *o.bucket(s.Key); place != 0; place = o.calls[place].older {
		one := &o.calls[place]
		if one.Last.Key != s.Key || one.Last.Number != s.Number-1 {
			continue
		}
		gap := s.Begin.Sub(one.Last.End.Add(s.Delay)).Abs()
		if best == nil || gap <= bestGap { // of two that fit alike the older
			best, bestGap = one, gap
		}
	}
	return best
}

// End forgets a call.
func (o *Open[T]) End(c *Call[T]) {
	o.calls[c.older].younger = c.younger
	if c.younger != 0 {
		o.calls[c.younger].older = c.older
	} else {
		*o.bucket(c.Last.Key) = c.older
	}
	o.free = append(o.free, c.place)
	*c = Call[T]{uses: c.uses} // what it was of is let go
}

// EndAll forgets all calls, the oldest first.
func (o *Open[T]) EndAll() {
	for _, one := range o.order {
		o.forget(one)
	}
	o.order = nil
}
