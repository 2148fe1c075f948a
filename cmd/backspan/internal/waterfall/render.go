package waterfall

import (
	"bufio"
	"io"
	"strings"
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

// Render draws spans, most often those of one trace, and what Summarize counts: the tree on the left, the times on the
// right, drawn to scale. Nothing in the spans can break the picture or command the terminal. Without spans it says so.
// The error is w's.
func Render(w io.Writer, spans []Span, o Options) error {
	p := newPicture(o)
	p.draw(forest(spans))
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
	glyphs *glyphs
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
	return &picture{Options: o, glyphs: glyphsFor(o.ASCII, o.Width)}
}

func (p *picture) draw(roots []*node) {
	if len(roots) == 0 {
		p.lines = []string{"no spans"}
		return
	}
	items := itemsOf(roots)
	if p.MaxRows != NoFold {
		items = fold(items, p.MaxRows)
	}
	p.readable(items)
	first, last := extent(roots)
	p.layout = p.measure(items)
	p.chart = newChart(first, last, p.Width-p.chartAt)

	if p.chart.columns > 0 {
		p.header()
	}
	for _, it := range items {
		p.row(it, "", "")
	}
	p.lines = append(p.lines, "")
	p.summary(summarize(roots))
}

// readable makes all text of items fit for the terminal.
func (p *picture) readable(items []*item) {
	for _, it := range items {
		if p.ASCII {
			it.name, it.note.said, it.note.err = asciiOnly(it.name), asciiOnly(it.note.said), asciiOnly(it.note.err)
		}
		p.readable(it.children)
	}
}

func (p *picture) line() *line { return &line{color: p.Color} }

func (p *picture) end(l *line) { p.lines = append(p.lines, l.String()) }

func (p *picture) header() {
	l := p.line()
	l.right(p.tookEnd, styleFaint, tookTitle)
	if p.waitedEnd > 0 {
		l.right(p.waitedEnd, styleFaint, waitedTitle)
	}
	l.pad(p.chartAt)
	p.chart.axis(l)
	p.end(l)
}

// row draws it and what is below it; before stands before its own line, below before the lines below it.
func (p *picture) row(it *item, before, below string) {
	l := p.line()
	// However deep it is, the beginning of its name is to be seen.
	l.add(styleFaint, cut(before, max(0, p.words-min(minName, 2+width(it.name))), ""))
	if it.folded > 0 {
		l.add(styleFaint, p.glyphs.ellipsis+" ")
	} else {
		l.add(markStyles[it.mark], p.glyphs.marks[it.mark]+" ")
	}
	p.name(l, it)
	p.numbers(l, it)
	if p.chart.columns > 0 {
		l.pad(p.chartAt)
		p.chart.draw(l, p.glyphs, it.bars)
	}
	p.end(l)
	if p.stacked {
		p.noteLine(it, below)
	}
	for i, c := range it.children {
		if i < len(it.children)-1 {
			p.row(c, below+p.glyphs.branch, below+p.glyphs.trunk)
		} else {
			p.row(c, below+p.glyphs.last, below+p.glyphs.gap)
		}
	}
}

// name adds the name, and the note beside it where there is room for both.
func (p *picture) name(l *line, it *item) {
	s := styleNone
	if it.bold {
		s = styleBold
	}
	room := p.words - l.width
	note := 0
	if !p.stacked {
		note = it.note.width(p.maxError)
	}
	if note > 0 {
		// Both are cut when they must be; neither to less than half.
		note = min(note, max(room/2, room-width(it.name)-2))
		room -= 2 + note
	}
	l.add(s, leftToRight(cut(it.name, max(room, 0), p.glyphs.ellipsis)))
	if note > 0 {
		l.add(styleNone, "  ")
		p.note(l, it.note, p.words-l.width)
	}
}

func (p *picture) numbers(l *line, it *item) {
	took := it.tookText()
	if it.open {
		took = p.glyphs.ellipsis
	}
	l.right(p.tookEnd, styleNone, took)
	if p.waitedEnd > 0 && it.waited > 0 {
		l.right(p.waitedEnd, styleFaint, formatDuration(it.waited))
	}
}

// note adds the words of n in at most w columns.
func (p *picture) note(l *line, n note, w int) {
	if n.err == "" {
		l.add(n.style, cut(n.said+n.tail, w, p.glyphs.ellipsis))
		return
	}
	said := n.said + n.between()
	room := w - width(said) - width(n.tail)
	if room < enoughError {
		room, n.tail = w-width(said), ""
	}
	if said != "" && room < enoughError {
		l.add(n.style, cut(n.said, w, p.glyphs.ellipsis))
		return
	}
	l.add(styleFailed, said)
	l.add(styleFailed, leftToRight(shorten(n.err, min(room, p.maxError), p.glyphs.ellipsis)))
	l.add(styleFaint, n.tail)
}

// enoughError is how many columns of an error are worth showing.
const enoughError = 12

// noteLine is the line of words below a row that had no room for them.
func (p *picture) noteLine(it *item, below string) {
	n := it.note
	if it.waited > 0 {
		n.tail = ", waited " + formatDuration(it.waited) + n.tail
	}
	if n.said+n.err == "" {
		n.tail = strings.TrimPrefix(n.tail, ", ")
	}
	if n.said+n.err+n.tail == "" {
		return
	}
	trunk := p.glyphs.gap
	if len(it.children) > 0 {
		trunk = p.glyphs.trunk
	}
	l := p.line()
	l.add(styleFaint, cut(below+trunk, max(0, p.Width-2*minName), ""))
	l.add(styleNone, " ")
	p.note(l, n, p.Width-l.width)
	p.end(l)
}
