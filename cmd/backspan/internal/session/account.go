package session

import (
	"slices"
	"time"

	"github.com/backspan/backspan/internal/semconv"
)

// An Account says where time went. Each moment counts once, for the first of these that fits.
type Account struct {
	Working time.Duration // an attempt ran that succeeded, or still does
	Lost    time.Duration // only attempts ran that failed
	Waiting time.Duration // nothing ran, and a retry waited
	Rest    time.Duration // nothing of that: the code between the operations
}

// Elapsed is all of it.
func (a Account) Elapsed() time.Duration { return a.Working + a.Lost + a.Waiting + a.Rest }

// cost is what failures took.
func (a Account) cost() time.Duration { return a.Lost + a.Waiting }

// A Share is a part of an account in words.
type Share struct {
	Name, What string
	Took       time.Duration
}

// A ledger collects when nodes worked, lost time and waited. One that is partial collects only when they waited:
// what else ran meanwhile is not known in full.
type ledger struct {
	partial           bool
	work, lost, waits []interval
}

// add counts the time of n that is not covered by calls below it: the innermost attempt says whether time was lost.
func (l *ledger) add(n *Node) {
	if n.Wait != nil {
		l.waits = append(l.waits, interval{n.Wait.From, n.Wait.To})
	}
	if l.partial || !n.runs() {
		return
	}
	own := subtract([]interval{{n.From, n.To}}, merge(below(n)))
	if n.Failed() {
		l.lost = append(l.lost, own...)
	} else {
		l.work = append(l.work, own...)
	}
}

// account divides the time.
func (l *ledger) account() Account {
	work, lost, waits := merge(l.work), merge(l.lost), merge(l.waits)
	lost = subtract(lost, work)
	waits = subtract(subtract(waits, work), lost)
	return Account{Working: total(work), Lost: total(lost), Waiting: total(waits)}
}

// runs reports whether n stands for a call: a try, or an operation without one, because a policy may leave out the span
// of an attempt that succeeds.
func (n *Node) runs() bool {
	return n.IsTry() || n.Kind == semconv.KindOperation && len(n.Tries) == 0
}

// below is when calls below n ran, or waited for the next.
func below(n *Node) (list []interval) {
	todo := slices.Clone(n.Children)
	for len(todo) > 0 {
		c := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if c.Wait != nil {
			list = append(list, interval{c.Wait.From, c.Wait.To})
		}
		if c.runs() { // what is below it lies within
			list = append(list, interval{c.From, c.To})
		} else {
			todo = append(todo, c.Children...)
		}
	}
	return list
}
