package live

import (
	"bytes"
	"fmt"

	"github.com/backspan/backspan/cmd/backspan/internal/term"
)

// A screen knows what is drawn on a terminal and how to draw over it. It only makes the bytes. The cursor always
// rests at the beginning of the line below what is drawn: whoever dies leaves a tidy terminal.
type screen struct {
	options Options
	drawn   []*term.Line
}

const (
	hideCursor   = "\x1b[?25l" // only within one write: nothing may leave it hidden
	showCursor   = "\x1b[?25h"
	eraseToRight = "\x1b[K"
	eraseBelow   = "\x1b[J"
)

// update makes the bytes that print text above and replace what is drawn with lines; nil when nothing changes.
func (s *screen) update(columns int, text []byte, lines []*term.Line) []byte {
	if len(text) == 0 && same(s.drawn, lines) {
		return nil
	}
	var b bytes.Buffer
	b.WriteString(hideCursor)
	if up := s.rowsDrawn(columns); up > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", up)
	}
	b.WriteByte('\r')
	if len(text) > 0 {
		b.WriteString(eraseBelow)
		b.Write(text)
	}
	for _, l := range lines {
		b.WriteString(l.String())
		b.WriteString(eraseToRight + "\n")
	}
	b.WriteString(eraseBelow + showCursor)
	s.drawn = lines
	return b.Bytes()
}

// rowsDrawn is how many rows what is drawn takes on a terminal of so many columns: it may have become narrower.
func (s *screen) rowsDrawn(columns int) int {
	rows := 0
	for _, l := range s.drawn {
		rows++
		if s.options.Reflow && columns > 0 && l.Width > columns {
			rows += (l.Width - 1) / columns
		}
	}
	return rows
}

func same(a, b []*term.Line) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].String() != b[i].String() {
			return false
		}
	}
	return true
}
