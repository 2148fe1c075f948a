package eventquery

import (
	"hash/maphash"
	"time"

	"github.com/backspan/backspan/events"
)

// An attempt is one attempt of an operation as a record tells of it.
type attempt struct {
	number     int64
	delay      float64
	begin, end time.Time
}

func attemptOf(l *events.Line) (a attempt, ok bool) {
	a.end, ok = l.Time()
	took, _ := l.Detail(events.KeyDuration).Float()
	a.begin = a.end.Add(-span(took))
	number, _ := l.Detail(events.KeyAttemptNumber).Float()
	a.number = int64(max(0, min(number, 1e15)))
	a.delay, _ = l.Detail(events.KeyDelay).Float()
	return a, ok
}

// A call is an operation that is under way: an attempt of it failed, and another is to come.
type call struct {
	key   uint64
	node  *node
	begin time.Time // of its first attempt
	last  attempt
}

// calls are those that are under way. The records of a call come in their order, those of several mixed. It is for one
// goroutine.
type calls struct {
	open  map[uint64][]*call
	order []*call // all that were begun, the oldest first
	count int
}

// maxCalls is how many calls can be under way at once. The oldest are forgotten.
const maxCalls = 20_000

// key tells the calls apart by what is the same in all records of one. Several of one operation may be under way in one
// trace.
func (c *calls) key(l *events.Line) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, v := range [...]events.Value{l.Session(), l.TraceID(), l.Host(), l.PID(), l.Detail(events.KeyOperation)} {
		_, _ = h.Write(v) // never fails
		_ = h.WriteByte(0)
	}
	return h.Sum64()
}

// begin notes a call whose first attempt failed.
func (c *calls) begin(l *events.Line, n *node, a attempt) {
	if c.open == nil {
		c.open = map[uint64][]*call{}
	}
	begun := &call{key: c.key(l), node: n, begin: a.begin, last: a}
	c.open[begun.key] = append(c.open[begun.key], begun)
	c.order = append(c.order, begun)
	c.count++
	for len(c.order) > 2*maxCalls || c.count > maxCalls {
		oldest := c.order[0]
		c.order = c.order[1:]
		c.end(oldest)
	}
}

// of is the call of which a is the next attempt; nil when it is not known. Of several it is the one whose last attempt
// and wait fit best.
func (c *calls) of(l *events.Line, a attempt) (best *call) {
	var bestGap time.Duration
	for _, one := range c.open[c.key(l)] {
		if one.last.number != a.number-1 {
			continue
		}
		gap := a.begin.Sub(one.last.end.Add(span(a.delay))).Abs()
		if best == nil || gap < bestGap {
			best, bestGap = one, gap
		}
	}
	return best
}

// end forgets a call.
func (c *calls) end(ended *call) {
	list := c.open[ended.key]
	for i, one := range list {
		if one != ended {
			continue
		}
		c.count--
		if list[i] = list[len(list)-1]; len(list) == 1 {
			delete(c.open, ended.key)
		} else {
			c.open[ended.key] = list[:len(list)-1]
		}
		return
	}
}
