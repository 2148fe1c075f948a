package report

import (
	"time"

	"github.com/backspan/backspan/internal/semconv"
)

// A wait is the time between two tries of an operation or a phase.
type wait struct {
	from, to time.Time
	planned  time.Duration // what the policy asked for; 0 when no span says it
	open     bool          // it still goes on, or nobody saw its end
	cut      bool          // no try came after it
}

func (w *wait) took() time.Duration { return w.to.Sub(w.from) }

// waitAfter is the wait of n between its i-th try and the next; nil when there was none.
func (n *node) waitAfter(tries []*node, i int) *wait {
	try, retrying := tries[i], tries[i].Text(semconv.ResultKey) == semconv.ResultRetrying
	planned, said := try.Seconds(semconv.NextDelayKey)
	w := &wait{from: try.to, to: n.to, planned: planned}
	if i+1 < len(tries) {
		next := tries[i+1]
		if delay, ok := next.Seconds(semconv.DelayKey); ok && !said {
			w.planned, said = delay, true
		}
		w.to = next.from
	} else {
		w.open, w.cut = n.open, !n.open
		said = said && retrying
	}
	switch {
	case !said && !retrying, try.open, !w.from.Before(w.to):
		return nil
	case said && w.planned == 0: // between a try and the next there is always a moment
		return nil
	case i+1 < len(tries) && tries[i+1].unbegun: // the wait and the try after it are not told apart
		return nil
	}
	return w
}

// waits has for each try the wait after it, or nil.
func (n *node) waits(tries []*node) []*wait {
	waits := make([]*wait, len(tries))
	for i := range tries {
		waits[i] = n.waitAfter(tries, i)
	}
	return waits
}
