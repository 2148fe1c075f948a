package waterfall

import (
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/term"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
)

// A chart maps times to columns. Its unit is half a column, which the glyphs of lines can show.
type chart struct {
	from    time.Time
	length  time.Duration
	columns int
}

func newChart(from, to time.Time, columns int) chart {
	return chart{from, max(to.Sub(from), 1), columns}
}

// half is the half-column of t, from 0 to 2*columns.
func (c chart) half(t time.Time) int {
	at := float64(t.Sub(c.from)) / float64(c.length)
	return max(0, min(int(at*float64(2*c.columns)+0.5), 2*c.columns))
}

// A cell is one column of a row: what its halves show.
type cell struct {
	halves [2]barKind
	drawn  [2]bool
	failed bool // a failed bar ends here
	error  bool // part of a failed bar
}

// cells lays out the bars of a row. Work is drawn over waits: where both fall into one column, what was done counts.
func (c chart) cells(bars []bar) []cell {
	cells := make([]cell, c.columns)
	for _, b := range bars {
		from, to := c.half(b.from), c.half(b.to)
		if b.kind != barWait {
			// However short, it happened.
			from = min(from, 2*c.columns-1)
			to = max(to, from+1)
		}
		for h := from; h < to; h++ {
			k := &cells[h/2]
			if k.drawn[h%2] && k.halves[h%2] > b.kind {
				continue
			}
			k.halves[h%2], k.drawn[h%2] = b.kind, true
			k.error = b.failed
		}
		if b.failed {
			cells[(to-1)/2].failed = true
		}
	}
	return cells
}

// draw adds the row to l.
func (c chart) draw(l *term.Line, g *term.Glyphs, bars []bar) {
	cells := c.cells(bars)
	for i := 0; i < len(cells); {
		text, style := cells[i].show(g)
		n := i + 1
		for ; n < len(cells); n++ {
			next, nextStyle := cells[n].show(g)
			if nextStyle != style {
				break
			}
			text += next
		}
		l.Add(style, text)
		i = n
	}
}

func (k cell) show(g *term.Glyphs) (string, term.Style) {
	left, right := k.drawn[0] && k.halves[0] != barWait, k.drawn[1] && k.halves[1] != barWait
	style := term.Green
	if k.error {
		style = term.Red
	}
	thin := left && k.halves[0] == barThin || right && k.halves[1] == barThin
	switch {
	case k.failed:
		return g.Marks[term.Failed], term.Red
	case left && right && thin:
		return g.Thin, style
	case left && right:
		return g.Bar, style
	case left && thin:
		return g.ThinL, style
	case left:
		return g.Left, style
	case right && thin:
		return g.ThinR, style
	case right:
		return g.Right, style
	case k.drawn[0] || k.drawn[1]:
		return g.Wait, term.Faint
	}
	return " ", term.Plain
}

// axis adds the times along the chart to l.
func (c chart) axis(l *term.Line) {
	const apart = 8 // columns from one time to the next, at least
	step := roundStep(time.Duration(float64(c.length) * apart / float64(c.columns)))
	start := l.Width
	for t := time.Duration(0); t <= c.length; t += step {
		label := text.Duration(t)
		if t == 0 {
			label = "0"
		}
		at := int(float64(t) / float64(c.length) * float64(c.columns))
		if at+len(label) > c.columns {
			break
		}
		l.Pad(start + at)
		l.Add(term.Faint, label)
	}
}

// roundStep is the smallest round duration that is not below d.
func roundStep(d time.Duration) time.Duration {
	for _, minutes := range [...]time.Duration{1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440} {
		if d > 30*time.Second && d <= minutes*time.Minute {
			return minutes * time.Minute
		}
	}
	if d > 24*time.Hour {
		return (d/(24*time.Hour) + 1) * 24 * time.Hour
	}
	if d > 20*time.Second {
		return 30 * time.Second
	}
	for unit := time.Duration(1); ; unit *= 10 {
		for _, n := range [...]time.Duration{1, 2, 5} {
			if n*unit >= d {
				return n * unit
			}
		}
	}
}
