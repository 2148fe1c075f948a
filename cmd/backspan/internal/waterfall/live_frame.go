package waterfall

import (
	"fmt"
	"time"

	"github.com/backspan/backspan/internal/semconv"
)

// A frame is one drawing of the live view.
type frame struct {
	glyphs *glyphs
	ascii  bool
	color  bool
	width  int
	rows   int // lines that may be drawn
	now    time.Time
	lines  []*line
}

const (
	// The last column stays free: after a letter there, terminals differ on where the cursor is.
	freeColumns = 1
	// Of a high terminal only this much.
	maxFrameRows = 12

	waitColumns = 8 // of the countdown as a line of dots
)

func newFrame(o LiveOptions, columns, rows int, now time.Time) *frame {
	return &frame{
		glyphs: glyphsFor(o.ASCII, columns),
		ascii:  o.ASCII,
		color:  o.Color,
		width:  columns - freeColumns,
		// Above the top of the screen nothing can be redrawn, and the cursor rests in the line below.
		rows: min(rows-1, maxFrameRows),
		now:  now,
	}
}

// draw returns the lines of roots. When there are too many, phases that ended give way first.
func (f *frame) draw(roots []*liveSpan) []*line {
	if f.rows < 1 || f.width < minName {
		return nil // no room for anything
	}
	f.spans(roots, "", true)
	if len(f.lines) > f.rows {
		f.lines = nil
		f.spans(roots, "", false)
	}
	if more := len(f.lines) - f.rows + 1; more > 1 {
		f.lines = f.lines[:f.rows-1]
		l := f.line()
		l.add(styleFaint, fmt.Sprintf("%s %d more", f.glyphs.ellipsis, more))
		f.lines = append(f.lines, l)
	}
	return f.lines
}

func (f *frame) line() *line { return &line{color: f.color} }

func (f *frame) spans(list []*liveSpan, indent string, ended bool) {
	for _, n := range list {
		if n.ended != nil && !ended {
			continue
		}
		f.span(n, indent)
		// Deep nesting would leave no room for words.
		if len(indent) < f.width/4 {
			f.spans(n.children, indent+"  ", ended)
		}
	}
}

func (f *frame) span(n *liveSpan, indent string) {
	l := f.line()
	l.add(styleNone, indent)
	mark, color := f.mark(n)
	l.add(color, mark+" ")
	color = styleNone
	if n.kind != semconv.KindOperation {
		color = styleBold
	}
	l.add(color, leftToRight(cut(f.text(n.name), max(minName, f.width/3), f.glyphs.ellipsis)))
	l.add(styleNone, "  ")
	switch {
	case n.ended != nil:
		f.endedWords(l, n)
	case !n.wait.from.IsZero():
		f.waitWords(l, n)
	default:
		f.runningWords(l, n)
	}
	f.lines = append(f.lines, f.fit(l))
}

// fit draws l again when it became too wide, cut and without colours.
func (f *frame) fit(l *line) *line {
	if l.width <= f.width {
		return l
	}
	short := f.line()
	short.add(styleNone, cut(l.plain.String(), f.width, f.glyphs.ellipsis))
	return short
}

func (f *frame) mark(n *liveSpan) (string, style) {
	switch {
	case n.ended != nil:
		m := markOf(&node{Span: n.ended})
		return f.glyphs.marks[m], markStyles[m]
	case !n.wait.from.IsZero():
		return f.glyphs.wait, styleRecovered
	}
	return f.glyphs.running, styleNone
}

func (f *frame) text(s string) string {
	if f.ascii {
		return asciiOnly(s)
	}
	return s
}

func (f *frame) endedWords(l *line, n *liveSpan) {
	said, color := outcome(n.ended, n.tries, false)
	if said != "" {
		l.add(color, said+"  ")
	}
	if said != semconv.StatusSkipped {
		l.add(styleFaint, formatDuration(n.ended.End.Sub(n.ended.Start)))
	}
}

// waitWords are the countdown and the reason of the wait.
func (f *frame) waitWords(l *line, n *liveSpan) {
	left := max(0, n.wait.to.Sub(f.now))
	l.add(styleRecovered, fmt.Sprintf("%s in %s  ", n.nextTry(), countdown(left)))
	if f.width >= notesWidth {
		// Rounded up: something is to be seen as long as something is left.
		dots := int((left*waitColumns + n.wait.planned - 1) / max(n.wait.planned, 1))
		end := l.width + waitColumns + 2
		for range min(dots, waitColumns) {
			l.add(styleFaint, f.glyphs.wait)
		}
		l.pad(end)
	}
	f.reason(l, n)
}

func (f *frame) runningWords(l *line, n *liveSpan) {
	since := n.span.StartTime()
	if n.tries > 0 && (n.kind == semconv.KindOperation || n.tries > 1) {
		l.add(styleNone, n.currentTry()+"  ")
		since = n.trying
	}
	l.add(styleFaint, countdown(max(0, f.now.Sub(since))))
	if n.tries > 1 && n.failure != "" {
		l.add(styleFaint, "  after ")
		f.reason(l, n)
	}
}

func (f *frame) reason(l *line, n *liveSpan) {
	l.add(styleFailed, f.glyphs.marks[markFailed]+" ")
	l.add(styleFailed, leftToRight(shorten(f.text(n.failure), max(f.width-l.width, 0), f.glyphs.ellipsis)))
}

// currentTry is "attempt 2/4" for an operation and "recovery 1" for a phase.
func (n *liveSpan) currentTry() string {
	if n.kind == semconv.KindOperation {
		return n.attempt(n.tries)
	}
	return n.tryName
}

// nextTry is what comes after the wait.
func (n *liveSpan) nextTry() string {
	if n.kind == semconv.KindOperation {
		return n.attempt(n.tries + 1)
	}
	return semconv.RecoveryName(n.tries)
}

func (n *liveSpan) attempt(number int) string {
	if allowed, ok := n.allowed(); ok {
		return fmt.Sprintf("attempt %d/%d", number, allowed)
	}
	return fmt.Sprintf("attempt %d", number)
}

// countdown writes d to the tenth of a second, so that it is seen to move.
func countdown(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return formatDuration(d)
}
