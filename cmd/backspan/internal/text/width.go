package text

import (
	"strings"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// widths does not take the width from the locale: only that of Chinese, Japanese and Korean legacy fonts differs.
var widths = &runewidth.Condition{StrictEmojiNeutral: true}

func runeWidth(r rune) int {
	if r < utf8.RuneSelf {
		return 1 // Line leaves no controls
	}
	return widths.RuneWidth(r)
}

// Width is how many columns a line takes.
func Width(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

// ASCII replaces what an ASCII terminal cannot show, column by column.
func ASCII(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r < utf8.RuneSelf:
			b.WriteRune(r)
		case r == '…':
			b.WriteString("...")
		case r == '×':
			b.WriteByte('x')
		case r == '≈':
			b.WriteByte('~')
		default:
			b.WriteString(strings.Repeat("?", runeWidth(r)))
		}
	}
	return b.String()
}

// Cut shortens a line to at most w columns, with ellipsis at its end when something is missing.
func Cut(s string, w int, ellipsis string) string {
	if Width(s) <= w {
		return s
	}
	left := w - Width(ellipsis)
	if left < 0 {
		return strings.Repeat(".", max(0, w))
	}
	n := 0
	for i, r := range s {
		if n += runeWidth(r); n > left {
			return strings.TrimRight(s[:i], " ") + ellipsis
		}
	}
	return s
}

// leftToRightMark has no width. It counts as a letter that is written from left to right.
const leftToRightMark = '\u200e'

// LeftToRight ends text that is written from right to left, so that terminals that know about directions do not turn
// what stands beside it around.
func LeftToRight(s string) string {
	for _, r := range s {
		if r >= 0x590 && r <= 0x8ff || r >= 0xfb1d && r <= 0xfdff || r >= 0xfe70 && r <= 0xfeff ||
			r >= 0x10800 && r <= 0x10fff || r >= 0x1e800 && r <= 0x1efff {
			return s + string(leftToRightMark)
		}
	}
	return s
}
