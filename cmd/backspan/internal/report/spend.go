package report

import (
	"slices"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/interval"
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
	var work, lost, waits []interval.Interval
	for _, r := range flat(roots) {
		w, l, q := own(r)
		work, lost, waits = append(work, w...), append(lost, l...), append(waits, q...)
	}
	work, lost, waits = interval.Merge(work), interval.Merge(lost), interval.Merge(waits)
	lost = interval.Subtract(lost, work)
	waits = interval.Subtract(interval.Subtract(waits, work), lost)
	s := spending{Working: interval.Total(work), Lost: interval.Total(lost), Waiting: interval.Total(waits)}
	s.Other = max(0, elapsed-s.Working-s.Lost-s.Waiting)
	return s
}

// own is the time of n itself. An attempt that calls operations counts for what is not theirs: the innermost attempt says
// whether time was lost.
func own(n *node) (work, lost, waits []interval.Interval) {
	tries := n.tries()
	for _, w := range n.waits(tries) {
		if w != nil {
			waits = append(waits, interval.Interval{From: w.from, To: w.to})
		}
	}
	// A policy may leave out the span of an attempt that succeeded: the operation's says as much.
	if !n.IsTry() && (n.Kind != semconv.KindOperation || len(tries) > 0) {
		return nil, nil, waits
	}
	mine := interval.Subtract([]interval.Interval{{From: n.from, To: n.to}}, interval.Merge(inner(n)))
	if n.Failed() {
		return nil, mine, waits
	}
	return mine, nil, waits
}

// inner is when attempts below n ran, or waited for the next.
func inner(n *node) (list []interval.Interval) {
	below := slices.Clone(n.children)
	for len(below) > 0 {
		c := below[len(below)-1]
		below = below[:len(below)-1]
		tries := c.tries()
		for _, w := range c.waits(tries) {
			if w != nil {
				list = append(list, interval.Interval{From: w.from, To: w.to})
			}
		}
		if c.IsTry() || c.Kind == semconv.KindOperation && len(tries) == 0 {
			list = append(list, interval.Interval{From: c.from, To: c.to}) // what is below it lies within
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
