package eventquery

import (
	"slices"

	"github.com/backspan/backspan/cmd/backspan/internal/history"
)

// A waste is a failed attempt within another loop. Whether the attempt around it fails too is not known yet.
type waste struct {
	node *node
	history.Sighting
}

// wastes is how much time failed attempts took, each moment once: what failed within an attempt that failed itself is
// part of that.
type wastes struct {
	seconds float64
	within  map[uint64][]waste // by trace
	order   []uint64           // of the traces, the oldest first
	count   int
	cut     bool // too many to tell what was within what
}

// maxWastes is how many attempts within other loops are kept.
const maxWastes = 50_000

func (w *wastes) add(c *CallCounter, n *node, a *callNote) {
	w.seconds += a.End.Sub(a.Begin).Seconds()
	trace := a.trace
	w.dropWithin(c, trace, n, &a.Sighting)
	if n.depth == 0 {
		return
	}
	if w.within == nil {
		w.within = map[uint64][]waste{}
	}
	if _, known := w.within[trace]; !known {
		w.order = append(w.order, trace)
	}
	w.within[trace] = append(w.within[trace], waste{n, a.Sighting})
	for w.count++; w.count > maxWastes || len(w.order) > maxWastes; {
		w.cut = w.cut || len(w.within[w.order[0]]) > 0
		w.count -= len(w.within[w.order[0]])
		delete(w.within, w.order[0])
		w.order = w.order[1:]
	}
}

// dropWithin takes back what failed within a, which failed itself. The wastes of a trace are in the order of their
// ends.
func (w *wastes) dropWithin(c *CallCounter, trace uint64, n *node, a *history.Sighting) {
	list := w.within[trace]
	from := len(list)
	for from > 0 && !list[from-1].End.Before(a.Begin) {
		from--
	}
	kept := slices.DeleteFunc(list[from:], func(i waste) bool {
		if i.Begin.Before(a.Begin) || i.End.After(a.End) || !c.isWithin(i.node, n) {
			return false
		}
		w.seconds -= i.End.Sub(i.Begin).Seconds()
		return true
	})
	if dropped := len(list) - from - len(kept); dropped > 0 {
		w.count -= dropped
		w.within[trace] = list[:from+len(kept)]
	}
}

// isWithin says whether the loop of outer is one around inner. Where the log does not know a loop in between, as
// nothing failed in it, the depth decides.
func (c *CallCounter) isWithin(inner, outer *node) bool {
	if inner.depth <= outer.depth {
		return false
	}
	for inner.depth-1 > outer.depth {
		parent := c.around(inner)
		if parent == nil {
			return true
		}
		inner = parent
	}
	return inner.parent == outer.operation
}

// around is a node of the loop around n, the first that was found; nil when the log knows none.
func (c *CallCounter) around(n *node) *node {
	return c.first[nodeKey{operation: n.parent, depth: n.depth - 1}]
}
