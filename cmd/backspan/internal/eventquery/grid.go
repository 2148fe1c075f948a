package eventquery

import (
	"encoding/csv"
	"io"
	"strings"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/term"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
)

// A grid is a table of rows of one kind: for people, who see as many columns as fit, and as CSV for programs.
type grid struct {
	columns []column
	rows    [][]cell
	below   [][]string // lines below each row, for people
}

// A column is one of a grid. Every cell of its rows stands under it.
type column struct {
	name  string // for programs; empty: for people only
	title string // for people; empty: for programs only
	right bool   // numbers
	spare int    // 0: it always stays; of the others those with the highest number are left out first
}

// A cell is what people read and what programs read.
type cell struct{ shown, raw string }

// plain is a cell that reads alike for both.
func plain(s string) cell { return cell{s, s} }

// A Style says how answers are written for people.
type Style struct {
	Color bool
	Zone  *time.Location // of the times; nil: UTC
	Width int            // columns of the terminal; 0: there is none, and nothing is left out or drawn
	ASCII bool           // nothing beyond ASCII can be shown
}

// gap is between two columns.
const gap = 2

// write writes g for people. What does not fit into s.Width columns is left out: spare columns, then the ends of the
// texts in the first one.
func (g *grid) write(w *strings.Builder, s Style) {
	if s.ASCII {
		for _, r := range g.rows {
			for i := range r {
				r[i].shown = text.ASCII(r[i].shown)
			}
		}
	}
	widths, total := g.widths()
	shown := make([]bool, len(g.columns))
	for i, c := range g.columns {
		shown[i] = c.title != ""
	}
	for s.Width > 0 && total > s.Width {
		last := g.mostSpare(shown)
		if last < 0 {
			break
		}
		shown[last] = false
		total -= widths[last] + gap
	}
	if s.Width > 0 && total > s.Width {
		widths[0] = max(widths[0]-(total-s.Width), min(widths[0], minFirst))
	}
	line := func(of func(i int) string) {
		var b strings.Builder
		for i, c := range g.columns {
			if !shown[i] {
				continue
			}
			piece := text.Cut(of(i), widths[i], s.glyphs().Ellipsis)
			if b.Len() > 0 {
				b.WriteString("  ")
			}
			pad := strings.Repeat(" ", widths[i]-text.Width(piece))
			if c.right {
				piece, pad = pad, piece
			}
			b.WriteString(piece + pad)
		}
		w.WriteString(strings.TrimRight(b.String(), " ") + "\n")
	}
	line(func(i int) string { return g.columns[i].title })
	for n, r := range g.rows {
		line(func(i int) string { return r[i].shown })
		if n < len(g.below) {
			for _, more := range g.below[n] {
				w.WriteString(s.cut("  "+more) + "\n")
			}
		}
	}
}

// widths are those that the columns for people take, and all of them together.
func (g *grid) widths() (widths []int, total int) {
	widths, total = make([]int, len(g.columns)), -gap
	for i, c := range g.columns {
		if c.title == "" {
			continue
		}
		widths[i] = text.Width(c.title)
		for _, r := range g.rows {
			widths[i] = max(widths[i], text.Width(r[i].shown))
		}
		total += widths[i] + gap
	}
	return widths, total
}

// minFirst is what the first column keeps however narrow the terminal is.
const minFirst = 8

// mostSpare is the shown column that can best be left out; -1: none can.
func (g *grid) mostSpare(shown []bool) int {
	last := -1
	for i, c := range g.columns {
		if shown[i] && c.spare > 0 && (last < 0 || c.spare >= g.columns[last].spare) {
			last = i
		}
	}
	return last
}

// csv writes g for programs, with the names of its columns first.
func (g *grid) csv(w io.Writer) error {
	out := csv.NewWriter(w)
	var record []string
	for _, c := range g.columns {
		if c.name != "" {
			record = append(record, c.name)
		}
	}
	if err := out.Write(record); err != nil {
		return err
	}
	for _, r := range g.rows {
		record = record[:0]
		for i, c := range g.columns {
			if c.name != "" {
				record = append(record, text.Safe(r[i].raw, text.MaxText))
			}
		}
		if err := out.Write(record); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func (s Style) glyphs() *term.Glyphs { return term.GlyphsFor(s.ASCII, max(s.Width, 80)) }

// cut is a line that fits, and that the terminal can show.
func (s Style) cut(line string) string {
	line = s.plain(line)
	if s.Width > 0 {
		line = text.Cut(line, s.Width, s.glyphs().Ellipsis)
	}
	return line
}

// joined is a line of two pieces, or two lines where the terminal is too narrow for one.
func (s Style) joined(first, second string) string {
	if s.Width > 0 && text.Width(first)+1+text.Width(second) > s.Width {
		return s.cut(first) + "\n" + s.cut(second) + "\n"
	}
	return first + " " + second + "\n"
}

// plain is s as the terminal can show it.
func (s Style) plain(line string) string {
	if s.ASCII {
		return text.ASCII(line)
	}
	return line
}

func (s Style) zone() *time.Location {
	if s.Zone == nil {
		return time.UTC
	}
	return s.Zone
}
