package session

import (
	"cmp"
	"slices"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/internal/semconv"
)

// Counts are what happened to a number of operations or phases.
type Counts struct {
	Name     string // of the operation; empty for all together
	Runs     int    // how often an operation of the name ran; how many phases there were
	Attempts int    // of operations
	Failures int    // attempts that failed
	Retried  int    // had more than one attempt
	GaveUp   int    // failed, and neither were cancelled nor allowed to
	Ended    map[Outcome]int
	Time     Account // Rest is 0, but for all operations together
}

func (c *Counts) ended(n *Node) {
	c.Runs++
	c.Ended[n.Outcome()]++
	if n.gaveUp() {
		c.GaveUp++
	}
}

// gaveUp reports whether n failed, and neither was cancelled nor allowed to.
func (n *Node) gaveUp() bool {
	o := n.Outcome()
	return n.Failed() && o != Cancelled && o != Allowed
}

func (c *Counts) operation(n *Node) {
	c.ended(n)
	made := n.Made()
	c.Attempts += made
	if made > 1 {
		c.Retried++
	}
	for _, try := range n.Tries {
		if try.Failed() {
			c.Failures++
		}
	}
}

// A Summary counts what happened in a session.
type Summary struct {
	Operations Counts   // all together; its Time is that of the whole session
	ByName     []Counts // the operations of each name, those that cost most first
	Errors     []Errors // those of each class, likewise
	Phases     Counts
	Elapsed    time.Duration
	Exact      bool // the session's beginning and end are recorded, and so Elapsed is how long it lasted
	Partial    bool // see Session

	patterns *text.Memo         // of text.ErrorPattern
	classes  map[ErrorClass]int // indices of Errors
}

func summaryOf(roots []*Node, first, last time.Time, partial bool) *Summary {
	s := &Summary{
		Operations: Counts{Ended: map[Outcome]int{}}, Phases: Counts{Ended: map[Outcome]int{}},
		Elapsed: last.Sub(first), Exact: true, Partial: partial, classes: map[ErrorClass]int{},
	}
	index := map[string]int{}
	var all ledger
	var named []ledger
	of := func(n *Node) int { // index of the operation's name in named
		name := cmp.Or(n.Text(semconv.OperationKey), n.Name)
		i, known := index[name]
		if !known {
			i = len(named)
			index[name] = i
			named = append(named, ledger{})
			s.ByName = append(s.ByName, Counts{Name: name, Ended: map[Outcome]int{}})
		}
		return i
	}
	classes := newClasses()
	var stint stint
	for _, n := range flat(roots) {
		stint.set(n, first, partial)
		all.add(&stint)
		classes.add(n, &stint)
		switch {
		case n.Kind == semconv.KindOperation:
			i := of(n)
			s.ByName[i].operation(n)
			s.Operations.operation(n)
			named[i].add(&stint)
		case n.Kind == semconv.KindPhase:
			s.Phases.ended(n)
		case n.IsTry() && n.Parent != nil && n.Parent.Kind == semconv.KindOperation:
			named[of(n.Parent)].add(&stint)
		}
		s.Exact = s.Exact && !(n.Unbegun && !n.From.After(first) || n.Open && n.Parent == nil)
	}
	for i := range named {
		s.ByName[i].Time = named[i].account()
	}
	s.Operations.Time = all.account()
	s.Operations.Time.Rest = max(0, s.Elapsed-s.Operations.Time.Elapsed())
	slices.SortStableFunc(s.ByName, func(a, b Counts) int {
		return cmp.Or(cmp.Compare(b.Time.cost(), a.Time.cost()), cmp.Compare(b.Failures, a.Failures))
	})
	s.Errors = classes.list()
	s.patterns = classes.patterns
	for i := range s.Errors {
		s.classes[s.Errors[i].ErrorClass] = i
	}
	return s
}

// Shares says where the time of the session went, without what took none. Of a session that is partial only the waits
// are known. What is left over is known only if the whole is.
func (s *Summary) Shares() []Share {
	t := s.Operations.Time
	shares := []Share{
		{"working", "attempts that succeeded", t.Working},
		{"lost", "attempts that failed", t.Lost},
		{"waiting", "between attempts", t.Waiting},
		{"rest", "outside of attempts", t.Rest},
	}
	if s.Partial {
		shares = []Share{shares[2], {"not recorded", "in attempts or outside of them", t.Elapsed() - t.Waiting}}
	}
	if !s.Exact {
		shares = shares[:len(shares)-1]
	}
	return slices.DeleteFunc(shares, func(s Share) bool { return s.Took == 0 })
}
