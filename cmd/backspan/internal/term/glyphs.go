package term

import "unicode/utf8"

// A Mark stands before the name of a row, and at the end of a bar that failed.
type Mark uint8

// The marks.
const (
	NoMark Mark = iota
	OK
	Failed
	Cancelled
	Skipped
	Open
)

var markStyles = [...]Style{OK: Green, Failed: Red, Cancelled: Red, Skipped: Faint, Open: Yellow}

// Style is how m is drawn.
func (m Mark) Style() Style { return markStyles[m] }

// Glyphs are what lines and marks are drawn with. Each takes one column, except for the branches and for the ellipsis
// and the dot of ASCII.
type Glyphs struct {
	Marks              [Open + 1]string
	Branch, Last       string // before a child, before the last child
	Trunk, Gap         string // below a child, below the last child
	Bar, Left, Right   string // work: a whole column, its left half, its right half
	Thin, ThinL, ThinR string // the same for what only contains work
	Wait, Running      string // a wait; in the live view, what runs
	Ellipsis, Dot      string
}

var unicodeGlyphs = Glyphs{
	Marks:  [...]string{" ", "✓", "✗", "⊘", "-", "…"},
	Branch: "├ ", Last: "└ ", Trunk: "│ ", Gap: "  ",
	Bar: "━", Left: "╸", Right: "╺",
	Thin: "─", ThinL: "╴", ThinR: "╶",
	Wait: "┄", Running: "▸", Ellipsis: "…", Dot: " · ",
}

var asciiGlyphs = Glyphs{
	Marks:  [...]string{" ", "+", "x", "!", "-", "?"},
	Branch: "|-", Last: "`-", Trunk: "| ", Gap: "  ",
	Bar: "=", Left: "=", Right: "=",
	Thin: "-", ThinL: "-", ThinR: "-",
	Wait: ".", Running: ">", Ellipsis: "...", Dot: ", ",
}

// narrow is how many columns are too few for a level of two columns.
const narrow = 50

// GlyphsFor are the glyphs for a picture of so many columns.
func GlyphsFor(ascii bool, columns int) *Glyphs {
	g := unicodeGlyphs
	if ascii {
		g = asciiGlyphs
	}
	if columns < narrow {
		for _, s := range [...]*string{&g.Branch, &g.Last, &g.Trunk, &g.Gap} {
			_, n := utf8.DecodeRuneInString(*s)
			*s = (*s)[:n]
		}
	}
	return &g
}
