package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/backspan/backspan/internal/semconv"
)

// counts are what happened to a number of operations.
type counts struct {
	Name      string
	Runs      int // how often the operation ran
	Attempts  int
	Failed    int // attempts that failed
	Retried   int
	Recovered int
	GivenUp   int // operations that ended badly, for whatever reason; among them:
	Cancelled int

	// Sums over all runs: operations that run at the same time, or inside another, count each for itself.
	Working, Lost, Waiting time.Duration
}

func (c *counts) add(o *counts) {
	c.Runs += o.Runs
	c.Attempts += o.Attempts
	c.Failed += o.Failed
	c.Retried += o.Retried
	c.Recovered += o.Recovered
	c.GivenUp += o.GivenUp
	c.Cancelled += o.Cancelled
	c.Working += o.Working
	c.Lost += o.Lost
	c.Waiting += o.Waiting
}

// count counts one operation.
func count(n *node) counts {
	tries := n.tries()
	c := counts{Name: cmp.Or(n.Text(semconv.OperationKey), n.Name, "(no name)"), Runs: 1, Attempts: n.made(tries)}
	for _, t := range tries {
		if took := t.to.Sub(t.from); t.Failed() {
			c.Failed++
			c.Lost += took
		} else {
			c.Working += took
		}
	}
	switch {
	case len(tries) > 0:
	case n.Failed():
		c.Lost += n.to.Sub(n.from)
	default:
		c.Working += n.to.Sub(n.from)
	}
	for _, w := range n.waits(tries) {
		if w != nil {
			c.Waiting += w.took()
		}
	}
	if c.Attempts > 1 {
		c.Retried = 1
	}
	if n.state() == semconv.OutcomeRecovered {
		c.Recovered = 1
	}
	if n.Failed() {
		c.GivenUp = 1
	}
	if n.Failed() && n.state() == semconv.OutcomeCancelled {
		c.Cancelled = 1
	}
	return c
}

// byName counts the operations of each name, the ones that cost most first.
func byName(nodes []*node) []counts {
	index := map[string]int{}
	var list []counts
	for _, n := range nodes {
		if n.Kind != semconv.KindOperation {
			continue
		}
		c := count(n)
		i, known := index[c.Name]
		if !known {
			i = len(list)
			index[c.Name] = i
			list = append(list, counts{Name: c.Name})
		}
		list[i].add(&c)
	}
	slices.SortStableFunc(list, func(a, b counts) int {
		return cmp.Or(cmp.Compare(b.Lost+b.Waiting, a.Lost+a.Waiting), cmp.Compare(b.Failed, a.Failed))
	})
	return list
}

func sum(list []counts) (all counts) {
	for i := range list {
		all.add(&list[i])
	}
	return all
}

// A phaseCount counts phases.
type phaseCount struct{ all, recovered, failed, cancelled, skipped int }

func countPhases(nodes []*node) (c phaseCount) {
	for _, n := range nodes {
		if n.Kind != semconv.KindPhase {
			continue
		}
		c.all++
		switch n.state() {
		case semconv.OutcomeRecovered:
			c.recovered++
		case stateSkipped:
			c.skipped++
		case semconv.OutcomeCancelled:
			c.cancelled++
		default:
			if n.Failed() {
				c.failed++
			}
		}
	}
	return c
}
