package eventquery

import (
	"github.com/backspan/backspan/cmd/backspan/internal/history"
	"github.com/backspan/backspan/events"
)

// A CallCounter follows each call through its records: how long its attempts, its waits and its recovery took, and
// which loop it was in. Its records have to come in their order. It is for one goroutine.
type CallCounter struct {
	budget *memoryBudget
	calls  history.Open[*node]
	nodes  map[nodeKey]*node
	first  map[nodeKey]*node // of an operation at a depth, whatever is around it: parent is empty
	wastes wastes
	others int64 // records of operations that found no budget
}

// A nodeKey is an operation in the loop around it.
type nodeKey struct {
	operation, parent string
	depth             int64
}

// A node is the calls of one operation in one loop.
type node struct {
	nodeKey
	asked, attempts, failed, succeeded int64
	maxRetries                         int64   // of the policy; noLimit, or notSaid
	wasted                             float64 // seconds of failed attempts
	took, waited, recovered            histogram
}

const (
	noLimit = -1
	notSaid = -2

	callsBudget = 12 << 20 // bytes
	nodeSize    = 700
	maxLoops    = 64 // loops around an operation; more is damage
)

// NewCallCounter returns a CallCounter that has seen nothing.
func NewCallCounter() *CallCounter {
	return &CallCounter{budget: newBudget(callsBudget), nodes: map[nodeKey]*node{}, first: map[nodeKey]*node{}}
}

// Add counts one record.
func (c *CallCounter) Add(l *events.Line) {
	kind := l.Type()
	if !kind.Is(events.TypeAttempt) && !kind.Is(events.TypeRecovered) && !kind.Is(events.TypeStopped) &&
		!kind.Is(events.TypeTally) || dryRun(l) {
		return
	}
	switch a, ok := history.See(l); {
	case kind.Is(events.TypeTally):
		if n, ok := l.Detail(events.KeySuccesses).Float(); ok && n > 0 && n < maxSuccesses {
			if node := c.node(l); node != nil {
				node.succeeded += int64(n)
			}
		}
	case !ok:
	case kind.Is(events.TypeAttempt):
		c.failed(l, a)
	case kind.Is(events.TypeRecovered):
		c.recovered(l, a)
	default: // it stopped in the wait after its last attempt
		a.Number++
		if known := c.calls.Of(l, a); known != nil {
			c.calls.End(known)
		}
	}
}

// node is that of a failed attempt or a tally; nil when there is no budget for it.
func (c *CallCounter) node(l *events.Line) *node {
	depth, _ := l.Detail(events.KeyDepth).Float()
	key := nodeKey{
		shortened(l.Detail(events.KeyOperation).Text()), shortened(l.Detail(events.KeyParentOperation).Text()),
		int64(max(0, min(depth, maxLoops))),
	}
	n := c.nodes[key]
	if n == nil {
		if !c.budget.take(nodeSize + len(key.operation) + len(key.parent)) {
			c.others++
			return nil
		}
		n = &node{nodeKey: key, maxRetries: notSaid}
		c.nodes[key] = n
		if any := (nodeKey{operation: key.operation, depth: key.depth}); c.first[any] == nil {
			c.first[any] = n
		}
	}
	return n
}

func (c *CallCounter) failed(l *events.Line, a history.Sighting) {
	n := c.node(l)
	if n == nil {
		return
	}
	n.attempts++
	n.failed++
	n.wasted += a.End.Sub(a.Begin).Seconds()
	if most, ok := l.Detail(events.KeyMaxRetries).Float(); ok && n.maxRetries != noLimit && most < 1e6 {
		if n.maxRetries = max(n.maxRetries, int64(most)); most < 0 {
			n.maxRetries = noLimit
		}
	}
	c.lengths(n, l, a)
	c.wastes.add(c, l, n, a)
	retried := l.Detail(events.KeyResult).Is("retrying")
	if a.Number == 1 {
		n.asked++
		if retried {
			c.calls.Start(l, n, a)
		}
		return
	}
	switch known := c.calls.Of(l, a); {
	case known == nil:
	case retried:
		known.Last = a
	default:
		c.calls.End(known)
	}
}

func (c *CallCounter) recovered(l *events.Line, a history.Sighting) {
	known := c.calls.Of(l, a)
	if known == nil { // its beginning is not in what is read
		return
	}
	known.Of.attempts++
	c.lengths(known.Of, l, a)
	known.Of.recovered.add(c.budget, a.End.Sub(known.Begin).Seconds())
	c.calls.End(known)
}

func (c *CallCounter) lengths(n *node, l *events.Line, a history.Sighting) {
	if took, ok := l.Detail(events.KeyDuration).Float(); ok {
		n.took.add(c.budget, took)
	}
	if a.Delay > 0 {
		n.waited.add(c.budget, a.Delay.Seconds())
	}
}
