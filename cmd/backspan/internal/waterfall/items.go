package waterfall

import (
	"fmt"
	"strings"
	"time"

	"github.com/backspan/backspan/internal/semconv"
)

// An item is one row of the picture, with the rows below it.
type item struct {
	kind     string // semconv.Kind…; "" for others
	mark     mark
	name     string
	bold     bool
	note     note
	took     time.Duration
	open     bool // it still runs, or nobody saw its end
	waited   time.Duration
	bars     []bar
	children []*item

	trouble       bool // something failed in it or below it
	folded        int  // how many rows this one stands for; 0 for an ordinary row
	foldedFailed  int  // how many of those failed
	foldedTrouble int  // how many of the others were in trouble
}

// A note says in words what happened: "permanent: no such file", "connection refused, wait of 8s cut short".
type note struct {
	said  string // our own words
	style style
	err   string // an error's text
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
func itemsOf(nodes []*node) []*item {
	items := make([]*item, 0, len(nodes))
	for _, n := range nodes {
		items = append(items, itemOf(n))
	}
	return items
}

func itemOf(n *node) *item {
	it := &item{
		kind: n.Kind,
		name: nameOf(n.Span),
		bold: n.Kind == semconv.KindRun || n.Kind == semconv.KindPhase,
		took: n.to.Sub(n.from),
		open: n.open,
		mark: markOf(n),
	}
	tries, waits := n.tries(), n.waits()
	alone := n.alone(tries)
	it.bars = barsOf(n, tries, waits)
	if n.IsTry() {
		it.name = tryName(n.Span)
		it.note.err = errorOf(n.Span)
	} else {
		it.note = noteOf(n, tries, alone)
	}
	for _, w := range waits {
		it.waited += w.told()
	}
	if alone {
		it.children = itemsOf(withoutTry(n, tries[0]))
	} else {
		it.children = itemsOf(n.children)
		it.spreadWaits(n, waits)
	}
	it.trouble = it.mark == markFailed || it.mark == markCancelled || n.recovered()
	for _, c := range it.children {
		it.trouble = it.trouble || c.trouble
	}
	return it
}

// alone reports whether n made one try that needs no row of its own, because nothing was to follow it.
func (n *node) alone(tries []*node) bool {
	return len(tries) == 1 && n.made() == 1 && tries[0].Text(semconv.ResultKey) != semconv.ResultRetrying
}

// withoutTry are the children of n with the try's own in its place.
func withoutTry(n, try *node) []*node {
	var children []*node
	for _, c := range n.children {
		if c == try {
			children = append(children, c.children...)
		} else {
			children = append(children, c)
		}
	}
	return children
}

// spreadWaits draws each wait of n also in the row of the try that it follows.
func (it *item) spreadWaits(n *node, waits []wait) {
	for i, c := range n.children {
		for len(waits) > 0 && waits[0].after == c {
			row := it.children[i]
			row.waited = waits[0].told()
			row.bars = append([]bar{waits[0].bar()}, row.bars...)
			if w := waits[0]; w.cut && w.planned > w.took() {
				row.note.tail = fmt.Sprintf(", wait of %s cut short", formatDuration(w.planned))
			}
			waits = waits[1:]
		}
	}
}

// barsOf are the bars of n's row: of an operation or phase, its tries and the waits between them.
func barsOf(n *node, tries []*node, waits []wait) []bar {
	switch {
	case markOf(n) == markSkipped:
		return nil
	case len(tries) == 0:
		return []bar{barOf(n)}
	}
	bars := make([]bar, 0, len(waits)+len(tries))
	for _, w := range waits {
		bars = append(bars, w.bar())
	}
	for _, t := range tries {
		bars = append(bars, barOf(t))
	}
	return bars
}

func (w wait) bar() bar { return bar{w.from, w.to, barWait, false} }

// barOf is the bar of n alone.
func barOf(n *node) bar {
	b := bar{n.from, n.to, barWork, n.Failed()}
	if len(n.children) > 0 || n.Kind == semconv.KindRun {
		b.kind = barThin
	}
	return b
}

// tryName tells the tenth attempt from the eleventh: their spans share one name. A fallback keeps its own.
func tryName(n *Span) string {
	number, ok := n.Number(semconv.AttemptKey)
	if ok && strings.HasPrefix(n.Name, n.Kind+" ") {
		return fmt.Sprintf("%s %d", n.Kind, number)
	}
	return nameOf(n)
}

// nameOf is a name that can be seen.
func nameOf(n *Span) string {
	if name := clean(n.Name); name != "" {
		return name
	}
	return "(no name)"
}

func markOf(n *node) mark {
	status := n.Text(semconv.PhaseStatusKey)
	if n.Kind == semconv.KindRun {
		status = n.Text(semconv.RunStatusKey)
	}
	switch {
	case status == semconv.StatusSkipped:
		return markSkipped
	case status == semconv.StatusCancelled, n.Text(semconv.OutcomeKey) == semconv.OutcomeCancelled:
		return markCancelled
	case n.Failed():
		return markFailed
	case n.open:
		return markOpen
	}
	return markOK
}

func errorOf(n *Span) string {
	if !n.Failed() {
		return ""
	}
	text := clean(n.StatusText)
	if text == "" {
		text = clean(n.Text(semconv.ErrorTypeKey))
	}
	return text
}

// noteOf says how an operation, a phase or a run ended. An error that a row below shows is not said twice.
func noteOf(n *node, tries []*node, alone bool) note {
	said, style := outcome(n.Span, n.made(), n.open)
	note := note{said: said, style: style}
	switch {
	case alone && tries[0].Failed():
		note.err = errorOf(tries[0].Span)
	case n.Kind == semconv.KindOperation && len(tries) > 0:
		return note
	default:
		note.err = errorOf(n.Span)
	}
	if shown(n, note.err, tries, alone) {
		note.err = ""
	}
	return note
}

// shown reports whether a row below n's shows the error, or the error that it wraps.
func shown(n *node, err string, tries []*node, alone bool) bool {
	for _, c := range n.children {
		own := alone && c == tries[0] // this row is that of the try too
		if text := errorOf(c.Span); text != "" && !own && strings.Contains(err, text) {
			return true
		}
		if c.Failed() && shown(c, err, nil, false) {
			return true
		}
	}
	return false
}
