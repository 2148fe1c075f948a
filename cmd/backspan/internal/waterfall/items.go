package waterfall

import (
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
	"github.com/backspan/backspan/cmd/backspan/internal/term"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/internal/semconv"
)

// An item is one row of the picture, with the rows below it.
type item struct {
	node     *session.Node // nil for a row that stands for several
	kind     string        // semconv.Kind…; "" for others
	mark     term.Mark
	lasted   time.Duration
	children []*item

	trouble       bool // something failed in it or below it
	folded        int  // how many rows this one stands for; 0 for an ordinary row
	foldedFailed  int  // how many of those failed
	foldedTrouble int  // how many of the others were in trouble

	*look // nil until it is needed: of a long session most rows are folded away, and nobody sees theirs
}

// A look is what is drawn of an item.
type look struct {
	name   string
	bold   bool
	note   note
	took   string // "…" when it is not known
	waited time.Duration
	bars   []bar
}

// rows are items and all that is below them, from above, each with its level; that of items is 0.
func rows(items []*item) iter.Seq2[int, *item] {
	return func(yield func(int, *item) bool) { walk(items, 0, yield) }
}

func walk(items []*item, level int, yield func(int, *item) bool) bool {
	for _, it := range items {
		if !yield(level, it) || !walk(it.children, level+1, yield) {
			return false
		}
	}
	return true
}

// A note says in words what happened: "permanent: no such file", "connection refused, wait of 8s cut short".
type note struct {
	said  string // our own words
	style term.Style
	err   string // an error's text, safe to show, with its lines
	tail  string // what may be left out
}

func (n note) between() string {
	if n.said == "" || n.err == "" {
		return ""
	}
	return ": "
}

// A bar is a stretch of time of a row.
type bar struct {
	from, to time.Time
	kind     barKind
	failed   bool
}

type barKind uint8

const (
	barWait barKind = iota
	barThin         // time that others below account for
	barWork
)

// itemsOf makes the rows of nodes.
func itemsOf(nodes []*session.Node) []*item {
	items, room := make([]*item, len(nodes)), make([]item, len(nodes))
	for i, n := range nodes {
		items[i] = &room[i]
		items[i].set(n)
	}
	return items
}

// set makes it the row of n, with the rows below.
func (it *item) set(n *session.Node) {
	outcome := n.Outcome()
	*it = item{node: n, kind: n.Kind, mark: markOf(outcome, n.Failed()), children: itemsOf(n.Rows())}
	if took, known := n.Lasted(); known {
		it.lasted = took
	}
	it.trouble = it.mark == term.Failed || it.mark == term.Cancelled || outcome.Saved()
	for _, c := range it.children {
		it.trouble = it.trouble || c.trouble
	}
}

// looks finds out what is drawn of it, unless that was done before.
func (it *item) looks() *look {
	if it.look != nil {
		return it.look
	}
	n, outcome := it.node, it.node.Outcome()
	it.look = &look{
		name: text.Name(n.Label()), bold: n.Kind == semconv.KindRun || n.Kind == semconv.KindPhase,
		note:   note{said: n.Said(), style: StyleOf(outcome), err: errorOf(n)},
		waited: n.Waited(), bars: appendBars(nil, n),
	}
	if took, known := n.Lasted(); !known {
		it.took = unknown
	} else if outcome != session.Skipped || took > 0 {
		it.took = text.Duration(took)
	}
	if w := n.Wait; w != nil {
		if said := w.Said(); said != "" {
			it.note.tail = ", " + said
		}
	}
	return it.look
}

// unknown stands for a time that was not recorded.
const unknown = "…"

// appendBars appends the bars of n's row: the wait after it, and of an operation or phase its tries and the waits
// between them.
func appendBars(bars []bar, n *session.Node) []bar {
	if n.Wait != nil {
		bars = append(bars, waitBar(n.Wait))
	}
	switch {
	case n.Outcome() == session.Skipped && !n.To.After(n.From): // it never began
		return bars
	case len(n.Tries) == 0:
		return append(bars, barOf(n))
	}
	for _, try := range n.Tries {
		if try.Wait != nil {
			bars = append(bars, waitBar(try.Wait))
		}
	}
	for _, try := range n.Tries {
		bars = append(bars, barOf(try))
	}
	return bars
}

func waitBar(w *session.Wait) bar { return bar{w.From, w.To, barWait, false} }

// barOf is the bar of n alone.
func barOf(n *session.Node) bar {
	b := bar{n.From, n.To, barWork, n.Failed()}
	if len(n.Children) > 0 || n.Kind == semconv.KindRun {
		b.kind = barThin
	}
	return b
}

// Mark is how s ended, in one letter.
func Mark(s *session.Span) term.Mark { return markOf(s.Outcome(), s.Failed()) }

func markOf(o session.Outcome, failed bool) term.Mark {
	switch o {
	case session.Skipped, session.DryRun:
		return term.Skipped
	case session.Cancelled:
		return term.Cancelled
	case session.Unended:
		return term.Open
	}
	if failed {
		return term.Failed
	}
	return term.OK
}

// StyleOf is how the words of an outcome are drawn.
func StyleOf(o session.Outcome) term.Style {
	switch {
	case o.Saved(), o == session.Unended, o == session.Allowed:
		return term.Yellow
	case o == session.Succeeded, o == session.Skipped, o == session.DryRun:
		return term.Plain
	}
	return term.Red
}

// errorOf is why n failed; "" when its tries or the rows below it say so.
func errorOf(n *session.Node) string {
	failed, only := n, n.Only()
	switch {
	case n.IsTry():
		return text.Safe(n.Failure(), text.MaxText)
	case only != nil && only.Failed():
		failed = only
	case n.Kind == semconv.KindOperation && len(n.Tries) > 0:
		return ""
	}
	if shown(n, failed, only) {
		return ""
	}
	return text.Safe(failed.Failure(), text.MaxText)
}

// shown reports whether a row below n's shows why failed did, which has the row of n. The row of n is that of only too.
func shown(n, failed, only *session.Node) bool {
	for _, c := range n.Children {
		if c != only && wraps(failed, c) || c.Failed() && shown(c, failed, nil) {
			return true
		}
	}
	return false
}

// wraps reports whether outer failed because inner did, as far as spans say: the class of the error is the same, and
// its text is a part of the outer one, as it is in "loading: connection refused". Spans of other instrumentation need
// not have a class.
func wraps(outer, inner *session.Node) bool {
	class := inner.Text(semconv.ErrorTypeKey)
	if !inner.Failed() || class != outer.Text(semconv.ErrorTypeKey) && (class != "" || inner.Kind != "") {
		return false
	}
	whole, part := text.Line(outer.Failure()), text.Line(inner.Failure())
	for at := 0; part != ""; at++ {
		i := strings.Index(whole[at:], part)
		if i < 0 {
			break
		}
		at += i
		before, after := whole[:at], whole[at+len(part):]
		if edge(strings.HasSuffix, before, ": ", "; ", "(", "… ") &&
			edge(strings.HasPrefix, after, " (", "; ", ")", " …") {
			return true
		}
	}
	return false
}

// edge reports whether text is empty or has one of parts at its edge.
func edge(at func(text, part string) bool, text string, parts ...string) bool {
	return text == "" || slices.ContainsFunc(parts, func(part string) bool { return at(text, part) })
}
