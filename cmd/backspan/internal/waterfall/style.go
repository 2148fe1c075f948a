package waterfall

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// A style is how a piece of text is drawn where there are colours. Nothing is said by colour alone.
type style uint8

const (
	styleNone  style = iota
	styleFaint       // lines of the tree, waits
	styleBold        // runs and phases
	styleOK
	styleFailed
	styleRecovered
)

// The eight basic colours: every terminal has them, and people choose them to suit their background.
var escapes = [...]string{
	styleFaint:     "\x1b[2m",
	styleBold:      "\x1b[1m",
	styleOK:        "\x1b[32m",
	styleFailed:    "\x1b[31m",
	styleRecovered: "\x1b[33m",
}

const resetEscape = "\x1b[0m"

// A line is one line of the picture while it is drawn. It knows how wide it is.
type line struct {
	b     strings.Builder
	plain strings.Builder // without colours
	color bool
	width int
}

func (l *line) add(s style, text string) {
	if text == "" {
		return
	}
	l.width += width(text)
	l.plain.WriteString(text)
	if !l.color || s == styleNone || strings.TrimSpace(text) == "" {
		l.b.WriteString(text)
		return
	}
	l.b.WriteString(escapes[s])
	l.b.WriteString(text)
	l.b.WriteString(resetEscape)
}

// pad adds spaces up to column w.
func (l *line) pad(w int) {
	if n := w - l.width; n > 0 {
		l.add(styleNone, strings.Repeat(" ", n))
	}
}

// right adds text so that it ends at column w.
func (l *line) right(w int, s style, text string) {
	l.pad(w - width(text))
	l.add(s, text)
}

func (l *line) String() string { return strings.TrimRight(l.b.String(), " ") }

// A mark stands before the name of a row, and at the end of a bar that failed.
type mark uint8

const (
	markNone mark = iota
	markOK
	markFailed
	markCancelled
	markSkipped
	markOpen
)

var markStyles = [...]style{
	markOK:        styleOK,
	markFailed:    styleFailed,
	markCancelled: styleFailed,
	markSkipped:   styleFaint,
	markOpen:      styleRecovered,
}

// Glyphs are what lines and marks are drawn with; each takes one column, but the ellipsis of ASCII.
type glyphs struct {
	marks              [markOpen + 1]string
	branch, last       string // before a child, before the last child
	trunk, gap         string // under a child, under the last child
	bar, left, right   string // work: a whole column, its left half, its right half
	thin, thinL, thinR string // the same for what only contains work
	wait, running      string // a wait; in the live view, what runs
	ellipsis, dot      string
}

var unicodeGlyphs = glyphs{
	marks:  [...]string{" ", "✓", "✗", "⊘", "-", "…"},
	branch: "├ ", last: "└ ", trunk: "│ ", gap: "  ",
	bar: "━", left: "╸", right: "╺",
	thin: "─", thinL: "╴", thinR: "╶",
	wait: "┄", running: "▸", ellipsis: "…", dot: " · ",
}

var asciiGlyphs = glyphs{
	marks:  [...]string{" ", "+", "x", "!", "-", "?"},
	branch: "|-", last: "`-", trunk: "| ", gap: "  ",
	bar: "=", left: "=", right: "=",
	thin: "-", thinL: "-", thinR: "-",
	wait: ".", running: ">", ellipsis: "...", dot: ", ",
}

// glyphsFor are the glyphs for a picture of w columns.
func glyphsFor(ascii bool, w int) *glyphs {
	g := unicodeGlyphs
	if ascii {
		g = asciiGlyphs
	}
	if w < compactWidth {
		for _, s := range [...]*string{&g.branch, &g.last, &g.trunk, &g.gap} {
			_, n := utf8.DecodeRuneInString(*s)
			*s = (*s)[:n]
		}
	}
	return &g
}

// formatDuration writes d short, in at most 6 columns for anything below 100 days: 0s, 35ms, 2.8s, 1m3s, 2h5m, 3d4h.
func formatDuration(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + formatDuration(max(-d, 1)) // the most negative has no positive
	case d == 0:
		return "0s"
	case d < 10*time.Microsecond:
		return "0ms"
	case d < time.Millisecond:
		return trimZeros(fmt.Sprintf("%.2f", d.Seconds()*1e3)) + "ms"
	case d < 10*time.Millisecond:
		return trimZeros(fmt.Sprintf("%.1f", d.Seconds()*1e3)) + "ms"
	case d < 999500*time.Microsecond:
		return fmt.Sprintf("%.0fms", d.Seconds()*1e3)
	case d < 9995*time.Millisecond:
		return trimZeros(fmt.Sprintf("%.2f", d.Seconds())) + "s"
	case d < 59950*time.Millisecond:
		return trimZeros(fmt.Sprintf("%.1f", d.Seconds())) + "s"
	case d < time.Hour:
		return twoUnits(d, time.Minute, "m", time.Second, "s")
	case d < 24*time.Hour:
		return twoUnits(d, time.Hour, "h", time.Minute, "m")
	}
	return twoUnits(d, 24*time.Hour, "d", time.Hour, "h")
}

func trimZeros(s string) string { return strings.TrimRight(strings.TrimRight(s, "0"), ".") }

func twoUnits(d, big time.Duration, bigName string, small time.Duration, smallName string) string {
	d = d.Round(small)
	s := fmt.Sprintf("%d%s", d/big, bigName)
	if rest := d % big / small; rest > 0 {
		s += fmt.Sprintf("%d%s", rest, smallName)
	}
	return s
}
