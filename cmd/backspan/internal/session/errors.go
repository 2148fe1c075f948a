package session

import (
	"cmp"
	"slices"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/internal/semconv"
)

// An ErrorClass is what errors have in common that are counted as one. Neither text is made safe for anything but a
// line.
type ErrorClass struct {
	Type   string // error.type
	Reason string // the text.ErrorPattern
}

// Class is the class of the failure of n, which is that of its only try, as an index of s.Errors; ok is false when n
// did not fail, or what failed counts elsewhere.
func (s *Summary) Class(n *Node) (i int, ok bool) {
	if !n.Failed() {
		return 0, false
	}
	i, ok = s.classes[classOf(n, s.patterns)]
	return i, ok
}

// classOf is the class of n, which failed. patterns remembers text.ErrorPattern.
func classOf(n *Node, patterns *text.Memo) ErrorClass {
	if only := n.Only(); only != nil && only.Failed() {
		n = only
	}
	return ErrorClass{n.Text(semconv.ErrorTypeKey), patterns.Of(n.Failure())}
}

// ClassOf is the class of an error by its type and its text.
func ClassOf(kind, said string) ErrorClass { return ErrorClass{kind, text.ErrorPattern(said)} }

// Errors are the failed attempts of one class. An attempt that failed because an operation within it did counts there
// and not here.
type Errors struct {
	ErrorClass
	Example    string   // the text of the earliest
	Failures   int      // how many attempts
	Operations []string // the names of the operations, or of the phases, that they are of
	GivenUp    int      // how often one of them was the last of its operation or phase, which it failed with
	Time       Account  // Lost and Waiting
}

// classes collect the Errors of a session.
type classes struct {
	patterns *text.Memo // of text.ErrorPattern
	index    map[ErrorClass]int
	errors   []Errors
	times    []ledger
	first    []time.Time // when the examples began
	named    map[name]bool
}

// A name is that of an operation that failed with errors of a class.
type name struct {
	class int
	name  string
}

func newClasses() *classes {
	return &classes{patterns: text.Remember(text.ErrorPattern), index: map[ErrorClass]int{}, named: map[name]bool{}}
}

// add counts n, and what it adds to ledgers, if it is a call that failed by itself.
func (c *classes) add(n *Node, s *stint) {
	calls := n.IsTry() || n.CanRetry() && len(n.Tries) == 0
	if !calls || !n.Failed() || slices.ContainsFunc(n.Children, (*Node).Failed) {
		return
	}
	class := classOf(n, c.patterns)
	i, known := c.index[class]
	if !known {
		i = len(c.errors)
		c.index[class] = i
		c.errors = append(c.errors, Errors{ErrorClass: class})
		c.times = append(c.times, ledger{})
		c.first = append(c.first, n.From)
	}
	e := &c.errors[i]
	if e.Failures == 0 || n.From.Before(c.first[i]) {
		e.Example, c.first[i] = n.Failure(), n.From
	}
	e.Failures++
	c.times[i].add(s)
	of := n // the operation or phase
	if n.IsTry() && n.Parent != nil {
		of = n.Parent
	}
	key := name{i, cmp.Or(of.Text(semconv.OperationKey), of.Name)}
	if !c.named[key] {
		c.named[key] = true
		e.Operations = append(e.Operations, key.name)
	}
	if of.gaveUp() && (of == n || len(of.Tries) > 0 && of.Tries[len(of.Tries)-1] == n) {
		e.GivenUp++
	}
}

// list returns the classes, those that cost most first.
func (c *classes) list() []Errors {
	for i := range c.errors {
		c.errors[i].Time = c.times[i].account()
	}
	slices.SortStableFunc(c.errors, func(a, b Errors) int {
		return cmp.Or(cmp.Compare(b.Time.cost(), a.Time.cost()), cmp.Compare(b.Failures, a.Failures))
	})
	return c.errors
}
