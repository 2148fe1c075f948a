package waterfall

import (
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/interval"
	"github.com/backspan/backspan/internal/semconv"
)

// A Summary counts what happened in a number of spans.
type Summary struct {
	Operations     int // retried or not
	Attempts       int // calls that operations made, first ones included
	AttemptsFailed int
	Retried        int // operations that needed more than one
	Recovered      int // operations that succeeded after a failed attempt

	Failed    int // operations that ended badly; among them:
	Exhausted int // those that failed at every attempt they were allowed
	Permanent int // those that failed for a reason that another attempt would not change
	Cancelled int // those that were cancelled from outside
	OutOfTime int // those that reached their deadline
	Open      int // operations that have not ended, or whose end nobody saw; not among Failed

	Phases          int
	PhasesRecovered int // phases that succeeded after a failed try
	PhasesFailed    int // phases that ended badly, but for those that were cancelled
	PhasesCancelled int
	Recoveries      int // recovery attempts of phases

	Elapsed time.Duration // from the first start to the last end
	Working time.Duration // in which at least one attempt ran that was not itself only waiting
	Waiting time.Duration // in which there were only waits: what the retries cost
}

// Summarize counts spans. Spans of other instrumentation only count for Elapsed.
func Summarize(spans []Span) Summary { return summarize(forest(spans)) }

func summarize(roots []*node) Summary {
	var s Summary
	for _, r := range roots {
		s.count(r)
	}
	first, last := extent(roots)
	s.Elapsed = last.Sub(first)
	work, waits := spend(roots)
	s.Working = interval.Total(work)
	s.Waiting = interval.Total(interval.Subtract(interval.Merge(waits), work))
	return s
}

func (s *Summary) count(n *node) {
	switch n.Kind {
	case semconv.KindOperation:
		s.countOperation(n)
	case semconv.KindPhase:
		s.Phases++
		if n.recovered() {
			s.PhasesRecovered++
		}
		switch cancelled := n.Text(semconv.PhaseStatusKey) == semconv.StatusCancelled; {
		case cancelled:
			s.PhasesCancelled++
		case n.Failed():
			s.PhasesFailed++
		}
	case semconv.KindRecovery:
		s.Recoveries++
	}
	for _, c := range n.children {
		s.count(c)
	}
}

func (s *Summary) countOperation(n *node) {
	s.Operations++
	made := n.made()
	s.Attempts += made
	for _, t := range n.tries() {
		if t.Failed() {
			s.AttemptsFailed++
		}
	}
	if made > 1 {
		s.Retried++
	}
	if n.recovered() {
		s.Recovered++
	}
	if n.Failed() {
		s.Failed++
	} else if n.open {
		s.Open++
	}
	switch n.Text(semconv.OutcomeKey) {
	case semconv.OutcomeExhausted:
		s.Exhausted++
	case semconv.OutcomePermanent:
		s.Permanent++
	case semconv.OutcomeCancelled:
		s.Cancelled++
	case semconv.OutcomeDeadline:
		s.OutOfTime++
	}
}

// made is how many tries an operation or phase made. Not every attempt has a span: a policy may leave out successful
// first ones, and full recorders and lost lines leave out any.
func (n *node) made() int {
	said, _ := n.Number(semconv.AttemptsKey)
	return max(said, len(n.tries()))
}

// extent is the time from the first start to the last end of whole trees.
func extent(roots []*node) (first, last time.Time) {
	for i, r := range roots {
		f, l := extent(r.children)
		if len(r.children) == 0 || r.from.Before(f) {
			f = r.from
		}
		if len(r.children) == 0 || r.to.After(l) {
			l = r.to
		}
		if i == 0 || f.Before(first) {
			first = f
		}
		if i == 0 || l.After(last) {
			last = l
		}
	}
	return first, last
}

// spend says when there was work in the trees of nodes, merged, and when there were waits, which may overlap. An attempt
// works as long as it lasts, apart from the waits of the operations that it calls, unless another of them works then.
func spend(nodes []*node) (work, waits []interval.Interval) {
	for _, n := range nodes {
		inner, idle := spend(n.children)
		// A policy may leave out the span of an attempt that succeeded: the operation's says as much.
		if n.IsTry() || n.Kind == semconv.KindOperation && len(n.tries()) == 0 {
			own := interval.Subtract([]interval.Interval{{From: n.from, To: n.to}}, interval.Subtract(interval.Merge(idle), inner))
			work = append(work, own...)
		}
		work, waits = append(work, inner...), append(waits, idle...)
		for _, w := range n.waits() {
			waits = append(waits, interval.Interval{From: w.from, To: w.to})
		}
	}
	return interval.Merge(work), waits
}
