package eventquery

import "github.com/backspan/backspan/cmd/backspan/internal/history"

// A CallCounter follows each call through its records: how long its attempts, its waits and its recovery took, and
// which loop it was in. Its records have to come in their order. It is for one goroutine.
type CallCounter struct {
	budget *memoryBudget
	calls  history.Open[*node]
	nodes  map[nodeKey]*node
	first  map[nodeKey]*node // of an operation at a depth, whatever is around it: parent is empty
	wastes wastes
	note   callNote
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

// Add counts one record of which AppendCallNote made note.
func (c *CallCounter) Add(note []byte) {
	c.note.parse(note)
	switch a := &c.note; a.kind {
	case noteTally:
		if n := c.node(a); n != nil {
			n.succeeded += a.successes
		}
	case noteFailed:
		c.failed(a)
	case noteRecovered:
		c.recovered(a)
	default: // it stopped in the wait after its last attempt
		a.Number++
		if known := c.calls.Of(a.Sighting); known != nil {
			c.calls.End(known)
		}
	}
}

// node is that of a failed attempt or a tally; nil when there is no budget for it.
func (c *CallCounter) node(a *callNote) *node {
	n := c.nodes[nodeKey{string(a.operation), string(a.parent), int64(a.depth)}] // which allocates nothing
	if n == nil {
		key := nodeKey{string(a.operation), string(a.parent), int64(a.depth)}
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

func (c *CallCounter) failed(a *callNote) {
	n := c.node(a)
	if n == nil {
		return
	}
	n.attempts++
	n.failed++
	n.wasted += a.End.Sub(a.Begin).Seconds()
	if a.maxRetries != notSaid && n.maxRetries != noLimit {
		if n.maxRetries = max(n.maxRetries, a.maxRetries); a.maxRetries == noLimit {
			n.maxRetries = noLimit
		}
	}
	c.lengths(n, a)
	c.wastes.add(c, n, a)
	if a.Number == 1 {
		n.asked++
		if a.retried {
			c.calls.Start(n, a.Sighting)
		}
		return
	}
	switch known := c.calls.Of(a.Sighting); {
	case known == nil:
	case a.retried:
		known.Last = a.Sighting
	default:
		c.calls.End(known)
	}
}

func (c *CallCounter) recovered(a *callNote) {
	known := c.calls.Of(a.Sighting)
	if known == nil { // its beginning is not in what is read
		return
	}
	known.Of.attempts++
	c.lengths(known.Of, a)
	known.Of.recovered.add(c.budget, a.End.Sub(known.Begin).Seconds())
	c.calls.End(known)
}

func (c *CallCounter) lengths(n *node, a *callNote) {
	n.took.add(c.budget, a.took)
	if a.Delay > 0 {
		n.waited.add(c.budget, a.Delay.Seconds())
	}
}
