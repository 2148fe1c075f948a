package ci

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/orchestrator"
)

// Results are what is known of a run that ended. All texts are masked.
type Results struct {
	Session *session.Session
	Report  *orchestrator.Report // of the run of a pipeline: all its phases, also those without a span; else nil
}

// name is what ran. A report knows it without a span, too.
func (r Results) name() string {
	if r.Report != nil {
		return text.Name(r.Report.Pipeline)
	}
	return text.Name(r.Session.Name())
}

// said is how it ended, in words.
func (r Results) said() string {
	if r.Report != nil && len(r.Session.Roots) == 0 {
		return session.Outcome(r.Report.Status).Word()
	}
	return r.Session.Said()
}

// A testCase is a phase or an operation. One that ran again, because what is around it was tried again, has several
// runs.
type testCase struct {
	name     string
	parent   *testCase // nil for what is outermost
	children []*testCase

	kind   string
	index  map[caseKey]*testCase     // of children
	runs   []*session.Node           // the earliest first; none of a phase that is only in the report
	result *orchestrator.PhaseResult // of a phase of the report
}

// A caseKey finds a run of the same thing in another try of what is around it.
type caseKey struct {
	kind, name string
	number     int // tells apart what has the same name in one try
}

// cases are the phases of a pipeline in the order of the report, then what is outside of them.
func (r Results) cases() []*testCase {
	top := &testCase{}
	top.addAll(r.Session.Roots, map[caseKey]int{})
	var list []*testCase
	var phases []orchestrator.PhaseResult
	if r.Report != nil {
		phases = r.Report.Phases
	}
	for i := range phases {
		result := &phases[i]
		at := slices.IndexFunc(top.children, func(c *testCase) bool {
			return c.kind == semconv.KindPhase && c.name == result.Phase
		})
		if at < 0 {
			list = append(list, &testCase{name: result.Phase, kind: semconv.KindPhase, result: result})
			continue
		}
		top.children[at].result = result
		list = append(list, top.children[at])
		top.children = slices.Delete(top.children, at, at+1)
	}
	list = append(list, top.children...)
	for _, c := range list {
		c.parent = nil
	}
	return list
}

// addAll adds the phases and operations that nodes are or hold. seen counts the names in this try of c.
func (c *testCase) addAll(nodes []*session.Node, seen map[caseKey]int) {
	for _, n := range nodes {
		switch {
		case n.CanRetry():
			c.child(n, seen).add(n)
		case n.IsTry():
			c.addAll(n.Children, map[caseKey]int{})
		default:
			c.addAll(n.Children, seen)
		}
	}
}

// add adds a run of c.
func (c *testCase) add(n *session.Node) {
	c.runs = append(c.runs, n)
	c.addAll(n.Children, map[caseKey]int{})
}

// child is the case of n below c.
func (c *testCase) child(n *session.Node, seen map[caseKey]int) *testCase {
	key := caseKey{kind: n.Kind, name: n.Name}
	key.number, seen[key] = seen[key], seen[key]+1
	child := c.index[key]
	if child == nil {
		child = &testCase{name: n.Name, parent: c, kind: n.Kind}
		if c.index == nil {
			c.index = map[caseKey]*testCase{}
		}
		c.index[key] = child
		c.children = append(c.children, child)
	}
	return child
}

// all lists cases and all below them, each before what is below it.
func all(cases []*testCase) (list []*testCase) {
	for _, c := range cases {
		list = append(append(list, c), all(c.children)...)
	}
	return list
}

// path names c and what is around it, from the outside in, safe to show.
func (c *testCase) path() []string {
	name := text.Name(c.name)
	if c.parent == nil {
		return []string{name}
	}
	return append(c.parent.path(), name)
}

// title is the path in one text.
func (c *testCase) title() string { return strings.Join(c.path(), " / ") }

// outcome is how c ended: its last run, which has recovered when a run before it failed.
func (c *testCase) outcome() session.Outcome {
	if len(c.runs) == 0 {
		switch r := c.result; {
		case r.Allowed:
			return session.Allowed
		case r.Status == orchestrator.Success && r.Fallback != nil:
			return session.FellBack
		case r.Status == orchestrator.Success && r.Recovery != nil:
			return session.Recovered
		default:
			return session.Outcome(r.Status)
		}
	}
	last := c.runs[len(c.runs)-1].Outcome()
	if last == session.Succeeded && len(c.failures()) > 0 {
		return session.Recovered
	}
	return last
}

// attempts is how many attempts were made in all runs, without the fallback.
func (c *testCase) attempts() (n int) {
	for _, run := range c.runs {
		n += run.Made()
	}
	return n
}

// failures are the attempts that failed, the earliest first.
func (c *testCase) failures() (list []*session.Node) {
	for _, run := range c.runs {
		for _, try := range run.Tries {
			if try.Failed() {
				list = append(list, try)
			}
		}
	}
	return list
}

// said is how c ended, in words.
func (c *testCase) said() string {
	o, n := c.outcome(), c.attempts()
	if n == 0 || o == session.Skipped || n == 1 && c.verdict() == well {
		return o.Word()
	}
	return o.After(n)
}

// reason is why c did not succeed; "" when it did. An operation that made its attempts says how many, which said does.
func (c *testCase) reason() string {
	if len(c.runs) == 0 {
		return cmp.Or(c.result.Error, c.result.Reason)
	}
	last := c.runs[len(c.runs)-1]
	failures := c.failures()
	switch c.outcome() {
	case session.Exhausted, session.Permanent, session.NotRetryable, session.Failed, session.Allowed:
		if len(failures) > 0 {
			return failures[len(failures)-1].Failure()
		}
	}
	return cmp.Or(last.Failure(), last.Text(semconv.PhaseReasonKey), last.Text(semconv.SkippedKey))
}

// lost is what the failed attempts took, waited what the waits between attempts did, and took is all of it.
func (c *testCase) lost() time.Duration   { return c.sum((*session.Node).Lost) }
func (c *testCase) waited() time.Duration { return c.sum((*session.Node).Waited) }
func (c *testCase) took() time.Duration {
	return c.sum(func(n *session.Node) time.Duration { return n.To.Sub(n.From) })
}

func (c *testCase) sum(of func(*session.Node) time.Duration) (sum time.Duration) {
	for _, n := range c.runs {
		sum += of(n)
	}
	return sum
}

// A verdict is what a case means for the run.
type verdict uint8

const (
	well    verdict = iota // it succeeded, at once or not
	skipped                // there was nothing to do, or it failed and was allowed to
	broken                 // it was cancelled, or has not ended
	failed
)

func (c *testCase) verdict() verdict {
	switch o := c.outcome(); {
	case o == session.Skipped, o == session.Allowed:
		return skipped
	case o == session.Succeeded, o == session.DryRun, o.Saved():
		return well
	case c.parent.endedWell():
		return skipped
	case o == session.Cancelled, o == session.Unended:
		return broken
	}
	return failed
}

// endedWell reports whether c, or what is around it, ended well or was allowed to fail.
func (c *testCase) endedWell() bool {
	return c != nil && (c.verdict() == well || c.verdict() == skipped)
}

// retried reports whether c is worth telling: it needed more than one attempt, or was given up.
func (c *testCase) retried() bool {
	failures := len(c.failures())
	switch c.outcome() {
	case session.Succeeded, session.DryRun, session.Skipped:
		return false
	case session.Cancelled, session.Unended:
		return failures > 0 && c.attempts() > 1
	}
	return failures > 0 || c.verdict() == failed
}

// firstError is the text of the first failed attempt.
func (c *testCase) firstError() string {
	for _, try := range c.failures() {
		return try.Failure()
	}
	return c.reason()
}
