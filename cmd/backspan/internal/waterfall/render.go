package waterfall

import (
	"bufio"
	"io"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
	"github.com/backspan/backspan/cmd/backspan/internal/term"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
)

// Options say how a waterfall is drawn. The zero Options give plain text of 80 columns.
type Options struct {
	Width   int  // columns; 0 means 80; below MinWidth counts as MinWidth, above 1000 as 1000
	Color   bool // with the terminal's colours
	ASCII   bool // with nothing beyond ASCII
	MaxRows int  // rows of spans before the picture is folded; 0 means 50; NoFold
}

// MinWidth is the smallest width for which no line is wider than asked. From 40 columns on it is a picture.
const MinWidth = 20

// NoFold as Options.MaxRows shows every row.
const NoFold = -1

const (
	defaultWidth = 80
	maxWidth     = 1000 // no terminal is wider, but COLUMNS may say anything, and each column costs time
	defaultRows  = 50
)

// Render draws s and its summary: the tree on the left, the times on the right, drawn to scale. Nothing in the spans
// can break the picture or command the terminal. Without spans it says so. The error is w's.
func Render(w io.Writer, s *session.Session, o Options) error {
	p := newPicture(o)
	p.draw(s)
	out := bufio.NewWriter(w)
	for _, l := range p.lines {
		if _, err := out.WriteString(l + "\n"); err != nil {
			return err
		}
	}
	return out.Flush()
}

// A picture is a drawing in progress.
type picture struct {
	Options
	layout
	glyphs *term.Glyphs
	lines  []string
}

func newPicture(o Options) *picture {
	if o.Width == 0 {
		o.Width = defaultWidth
	}
	o.Width = min(max(o.Width, MinWidth), maxWidth)
	if o.MaxRows == 0 {
		o.MaxRows = defaultRows
	}
	return &picture{Options: o, glyphs: term.GlyphsFor(o.ASCII, o.Width)}
}

func (p *picture) draw(s *session.Session) {
	if len(s.Roots) == 0 {
		p.lines = []string{"no spans"}
		return
	}
	items := itemsOf(s.Roots)
	if p.MaxRows != NoFold {
		items = fold(items, p.MaxRows)
	}
	for _, it := range rows(items) {
		it.looks()
		if p.ASCII {
			for _, s := range [...]*string{&it.name, &it.note.said, &it.note.err, &it.took} {
				*s = text.ASCII(*s)
			}
		}
	}
	p.layout = p.measure(items)
	p.chart = newChart(s.First, s.Last, p.Width-p.chartAt)

	if p.chart.columns > 0 {
		p.header()
	}
	for _, it := range items {
		p.row(it, "", "")
	}
	p.lines = append(p.lines, "")
	p.summary(s.Summary())
}

func (p *picture) line() *term.Line { return &term.Line{Color: p.Color} }

func (p *picture) end(l *term.Line) { p.lines = append(p.lines, l.String()) }

func (p *picture) header() {
	l := p.line()
	l.Right(p.tookEnd, term.Faint, tookTitle)
	if p.waitedEnd > 0 {
		l.Right(p.waitedEnd, term.Faint, waitedTitle)
	}
	l.Pad(p.chartAt)
	p.chart.axis(l)
	p.end(l)
}

// row draws it and what is below it; before stands before its own line, below before the lines below it.
func (p *picture) row(it *item, before, below string) {
	l := p.line()
	// However deep it is, the beginning of its name is to be seen.
	l.Add(term.Faint, text.Cut(before, max(0, p.words-min(minName, 2+text.Width(it.name))), ""))
	if it.folded > 0 {
		l.Add(term.Faint, p.glyphs.Ellipsis+" ")
	} else {
		l.Add(it.mark.Style(), p.glyphs.Marks[it.mark]+" ")
	}
	p.name(l, it)
	p.numbers(l, it)
	if p.chart.columns > 0 {
		l.Pad(p.chartAt)
		p.chart.draw(l, p.glyphs, it.bars)
	}
	p.end(l)
	if p.stacked {
		p.noteLine(it, below)
	}
	for i, c := range it.children {
		branch, trunk := p.glyphs.Branch, p.glyphs.Trunk
		if i == len(it.children)-1 {
			branch, trunk = p.glyphs.Last, p.glyphs.Gap
		}
		p.row(c, below+branch, below+trunk)
	}
}

// name adds the name, and the note beside it where there is left for both.
func (p *picture) name(l *term.Line, it *item) {
	s := term.Plain
	if it.bold {
		s = term.Bold
	}
	left := p.words - l.Width
	note := 0
	if !p.stacked {
		note = it.note.width(p.maxError)
	}
	if note > 0 {
		// Both are cut when they must be; neither to less than half.
		note = min(note, max(left/2, left-text.Width(it.name)-2))
		left -= 2 + note
	}
	l.Add(s, text.LeftToRight(text.Cut(it.name, max(left, 0), p.glyphs.Ellipsis)))
	if note > 0 {
		l.Add(term.Plain, "  ")
		p.note(l, it.note, p.words-l.Width)
	}
}

func (p *picture) numbers(l *term.Line, it *item) {
	l.Right(p.tookEnd, term.Plain, it.took)
	if p.waitedEnd > 0 && it.waited > 0 {
		l.Right(p.waitedEnd, term.Faint, text.Duration(it.waited))
	}
}

// note adds the words of n in at most w columns.
func (p *picture) note(l *term.Line, n note, w int) {
	if n.err == "" {
		l.Add(n.style, text.Cut(n.said+n.tail, w, p.glyphs.Ellipsis))
		return
	}
	said := n.said + n.between()
	left, enough := w-text.Width(said)-text.Width(n.tail), min(enoughError, text.Width(n.err))
	if left < enough {
		left, n.tail = w-text.Width(said), ""
	}
	if said != "" && left < enough {
		l.Add(n.style, text.Cut(n.said, w, p.glyphs.Ellipsis))
		return
	}
	l.Add(term.Red, said)
	l.Add(term.Red, text.LeftToRight(text.Shorten(n.err, min(left, p.maxError), p.glyphs.Ellipsis)))
	l.Add(term.Faint, n.tail)
}

// enoughError is how many columns of an error are worth showing, if it has as many.
const enoughError = 12

// noteLine is the line of words below a row that is too narrow for them.
func (p *picture) noteLine(it *item, below string) {
	n := it.note
	if it.waited > 0 {
		waited := "waited " + text.Duration(it.waited)
		if n.said+n.err != "" {
			waited = ", " + waited
		}
		n.tail = waited + n.tail
	}
	if n.said+n.err+n.tail == "" {
		return
	}
	trunk := p.glyphs.Gap
	if len(it.children) > 0 {
		trunk = p.glyphs.Trunk
	}
	l := p.line()
	l.Add(term.Faint, text.Cut(below+trunk, max(0, p.Width-2*minName), ""))
	l.Add(term.Plain, " ")
	p.note(l, n, p.Width-l.Width)
	p.end(l)
}
