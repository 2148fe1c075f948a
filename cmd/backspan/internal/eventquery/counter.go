package eventquery

import (
	"hash/maphash"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
	"github.com/backspan/backspan/events"
)

// A Counter makes Stats. One is for one goroutine; Fork makes those of the others, and Merge puts them together again.
type Counter struct {
	by               string // ByOperation or one of Groups
	name             []byte // of a group, while it is looked up
	budget           *memoryBudget
	records, dropped int64
	span             Period
	tallies          time.Time // when the first of them begins; zero: there is none
	operations       map[string]*tally
	phases           map[string]*tally
	sessions         map[uint64]struct{} // hashes
	classifier       classifier
}

const (
	maxSessions = 100_000
	statsBudget = 4 << 20 // bytes

	maxSuccesses = 1e12 // of one record: more is damage, which must not spoil a sum
)

// seed is one for all Counters, as their hashes are merged.
var seed = maphash.MakeSeed()

// ByOperation groups calls by their operation, and phases by their name.
const ByOperation = events.KeyOperation

// Groups are the keys by which a Counter can group. A process is told by its host and its id.
var Groups = []string{ByOperation, "host", "service", "pid", "session_id", "phase"}

// NewCounter returns a Counter that has seen nothing and groups by one of Groups.
func NewCounter(by string) *Counter { return newCounter(newBudget(statsBudget), by) }

func newCounter(budget *memoryBudget, by string) *Counter {
	return &Counter{
		by: by, budget: budget,
		operations: map[string]*tally{}, phases: map[string]*tally{}, sessions: map[uint64]struct{}{},
	}
}

// Fork returns a Counter that has seen nothing and shares the memory budget of c.
func (c *Counter) Fork() *Counter { return newCounter(c.budget, c.by) }

// Add counts one record.
func (c *Counter) Add(l *events.Line) {
	c.records++
	c.span.Add(l)
	if len(c.sessions) < maxSessions {
		c.sessions[maphash.Bytes(seed, l.Session())] = struct{}{}
	}
	if dryRun(l) {
		return
	}
	switch kind := l.Type(); {
	case kind.Is(events.TypeAttempt), kind.Is(events.TypeRecovered), kind.Is(events.TypeStopped):
		c.entry(c.operations, c.group(l, l.Detail(events.KeyOperation))).operation(c, l, kind)
	case kind.Is(events.TypeTally):
		if n, ok := l.Detail(events.KeySuccesses).Float(); ok && n > 0 && n < maxSuccesses {
			c.entry(c.operations, c.group(l, l.Detail(events.KeyOperation))).succeeded += int64(n)
			c.tallied(l)
		}
	case kind.Is(events.TypePhaseFailed), kind.Is(events.TypeRecovery), kind.Is(events.TypeFallback):
		c.entry(c.phases, c.group(l, l.Phase())).phase(c, l, kind)
	case kind.Is(events.TypePhaseEnd):
		if result := l.Detail(events.KeyResult); result.Is("failed") || result.Is("cancelled") {
			c.entry(c.phases, c.group(l, l.Phase())).phaseGaveUp(l)
		}
	}
}

// group is the name of the group of l, which has a name of its own.
func (c *Counter) group(l *events.Line, own events.Value) events.Value {
	switch c.by {
	case ByOperation:
		return own
	case "pid":
		c.name = append(c.name[:0], '"')
		if host := l.Host(); len(host) > 1 {
			c.name = append(append(c.name, host[1:len(host)-1]...), ' ')
		}
		c.name = append(append(c.name, l.PID()...), '"')
		return c.name
	}
	return Key(c.by).Of(l)
}

// tallied notes when a tally begins.
func (c *Counter) tallied(l *events.Line) {
	end, ok := l.Time()
	length, _ := l.Detail(events.KeySeconds).Float()
	if begin := end.Add(-span(length)); ok && (c.tallies.IsZero() || begin.Before(c.tallies)) {
		c.tallies = begin
	}
}

// AddDropped counts n lines that were lost while writing; see Matcher.Dropped.
func (c *Counter) AddDropped(n int64) { c.dropped += n }

func (c *Counter) entry(all map[string]*tally, name events.Value) *tally {
	if t := all[string(name)]; t != nil {
		return t
	}
	key := c.budget.name(name, tallySize)
	t := all[key]
	if t == nil {
		t = &tally{classes: map[session.ErrorClass]*class{}, outcomes: map[string]int64{}}
		all[key] = t
	}
	return t
}

// Merge adds what other counted, which is not to be used any more.
func (c *Counter) Merge(other *Counter) {
	c.records += other.records
	c.dropped += other.dropped
	c.span.Merge(&other.span)
	if c.tallies.IsZero() || !other.tallies.IsZero() && other.tallies.Before(c.tallies) {
		c.tallies = other.tallies
	}
	for id := range other.sessions {
		if len(c.sessions) >= maxSessions {
			break
		}
		c.sessions[id] = struct{}{}
	}
	c.merge(c.operations, other.operations)
	c.merge(c.phases, other.phases)
}

func (c *Counter) merge(into, from map[string]*tally) {
	for name, t := range from {
		known := into[name]
		if known == nil {
			into[name] = t
			continue
		}
		known.merge(c.budget, t)
		c.budget.leave(name, tallySize)
	}
}
