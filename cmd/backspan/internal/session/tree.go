package session

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/semconv"
)

// A Node is a span in its tree, with times that make sense.
type Node struct {
	*Span
	Parent   *Node
	Children []*Node // in the order of their beginnings
	Tries    []*Node // of an operation or a phase: those of Children that are tries
	Wait     *Wait   // of a try: the wait after it; nil when there was none

	From, To time.Time // To is not before From
	Open     bool      // it has no end; To is then the last time known

	ended    Outcome // see Outcome; empty until somebody asks
	walk     int     // of cutCircles, from 1; 0: none came by
	children int     // how many, before Children is made
}

// Outcome is how n ended. Everything that is said of a node begins with it, so it is found out once.
func (n *Node) Outcome() Outcome {
	if n.ended == "" {
		n.ended = n.Span.Outcome()
	}
	return n.ended
}

// Lasted is how long n lasted; ok is false when its beginning or its end was not recorded.
func (n *Node) Lasted() (d time.Duration, ok bool) { return n.To.Sub(n.From), !n.Open && !n.Unbegun }

// Made is how many tries there were without the fallback. Not every try has a span: a policy may leave out first
// attempts that succeed, and full recorders and lost lines leave out any.
func (n *Node) Made() int {
	key := semconv.AttemptsKey
	made := len(n.Tries)
	if n.Kind == semconv.KindPhase {
		key = semconv.RecoveryAttemptsKey
		made-- // the first try is no recovery
		for _, try := range n.Tries {
			if try.Kind == semconv.KindFallback {
				made--
			}
		}
	}
	said, _ := n.Number(key)
	if made = max(said, made); n.Kind == semconv.KindPhase {
		made++
	}
	return made
}

// Said is how n ended, in words; see Span.Said.
func (n *Node) Said() string { return n.said(n.Outcome(), n.Made()) }

// Waited is the sum of the waits of an operation or a phase, and the wait after a try.
func (n *Node) Waited() (sum time.Duration) {
	if n.Wait != nil {
		return n.Wait.Took()
	}
	for _, try := range n.Tries {
		if try.Wait != nil {
			sum += try.Wait.Took()
		}
	}
	return sum
}

// Lost is how long the failed tries of an operation or a phase took, with all that is below them.
func (n *Node) Lost() (sum time.Duration) {
	for _, try := range n.Tries {
		if try.Failed() {
			sum += try.To.Sub(try.From)
		}
	}
	return sum
}

// Only is the one try of n when it needs no row of its own, because nothing was to follow it, and no panic came after
// it; else nil.
func (n *Node) Only() *Node {
	if len(n.Tries) != 1 || n.Made() != 1 || n.Tries[0].Outcome() == Retried {
		return nil
	}
	only := n.Tries[0]
	if n.Outcome() == Panicked && n.Text(semconv.ErrorTypeKey) != only.Text(semconv.ErrorTypeKey) {
		return nil
	}
	return only
}

// Rows are the nodes that are shown below n: its children, with those of its only try in its place.
func (n *Node) Rows() []*Node {
	only := n.Only()
	if only == nil {
		return n.Children
	}
	i := slices.Index(n.Children, only)
	return slices.Concat(n.Children[:i], only.Children, n.Children[i+1:])
}

// maxLevel is the deepest level of a tree. What lies deeper is put there, so that a tree can be walked by
// recursion.
const maxLevel = 60

// treesOf builds the trees of nodes, the earliest root first, and sorts nodes by time. Parents may be missing or go in
// a circle: every node is in the trees exactly once.
func treesOf(nodes []*Node) (roots []*Node) {
	cutCircles(nodes)
	adopt(nodes)
	inOrder(nodes)
	roots = link(nodes)
	for _, n := range nodes {
		n.settle()
	}
	return roots
}

// link makes the lists of children, each in the order of nodes, and returns the roots. The lists are cut from one.
func link(nodes []*Node) (roots []*Node) {
	deep := false
	for _, n := range nodes {
		if n.Parent != nil {
			n.Parent.children++
		}
		deep = deep || n.deep()
	}
	all := make([]*Node, len(nodes))
	for _, n := range nodes {
		n.Children, all = all[:0:n.children], all[n.children:]
	}
	for _, n := range nodes {
		if n.Parent == nil {
			roots = append(roots, n)
		} else {
			n.Parent.Children = append(n.Parent.Children, n)
		}
	}
	if deep {
		for _, n := range roots {
			n.flatten()
		}
	}
	return roots
}

// deep reports whether n is deeper than maxLevel below its root.
func (n *Node) deep() bool {
	level := 0
	for ; n.Parent != nil && level <= maxLevel; n = n.Parent {
		level++
	}
	return level > maxLevel
}

// nodesOf makes a node of each span, and of the hosts that spans lack. first and last are the extent of spans. A span
// may come twice.
func nodesOf(spans []Span, first, last time.Time) []*Node {
	nodes, byKey, twins := nodesByKey(spans, first, last)
	orphans := findParents(nodes, byKey)
	// Without such spans there are no hosts to look for.
	if twins || slices.ContainsFunc(orphans, func(n *Node) bool { return n.IsTry() }) {
		hosts := hostsOf(spans, byKey)
		for i := range hosts {
			n := new(Node)
			n.set(&hosts[i], first, last)
			byKey[n.Key()] = n
			nodes = append(nodes, n)
		}
		findParents(orphans, byKey)
	}
	return nodes
}

// nodesByKey makes the nodes without their parents. Of a span that comes twice the one that ended counts, else the
// first; twins says that there are such spans.
func nodesByKey(spans []Span, first, last time.Time) (nodes []*Node, byKey map[Key]*Node, twins bool) {
	nodes = make([]*Node, 0, len(spans))
	byKey = make(map[Key]*Node, len(spans))
	room := make([]Node, len(spans)) // for all, as a hundred thousand by themselves took twice the time
	for i := range spans {
		span := &spans[i]
		key := span.Key()
		if twin := byKey[key]; twin != nil && span.SpanID.IsValid() {
			if twin.End.IsZero() && !span.End.IsZero() {
				twin.set(span, first, last)
			}
			twins = true
			continue
		}
		n := &room[len(nodes)]
		n.set(span, first, last)
		byKey[key] = n
		nodes = append(nodes, n)
	}
	return nodes, byKey, twins
}

// set makes n the node of span, whose end may lie before its beginning, in a session from first to last.
func (n *Node) set(span *Span, first, last time.Time) {
	n.Span, n.From, n.To, n.Open = span, span.Start, span.End, span.End.IsZero()
	if n.From.IsZero() {
		n.From, n.Unbegun = first, true
	}
	if n.Open {
		n.To = last
	}
	if n.To.Before(n.From) {
		n.To = n.From
	}
}

// findParents returns those of nodes whose parents are not in byKey.
func findParents(nodes []*Node, byKey map[Key]*Node) (orphans []*Node) {
	for _, n := range nodes {
		if !n.ParentID.IsValid() {
			continue
		}
		if n.Parent = byKey[Key{n.TraceID, n.ParentID}]; n.Parent == nil {
			orphans = append(orphans, n)
		}
	}
	return orphans
}

// extent is the time from the first known to the last.
func extent(spans []Span) (first, last time.Time) {
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

// cutCircles takes the parent away from one node of each circle.
func cutCircles(nodes []*Node) {
	for i, n := range nodes {
		for walk := i + 1; n != nil; n = n.Parent {
			if n.walk > 0 {
				if n.walk == walk {
					n.Parent = nil
				}
				break
			}
			n.walk = walk
		}
	}
}

// Limits of what costs more than it is worth: operations without their parents, and attempts that may have called one.
const (
	maxOrphans = 1000
	maxCallers = 50
)

// adopt finds the tries that called operations whose parent is not among the spans, most often the span of another
// instrumentation between the two.
func adopt(nodes []*Node) {
	type group struct {
		trace trace.TraceID
		phase string
	}
	var orphans []*Node
	for _, n := range nodes {
		if n.Parent == nil && n.ParentID.IsValid() && n.Kind == semconv.KindOperation {
			orphans = append(orphans, n)
		}
	}
	if len(orphans) == 0 {
		return
	}
	groupOf := func(n *Node) group { return group{n.TraceID, n.Text(semconv.PhaseNameKey)} }
	tries := map[group][]*Node{}
	for _, n := range nodes {
		if n.IsTry() {
			tries[groupOf(n)] = append(tries[groupOf(n)], n)
		}
	}
	inOrder(orphans) // the outer ones first
	for _, n := range orphans[:min(len(orphans), maxOrphans)] {
		n.Parent = caller(n, tries[groupOf(n)])
	}
}

// caller is the try that n was called by: of those that lasted from before n to after it, and have as many retry loops
// around them as n says, the innermost. It is nil when there is none or more than one.
func caller(n *Node, tries []*Node) *Node {
	depth, deep := n.Number(semconv.DepthKey)
	// No depth is depth 0, but what succeeds at once need not say it.
	deep = deep || n.Failed() || n.Outcome() == Recovered
	var around []*Node
	for _, t := range tries {
		if t.From.After(n.From) || t.To.Before(n.To) || t.under(n) || t.root().besides(n) {
			continue
		}
		if !deep || t.loops() == depth || t.loops() == 1 && depth == 0 && t.ofPhase() {
			around = append(around, t)
		}
	}
	if len(around) > maxCallers {
		return nil
	}
	for _, t := range around {
		if !slices.ContainsFunc(around, func(other *Node) bool { return !t.under(other) }) {
			return t
		}
	}
	return nil
}

// under reports whether a is n or an ancestor of n.
func (n *Node) under(a *Node) bool {
	for ; n != nil; n = n.Parent {
		if n == a {
			return true
		}
	}
	return false
}

func (n *Node) root() *Node {
	for n.Parent != nil {
		n = n.Parent
	}
	return n
}

// besides reports whether n and other have the same parent, which is not among the spans.
func (n *Node) besides(other *Node) bool { return n.ParentID == other.ParentID && n.ParentID.IsValid() }

// loops is how many retry loops are around what t calls. A phase is one only when it can recover.
func (n *Node) loops() int {
	if n.Parent == nil || n.ofPhase() {
		return 1
	}
	outer, said := n.Parent.Number(semconv.DepthKey)
	if try := n.Parent.Parent; !said && try != nil && try.IsTry() {
		outer = try.loops() // what succeeds at once does not say it
	}
	return outer + 1
}

// ofPhase reports whether n is a try of a phase, or of nothing that is known.
func (n *Node) ofPhase() bool { return n.Parent == nil || n.Parent.Kind != semconv.KindOperation }

// inOrder sorts by time, and where that says nothing by number: the tree of the same spans is the same.
func inOrder(nodes []*Node) {
	slices.SortStableFunc(nodes, func(a, b *Node) int {
		// To look for the numbers each time took longer than to sort.
		if earlier := a.From.Compare(b.From); earlier != 0 {
			return earlier
		}
		an, _ := a.Number(semconv.AttemptKey)
		bn, _ := b.Number(semconv.AttemptKey)
		return cmp.Or(cmp.Compare(an, bn), bytes.Compare(a.SpanID[:], b.SpanID[:]))
	})
}

// flatten gives what is deeper than maxLevel below n the parent on that level.
func (n *Node) flatten() {
	type rank struct {
		*Node
		level int
	}
	queue := []rank{{n, 0}}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		if at.level == maxLevel {
			for i := 0; i < len(at.Children); i++ { // it grows meanwhile
				c := at.Children[i]
				c.Parent = at.Node
				at.Children, c.Children = append(at.Children, c.Children...), nil
			}
			continue
		}
		for _, c := range at.Children {
			queue = append(queue, rank{c, at.level + 1})
		}
	}
}

// settle finds the tries of n, and the waits between them.
func (n *Node) settle() {
	if !n.CanRetry() {
		return
	}
	n.Tries = n.Children // most often there is nothing else
	if slices.ContainsFunc(n.Children, func(c *Node) bool { return !c.IsTry() }) {
		n.Tries = slices.DeleteFunc(slices.Clone(n.Children), func(c *Node) bool { return !c.IsTry() })
	}
	for i, try := range n.Tries {
		try.Wait = n.waitAfter(i)
	}
}

// flat lists the nodes of trees, parents first.
func flat(roots []*Node) []*Node {
	list := slices.Clone(roots)
	for i := 0; i < len(list); i++ {
		list = append(list, list[i].Children...)
	}
	return list
}
