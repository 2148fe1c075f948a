package live

import (
	"fmt"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
	"github.com/backspan/backspan/cmd/backspan/internal/term"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/cmd/backspan/internal/waterfall"
	"github.com/backspan/backspan/internal/semconv"
)

// A frame is one drawing of the live view.
type frame struct {
	glyphs *term.Glyphs
	ascii  bool
	color  bool
	width  int
	rows   int // lines that may be drawn
	now    time.Time
	lines  []*term.Line
}

const (
	// The last column stays free: after a letter there, terminals differ on where the cursor is.
	freeColumns = 1
	// Of a high terminal only this much.
	maxFrameRows = 12

	waitColumns = 8  // of the countdown as a line of dots
	wideFrame   = 72 // columns from which on that line is drawn
	minName     = 10 // columns that a name has at least
)

func newFrame(o Options, columns, rows int, now time.Time) *frame {
	return &frame{
		glyphs: term.GlyphsFor(o.ASCII, columns),
		ascii:  o.ASCII,
		color:  o.Color,
		width:  columns - freeColumns,
		// Above the top of the screen nothing can be redrawn, and the cursor rests in the line below.
		rows: min(rows-1, maxFrameRows),
		now:  now,
	}
}

// draw returns the lines of roots. When there are too many, phases that ended give way first.
func (f *frame) draw(roots []*liveSpan) []*term.Line {
	if f.rows < 1 || f.width < minName {
		return nil // too small for anything
	}
	f.spans(roots, "", true)
	if len(f.lines) > f.rows {
		f.lines = nil
		f.spans(roots, "", false)
	}
	if more := len(f.lines) - f.rows + 1; more > 1 {
		f.lines = f.lines[:f.rows-1]
		l := f.line()
		l.Add(term.Faint, fmt.Sprintf("%s %d more", f.glyphs.Ellipsis, more))
		f.lines = append(f.lines, l)
	}
	return f.lines
}

func (f *frame) line() *term.Line { return &term.Line{Color: f.color} }

func (f *frame) spans(list []*liveSpan, indent string, ended bool) {
	for _, n := range list {
		if n.ended != nil && !ended {
			continue
		}
		f.span(n, indent)
		// Deep nesting would leave no columns for words.
		if len(indent) < f.width/4 {
			f.spans(n.children, indent+"  ", ended)
		}
	}
}

func (f *frame) span(n *liveSpan, indent string) {
	l := f.line()
	l.Add(term.Plain, indent)
	mark, color := f.mark(n)
	l.Add(color, mark+" ")
	color = term.Plain
	if n.kind != semconv.KindOperation {
		color = term.Bold
	}
	l.Add(color, text.LeftToRight(text.Cut(f.plain(n.name), max(minName, f.width/3), f.glyphs.Ellipsis)))
	l.Add(term.Plain, "  ")
	switch {
	case n.ended != nil:
		f.endedWords(l, n)
	case n.wait != (wait{}):
		f.waitWords(l, n)
	default:
		f.runningWords(l, n)
	}
	f.lines = append(f.lines, f.fit(l))
}

// fit draws l again when it became too wide, cut and without colours.
func (f *frame) fit(l *term.Line) *term.Line {
	if l.Width <= f.width {
		return l
	}
	short := f.line()
	short.Add(term.Plain, text.Cut(l.Bare(), f.width, f.glyphs.Ellipsis))
	return short
}

func (f *frame) mark(n *liveSpan) (string, term.Style) {
	switch {
	case n.ended != nil:
		m := waterfall.Mark(n.ended)
		return f.glyphs.Marks[m], m.Style()
	case n.wait != (wait{}):
		return f.glyphs.Wait, term.Yellow
	}
	return f.glyphs.Running, term.Plain
}

func (f *frame) plain(s string) string {
	if f.ascii {
		return text.ASCII(s)
	}
	return s
}

func (f *frame) endedWords(l *term.Line, n *liveSpan) {
	outcome := n.ended.Outcome()
	if said := f.plain(n.said(n.ended)); said != "" {
		l.Add(waterfall.StyleOf(outcome), said+"  ")
	}
	if took := n.ended.End.Sub(n.ended.Start); outcome != session.Skipped || took > 0 {
		l.Add(term.Faint, text.Duration(took))
	}
}

// waitWords are the countdown and the reason of the wait.
func (f *frame) waitWords(l *term.Line, n *liveSpan) {
	left := max(0, n.wait.until.Sub(f.now))
	l.Add(term.Yellow, fmt.Sprintf("%s in %s  ", n.nextTry(), text.Countdown(left)))
	if f.width >= wideFrame {
		// Rounded up: something is to be seen as long as something is left.
		planned := n.wait.planned()
		dots := int((left*waitColumns + planned - 1) / planned)
		end := l.Width + waitColumns + 2
		for range min(dots, waitColumns) {
			l.Add(term.Faint, f.glyphs.Wait)
		}
		l.Pad(end)
	}
	f.reason(l, n)
}

func (f *frame) runningWords(l *term.Line, n *liveSpan) {
	since := n.span.StartTime()
	again := n.tryKind == semconv.KindRecovery || n.tryKind == semconv.KindFallback
	if n.kind == semconv.KindOperation && n.tries > 0 || again {
		l.Add(term.Plain, n.currentTry()+"  ")
		since = n.trying
	}
	l.Add(term.Faint, text.Countdown(max(0, f.now.Sub(since))))
	if n.failure != "" {
		l.Add(term.Faint, "  after ")
		f.reason(l, n)
	}
}

func (f *frame) reason(l *term.Line, n *liveSpan) {
	l.Add(term.Red, f.glyphs.Marks[term.Failed]+" ")
	l.Add(term.Red, text.LeftToRight(text.Shorten(f.plain(n.failure), max(f.width-l.Width, 0), f.glyphs.Ellipsis)))
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
