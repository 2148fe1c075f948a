package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/backspan/backspan/internal/semconv"
)

// A spending is where the time went. Each moment counts once, for the first of these that fits.
type spending struct {
	Working time.Duration // some attempt ran that succeeded, or still does
	Lost    time.Duration // only attempts ran that failed
	Waiting time.Duration // nothing ran, and some retry waited
	Other   time.Duration // nothing of that: the code between the operations
}

func (s spending) elapsed() time.Duration { return s.Working + s.Lost + s.Waiting + s.Other }

// spendingOf divides the time of trees.
func spendingOf(roots []*node, elapsed time.Duration) spending {
	var work, lost, waits []interval
	for _, r := range flat(roots) {
		w, l, q := own(r)
		work, lost, waits = append(work, w...), append(lost, l...), append(waits, q...)
	}
	work, lost, waits = merge(work), merge(lost), merge(waits)
	lost = subtract(lost, work)
	waits = subtract(subtract(waits, work), lost)
	s := spending{Working: total(work), Lost: total(lost), Waiting: total(waits)}
	s.Other = max(0, elapsed-s.Working-s.Lost-s.Waiting)
	return s
}

// An interval is a stretch of time.
type interval struct{ from, to time.Time }

// own is the time of n itself. An attempt that calls operations counts for what is not theirs: the innermost attempt says
// whether time was lost.
func own(n *node) (work, lost, waits []interval) {
	tries := n.tries()
	for _, w := range n.waits(tries) {
		if w != nil {
			waits = append(waits, interval{w.from, w.to})
		}
	}
	// A policy may leave out the span of an attempt that succeeded: the operation's says as much.
	if !n.isTry() && (n.Kind != semconv.KindOperation || len(tries) > 0) {
		return nil, nil, waits
	}
	mine := subtract([]interval{{n.from, n.to}}, merge(inner(n)))
	if n.failed() {
		return nil, mine, waits
	}
	return mine, nil, waits
}

// inner is when attempts below n ran, or waited for the next.
func inner(n *node) (list []interval) {
	below := slices.Clone(n.children)
	for len(below) > 0 {
		c := below[len(below)-1]
		below = below[:len(below)-1]
		tries := c.tries()
		for _, w := range c.waits(tries) {
			if w != nil {
				list = append(list, interval{w.from, w.to})
			}
		}
		if c.isTry() || c.Kind == semconv.KindOperation && len(tries) == 0 {
			list = append(list, interval{c.from, c.to}) // what is below it lies within
			continue
		}
		below = append(below, c.children...)
	}
	return list
}

// flat lists the nodes of trees, parents first.
func flat(roots []*node) []*node {
	list := slices.Clone(roots)
	for i := 0; i < len(list); i++ {
		list = append(list, list[i].children...)
	}
	return list
}

// merge sorts a list and joins what overlaps.
func merge(list []interval) []interval {
	slices.SortFunc(list, func(a, b interval) int {
		return cmp.Or(a.from.Compare(b.from), a.to.Compare(b.to))
	})
	var merged []interval
	for _, v := range list {
		if n := len(merged); n > 0 && !merged[n-1].to.Before(v.from) {
			if v.to.After(merged[n-1].to) {
				merged[n-1].to = v.to
			}
			continue
		}
		merged = append(merged, v)
	}
	return merged
}

// subtract returns the parts of a that are not in b; both are merged.
func subtract(a, b []interval) (rest []interval) {
	for _, v := range a {
		for len(b) > 0 && !b[0].to.After(v.from) {
			b = b[1:]
		}
		for _, hole := range b {
			if !hole.from.Before(v.to) {
				break
			}
			if hole.from.After(v.from) {
				rest = append(rest, interval{v.from, hole.from})
			}
			v.from = hole.to
		}
		if v.from.Before(v.to) {
			rest = append(rest, v)
		}
	}
	return rest
}

func total(list []interval) (sum time.Duration) {
	for _, v := range list {
		sum += v.to.Sub(v.from)
	}
	return sum
}
