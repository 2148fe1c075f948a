package term

import (
	"strings"

	"github.com/backspan/backspan/cmd/backspan/internal/text"
)

// A Style is how a piece of text is drawn where there are colours. Nothing is said by colour alone.
type Style uint8

// The styles.
const (
	Plain  Style = iota
	Faint        // lines of a tree, waits
	Bold         // runs and phases
	Green        // it went well
	Red          // it failed
	Yellow       // it recovered
)

// The eight basic colours: every terminal has them, and people choose them to suit their background.
var escapes = [...]string{Faint: "\x1b[2m", Bold: "\x1b[1m", Green: "\x1b[32m", Red: "\x1b[31m", Yellow: "\x1b[33m"}

// Paint returns s in this style.
func (style Style) Paint(s string) string {
	if style == Plain || strings.TrimSpace(s) == "" {
		return s
	}
	return escapes[style] + s + "\x1b[0m"
}

// A Line is a line of a terminal while it is drawn. It knows how wide it is.
type Line struct {
	Color bool
	Width int // columns so far
	drawn strings.Builder
	bare  strings.Builder // without colours
}

// Add adds s, which is safe to show.
func (l *Line) Add(style Style, s string) {
	l.Width += text.Width(s)
	l.bare.WriteString(s)
	if l.Color {
		s = style.Paint(s)
	}
	l.drawn.WriteString(s)
}

// Pad adds spaces up to column w.
func (l *Line) Pad(w int) {
	if n := w - l.Width; n > 0 {
		l.Add(Plain, strings.Repeat(" ", n))
	}
}

// Right adds s so that it ends at column w.
func (l *Line) Right(w int, style Style, s string) {
	l.Pad(w - text.Width(s))
	l.Add(style, s)
}

// Bare is the line without colours.
func (l *Line) Bare() string { return l.bare.String() }

func (l *Line) String() string { return strings.TrimRight(l.drawn.String(), " ") }
