package waterfall

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/backspan/backspan/internal/semconv"
)

// A node is a span in the tree of its trace, with times that make sense.
type node struct {
	*Span
	parent   *node
	children []*node
	level    int // 0 for a root
	from, to time.Time
	open     bool // it has no end; to is then the last time known
}

const (
	// What lies deeper is shown at this level: nobody reads it there, and whoever walks the tree may recurse.
	maxLevel = 60

	// More spans without their parent than this are left as roots.
	maxAdopted = 1000
)

// forest builds the trees of spans, the earliest root first. Whatever comes (a parent that is missing, a span that comes
// twice, parents in a circle, ends before starts, no end at all), every span is in it exactly once.
func forest(spans []Span) []*node {
	nodes := unique(spans)
	settleTimes(nodes)
	roots := link(nodes)
	roots = adopt(roots)
	sortNodes(roots)
	for _, n := range nodes {
		sortNodes(n.children)
	}
	return roots
}

// unique makes the nodes; of a span that comes twice, the one that ended counts, else the first.
func unique(spans []Span) []*node {
	nodes := make([]*node, 0, len(spans))
	seen := make(map[spanKey]*node, len(spans))
	for i := range spans {
		s := &spans[i]
		key := spanKey{s.TraceID, s.SpanID}
		if twin := seen[key]; twin != nil && s.SpanID.IsValid() {
			if twin.End.IsZero() && !s.End.IsZero() {
				twin.Span = s
			}
			continue
		}
		n := &node{Span: s}
		seen[key] = n
		nodes = append(nodes, n)
	}
	return nodes
}

// settleTimes gives every node a beginning and an end that is not before it.
func settleTimes(nodes []*node) {
	var first, last time.Time
	for _, n := range nodes {
		for _, t := range [...]time.Time{n.Start, n.End} {
			if t.IsZero() {
				continue
			}
			if first.IsZero() || t.Before(first) {
				first = t
			}
			if t.After(last) {
				last = t
			}
		}
	}
	for _, n := range nodes {
		n.from, n.to = n.Start, n.End
		if n.from.IsZero() {
			n.from = first
		}
		if n.End.IsZero() {
			n.open, n.to = true, last
		}
		if n.to.Before(n.from) {
			n.to = n.from
		}
	}
}

// link finds the parents, and returns the nodes that have none.
func link(nodes []*node) (roots []*node) {
	byKey := make(map[spanKey]*node, len(nodes))
	for _, n := range nodes {
		byKey[spanKey{n.TraceID, n.SpanID}] = n
	}
	for _, n := range nodes {
		p := byKey[spanKey{n.TraceID, n.ParentID}]
		if !n.ParentID.IsValid() || p == n {
			p = nil
		}
		if n.parent = p; p == nil {
			roots = append(roots, n)
		} else {
			p.children = append(p.children, n)
		}
	}
	reached := make(map[*node]bool, len(nodes))
	for _, r := range roots {
		setLevels(r, reached)
	}
	// What no root leads to hangs on a circle of parents: cut it where it closes.
	for _, n := range nodes {
		if reached[n] {
			continue
		}
		around := map[*node]bool{}
		for ; !around[n]; n = n.parent {
			around[n] = true
		}
		detach(n)
		roots = append(roots, n)
		setLevels(n, reached)
	}
	return roots
}

func detach(n *node) {
	n.parent.children = slices.DeleteFunc(n.parent.children, func(c *node) bool { return c == n })
	n.parent = nil
}

// setLevels walks the tree of root and lays flat what is too deep.
func setLevels(root *node, reached map[*node]bool) {
	reached[root] = true
	queue := []*node{root}
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		for _, c := range n.children {
			reached[c] = true
			queue = append(queue, c)
		}
		if n.level < maxLevel {
			for _, c := range n.children {
				c.level = n.level + 1
			}
			continue
		}
		for _, c := range n.children {
			c.level, c.parent = n.level, n.parent
		}
		n.parent.children = append(n.parent.children, n.children...)
		n.children = nil
	}
}

// adopt finds a place for operations whose parent is a span that is not Backspan's and so was not kept: an HTTP
// client's between an attempt and the operations that it calls, say. Such an operation knows how many retry loops are
// around it; when just one attempt of its trace and phase is that deep and lasted from before it to after it, it
// belongs there. In doubt it stays a root.
func adopt(roots []*node) []*node {
	tried := 0
	kept := roots[:0:0]
	var homes []*node // where there may be an attempt
	for _, r := range roots {
		if len(r.children) > 0 || r.IsTry() {
			homes = append(homes, r)
		}
	}
	for _, r := range roots {
		if !r.ParentID.IsValid() || r.Kind != semconv.KindOperation || tried >= maxAdopted {
			kept = append(kept, r)
			continue
		}
		tried++
		if home := homeOf(r, homes); home != nil {
			r.parent = home
			home.children = append(home.children, r)
			setLevels(home, map[*node]bool{})
			continue
		}
		kept = append(kept, r)
	}
	return kept
}

// homeOf is the only attempt that n can have been called by, or nil.
func homeOf(n *node, homes []*node) *node {
	depth, _ := n.Number(semconv.DepthKey)
	phase := n.Text(semconv.PhaseNameKey)
	var home *node
	ambiguous := false
	var look func(*node)
	look = func(c *node) {
		if c == n || c.TraceID != n.TraceID || c.from.After(n.from) || c.to.Before(n.to) {
			return
		}
		if c.IsTry() && c.Text(semconv.PhaseNameKey) == phase && calls(c, depth) {
			ambiguous = ambiguous || home != nil
			home = c
		}
		for _, child := range c.children {
			look(child)
		}
	}
	for _, r := range homes {
		if r.parent == nil { // else it was adopted, and is seen below its new parent
			look(r)
		}
	}
	if ambiguous {
		return nil
	}
	return home
}

// calls reports whether an operation with that retry.depth can be called by try.
func calls(try *node, depth int) bool {
	if try.parent == nil || try.parent.Kind != semconv.KindOperation {
		return depth <= 1 // a phase counts as a loop when it can recover
	}
	outer, _ := try.parent.Number(semconv.DepthKey)
	return depth == outer+1
}

// sortNodes sorts by time, and where that says nothing by number, so that the picture of the same spans is the same.
func sortNodes(nodes []*node) {
	slices.SortStableFunc(nodes, func(a, b *node) int {
		an, _ := a.Number(semconv.AttemptKey)
		bn, _ := b.Number(semconv.AttemptKey)
		return cmp.Or(a.from.Compare(b.from), cmp.Compare(an, bn), bytes.Compare(a.SpanID[:], b.SpanID[:]))
	})
}
