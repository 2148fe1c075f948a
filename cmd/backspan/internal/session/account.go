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

// A stint is what a node adds to ledgers: the wait after it, and when it ran itself.
type stint struct {
	waits, own []interval
	failed     bool
}

// set makes s that of n, in a session that began at first. The time that is covered by calls below n is theirs: the
// innermost attempt says whether time was lost. Of a session that is partial only the waits are known: what else ran
// meanwhile is not known in full.
func (s *stint) set(n *Node, first time.Time, partial bool) {
	s.waits, s.own, s.failed = s.waits[:0], s.own[:0], n.Failed()
	if n.Wait != nil {
		s.waits = append(s.waits, n.Wait.since(first))
	}
	if partial || !n.runs() {
		return
	}
	whole := n.since(first)
	if len(n.Children) == 0 { // as most
		if whole.from < whole.to {
			s.own = append(s.own, whole)
		}
		return
	}
	s.own = append(s.own, subtract([]interval{whole}, merge(n.below(first)))...)
}

// A ledger collects when nodes worked, lost time and waited.
type ledger struct{ work, lost, waits []interval }

func (l *ledger) add(s *stint) {
	l.waits = append(l.waits, s.waits...)
	if s.failed {
		l.lost = append(l.lost, s.own...)
	} else {
		l.work = append(l.work, s.own...)
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
func (n *Node) below(first time.Time) (list []interval) {
	todo := slices.Clone(n.Children)
	for len(todo) > 0 {
		c := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if c.Wait != nil {
			list = append(list, c.Wait.since(first))
		}
		if c.runs() { // what is below it lies within
			list = append(list, c.since(first))
		} else {
			todo = append(todo, c.Children...)
		}
	}
	return list
}

func (n *Node) since(first time.Time) interval { return interval{n.From.Sub(first), n.To.Sub(first)} }

func (w *Wait) since(first time.Time) interval { return interval{w.From.Sub(first), w.To.Sub(first)} }
