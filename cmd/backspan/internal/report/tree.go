package report

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/cmd/backspan/internal/waterfall"
	"github.com/backspan/backspan/internal/semconv"
)

// A node is a span in its tree, with times that make sense.
type node struct {
	*waterfall.Span
	parent   *node
	children []*node
	from, to time.Time
	open     bool // it has no end; to is then the last time known
	unbegun  bool // its begin is not known; from is then the first time known of it
}

type spanKey struct {
	trace trace.TraceID
	span  trace.SpanID
}

func keyOf(s *waterfall.Span) spanKey { return spanKey{s.TraceID, s.SpanID} }

// treesOf builds the trees of a session, the earliest root first. Whatever comes (parents that are missing or go in a
// circle, a span twice, ends before begins), every span is in them exactly once.
func treesOf(s *Session) []*node {
	nodes := nodesOf(s)
	byKey := make(map[spanKey]*node, len(nodes))
	for _, n := range nodes {
		byKey[keyOf(n.Span)] = n
	}
	for _, n := range nodes {
		if n.ParentID.IsValid() {
			n.parent = byKey[spanKey{n.TraceID, n.ParentID}]
		}
	}
	cutCircles(nodes)
	adopt(nodes)
	var roots []*node
	for _, n := range nodes {
		if n.parent == nil {
			roots = append(roots, n)
		} else {
			n.parent.children = append(n.parent.children, n)
		}
	}
	inOrder(roots)
	for _, n := range nodes {
		inOrder(n.children)
	}
	return roots
}

// nodesOf makes a node of each span. Of a span that comes twice the one that ended counts, else the first.
func nodesOf(s *Session) []*node {
	nodes := make([]*node, 0, len(s.Spans))
	seen := make(map[spanKey]*node, len(s.Spans))
	for i := range s.Spans {
		span := &s.Spans[i]
		if twin := seen[keyOf(span)]; twin != nil && span.SpanID.IsValid() {
			if twin.End.IsZero() && !span.End.IsZero() {
				twin.Span = span
			}
			continue
		}
		n := &node{Span: span, unbegun: s.Unbegun[span.SpanID]}
		seen[keyOf(span)] = n
		nodes = append(nodes, n)
	}
	first, last := extent(s.Spans)
	for _, n := range nodes {
		n.from, n.to = n.Start, n.End
		if n.from.IsZero() {
			n.from, n.unbegun = first, true
		}
		if n.to.IsZero() {
			n.to, n.open = last, true
		}
		if n.to.Before(n.from) {
			n.to = n.from
		}
	}
	return nodes
}

// extent is the time from the first begin to the last end.
func extent(spans []waterfall.Span) (first, last time.Time) {
	for i := range spans {
		for _, t := range [...]time.Time{spans[i].Start, spans[i].End} {
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
	return first, last
}

// cutCircles takes a parent away from one node of each circle.
func cutCircles(nodes []*node) {
	walks := make(map[*node]int, len(nodes))
	for walk, n := range nodes {
		for ; n != nil; n = n.parent {
			if before, seen := walks[n]; seen {
				if before == walk {
					n.parent = nil
				}
				break
			}
			walks[n] = walk
		}
	}
}

// What costs more than it is worth: more orphans, or more attempts that may have called one.
const (
	maxOrphans = 1000
	maxCallers = 50
)

// adopt finds the attempts that called operations whose parent is not in the file, most often the span of another
// instrumentation between the two.
func adopt(nodes []*node) {
	type place struct {
		trace trace.TraceID
		phase string
	}
	placeOf := func(n *node) place { return place{n.TraceID, n.Text(semconv.PhaseNameKey)} }
	tries := map[place][]*node{}
	var orphans []*node
	for _, n := range nodes {
		switch {
		case n.IsTry():
			tries[placeOf(n)] = append(tries[placeOf(n)], n)
		case n.parent == nil && n.ParentID.IsValid() && n.Kind == semconv.KindOperation && len(orphans) < maxOrphans:
			orphans = append(orphans, n)
		}
	}
	for _, n := range orphans {
		n.parent = caller(n, tries[placeOf(n)])
	}
}

// caller is the innermost of tries that lasted from before n to after it, if there is just one such.
func caller(n *node, tries []*node) *node {
	var around []*node
	for _, t := range tries {
		if !t.from.After(n.from) && !t.to.Before(n.to) && !t.under(n) {
			around = append(around, t)
		}
	}
	if len(around) > maxCallers {
		return nil
	}
	for _, t := range around {
		if !slices.ContainsFunc(around, func(other *node) bool { return !t.under(other) }) {
			return t
		}
	}
	return nil
}

// under says whether a is n or an ancestor of n.
func (n *node) under(a *node) bool {
	for ; n != nil; n = n.parent {
		if n == a {
			return true
		}
	}
	return false
}

// inOrder sorts by time, and where that says nothing by number: the page of the same spans is the same.
func inOrder(nodes []*node) {
	slices.SortStableFunc(nodes, func(a, b *node) int {
		an, _ := a.Number(semconv.AttemptKey)
		bn, _ := b.Number(semconv.AttemptKey)
		return cmp.Or(a.from.Compare(b.from), cmp.Compare(an, bn), bytes.Compare(a.SpanID[:], b.SpanID[:]))
	})
}

// tries are the attempts of an operation, or the first try and the recoveries of a phase, in order.
func (n *node) tries() []*node {
	if n.Kind != semconv.KindOperation && n.Kind != semconv.KindPhase {
		return nil
	}
	var tries []*node
	for _, c := range n.children {
		if c.IsTry() {
			tries = append(tries, c)
		}
	}
	return tries
}

// made is how many tries there were. Not each has a span: some policies write none for a first try that succeeds.
func (n *node) made(tries []*node) int {
	said, _ := n.Number(semconv.AttemptsKey)
	return max(said, len(tries))
}
