package session

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/internal/semconv"
)

// A Session is the spans of one run, or of one process that retried, as trees.
type Session struct {
	ID     string   // session.id of the spans; empty when they have none
	Source string   // the file they were read from; empty when they come from this process
	Notes  []string // what the source does not say, in sentences

	// Partial says that the source leaves out operations that succeeded at once, and how long attempts took.
	Partial bool

	Roots       []*Node   // the earliest first
	First, Last time.Time // the first time known and the last; zero when no span has one

	nodes   []*Node  // all of them, by time
	summary *Summary // nil until somebody asks
}

// New makes a session of spans, those of other instrumentation too.
func New(spans []Span) *Session {
	s := new(Session)
	s.First, s.Last = extent(spans)
	s.nodes = nodesOf(spans, s.First, s.Last)
	s.Roots = treesOf(s.nodes)
	return s
}

// Summary counts what happened, once: a page needs it more than once.
func (s *Session) Summary() *Summary {
	if s.summary == nil {
		s.summary = summaryOf(s.Roots, s.First, s.Last, s.Partial)
	}
	return s.summary
}

// Name is what ran; see nameOf. Spans of other instrumentation count only if there are no others. It is not made safe
// to show.
func (s *Session) Name() string {
	var run string
	var ours, others []string
	operations := 0
	for _, r := range s.Roots {
		switch r.Kind {
		case "":
			others = append(others, r.Name)
		case semconv.KindRun:
			run = cmp.Or(run, r.Name)
			fallthrough
		default:
			ours = append(ours, withCommand(r.Name, r.command()))
		}
	}
	for _, n := range s.nodes {
		if n.Kind == semconv.KindOperation {
			operations++
		}
	}
	if len(ours) == 0 {
		ours = others
	}
	return nameOf(run, ours, operations)
}

// command is what an operation of exec ran; empty for others.
func (n *Node) command() string {
	for _, try := range n.Tries {
		if line := try.Text(semconv.ProcessCommandKey); line != "" {
			return line
		}
	}
	return ""
}

// withCommand names an operation of exec by what it ran. The default name is the command's first word, without its
// directory.
func withCommand(operation, line string) string {
	first, rest, _ := strings.Cut(line, " ")
	switch {
	case line == "":
		return operation
	case path.Base(first) == operation:
		return strings.TrimSuffix(operation+" "+rest, " ")
	}
	return operation + ": " + line
}

// nameOf names a session: by its run, else by the only root, else by the number of its operations.
func nameOf(run string, roots []string, operations int) string {
	switch {
	case run != "":
		return run
	case len(roots) == 1:
		return roots[0]
	}
	return text.Plural(operations, "operation", "operations")
}

// Outcome is the worst end of the roots. What ended well after a failed try has recovered or fallen back.
func (s *Session) Outcome() Outcome {
	ends := map[Outcome]bool{}
	for _, r := range s.Roots {
		r = r.goneOn()
		o := r.Outcome()
		if r.Failed() && o != Cancelled {
			o = Failed
		}
		ends[o] = true
	}
	for _, o := range [...]Outcome{Failed, Cancelled, Unended, DryRun} {
		if ends[o] {
			return o
		}
	}
	saved := Succeeded
	for _, n := range s.nodes {
		switch n.Outcome() {
		case FellBack:
			return FellBack
		case Recovered:
			saved = Recovered
		}
	}
	return saved
}

// goneOn is the part of a run that ended last. A run that was stopped and gone on with has the next part as its child;
// a run within a phase is below an attempt.
func (n *Node) goneOn() *Node {
	for _, c := range slices.Backward(n.Children) {
		if n.Kind == semconv.KindRun && c.Kind == semconv.KindRun {
			return c.goneOn()
		}
	}
	return n
}

// Said is how s ended in words, and how many operations were given up on the way: "recovered, 24 operations given up".
// Of a root that is an operation itself the outcome says it all.
func (s *Session) Said() string {
	said, n := s.Outcome().Word(), 0
	for _, node := range s.nodes {
		alone := node.Parent == nil && len(s.Roots) == 1
		if node.Kind == semconv.KindOperation && node.gaveUp() && !alone {
			n++
		}
	}
	if n > 0 {
		said += ", " + text.Plural(n, "operation", "operations") + " given up"
	}
	return said
}

// Title is what ran and how it ended, in one line that is safe to print.
func (s *Session) Title() string { return text.Name(s.Name()) + ", " + s.Outcome().Word() }
