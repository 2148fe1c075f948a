package session

import (
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/internal/semconv"
)

// A Wait is the time between two tries of an operation or a phase.
type Wait struct {
	From, To time.Time
	Planned  time.Duration // what the policy asked for; 0 when no span says it
	Open     bool          // it still goes on, or its end was not recorded
	Cut      bool          // no try came after it: cancelled, or out of time
}

// Took is how long w lasted, as measured. That is what is told of a wait everywhere, not what was planned.
func (w *Wait) Took() time.Duration { return w.To.Sub(w.From) }

// Said is what is to be told of w beside how long it took; "" when it took what it should.
func (w *Wait) Said() string {
	switch {
	case w.Cut && w.Planned > w.Took():
		return "wait of " + text.Duration(w.Planned) + " cut short"
	case w.Open:
		return "wait not ended"
	}
	return ""
}

// waitAfter is the wait of n between its i-th try and the next; nil when there was none.
func (n *Node) waitAfter(i int) *Wait {
	try := n.Tries[i]
	retrying := try.Text(semconv.ResultKey) == semconv.ResultRetrying
	last := i+1 == len(n.Tries)
	if last && !retrying { // as most
		return nil
	}
	planned, said := try.Seconds(semconv.NextDelayKey)
	w := Wait{From: try.To, To: n.To, Planned: planned}
	if last {
		w.Open, w.Cut = n.Open, !n.Open
	} else {
		next := n.Tries[i+1]
		if delay, ok := next.Seconds(semconv.DelayKey); ok && !said {
			w.Planned, said = delay, true
		}
		w.To = next.From
	}
	switch {
	case !said && !retrying, try.Open, !w.From.Before(w.To):
		return nil
	case said && w.Planned == 0: // between a try and the next there is always a moment
		return nil
	case !said && !last && n.Tries[i+1].Unbegun: // the wait and the try after it are not told apart
		return nil
	}
	wait := w // what is returned is on the heap, from where it is declared
	return &wait
}
