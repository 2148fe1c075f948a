package waterfall

import (
	"time"

	"github.com/backspan/backspan/internal/semconv"
)

// A wait is the time between two tries of an operation or a phase.
type wait struct {
	after    *node // the try
	from, to time.Time
	planned  time.Duration // what the span said; 0 when it did not
	open     bool          // it still goes on
	cut      bool          // no try came after it: cancelled, or out of time
}

func (w wait) took() time.Duration { return w.to.Sub(w.from) }

func (w wait) told() time.Duration { return Told(w.planned, w.took()) }

// Told is a wait as it is told: what was planned when that is what happened, without the moment that timers take.
func Told(planned, took time.Duration) time.Duration {
	if planned <= took && took <= planned+planned/10+20*time.Millisecond {
		return planned
	}
	return took
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

// waitAfter is the wait of n between its i-th try and the next.
func (n *node) waitAfter(tries []*node, i int) (wait, bool) {
	try := tries[i]
	planned, said := try.Seconds(semconv.NextDelayKey)
	retrying := try.Text(semconv.ResultKey) == semconv.ResultRetrying
	w := wait{after: try, from: try.to, planned: planned}
	if i+1 < len(tries) {
		next := tries[i+1]
		if delay, ok := next.Seconds(semconv.DelayKey); ok && !said {
			w.planned, said = delay, true
		}
		w.to = next.from
	} else {
		w.to, w.open, w.cut = n.to, n.open, !n.open
		said = said && retrying
	}
	if !said && !retrying || try.open || !w.from.Before(w.to) {
		return wait{}, false
	}
	// Between a try and the next there is always a moment. It is a wait when the policy asked for one.
	if w.planned == 0 && said {
		return wait{}, false
	}
	return w, true
}

// waits are all waits of n between its tries.
func (n *node) waits() []wait {
	tries := n.tries()
	var waits []wait
	for i := range tries {
		if w, ok := n.waitAfter(tries, i); ok {
			waits = append(waits, w)
		}
	}
	return waits
}
