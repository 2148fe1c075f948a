package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// How many bytes of a text the page keeps. Of a longer one it keeps both ends: errors say what was tried first, and what
// happened last.
const (
	maxName = 512
	maxText = 8 << 10
)

// More marks on one letter than this are left out: they would climb over the lines around.
const maxMarks = 6

// visible is s with everything in it to be seen, and nothing that changes what stands beside it: control characters as
// their pictures, letters that hide or turn others around as their numbers, broken UTF-8 as the replacement character.
// Newlines and tabs stay. At most limit bytes of s are kept.
func visible(s string, limit int) string {
	if len(s) > limit {
		head, tail := limit*3/4, limit/4
		left := fmt.Sprintf(" […%d bytes left out…] ", len(s)-head-tail)
		return visible(strings.ToValidUTF8(s[:head], ""), limit) + left +
			visible(strings.ToValidUTF8(s[len(s)-tail:], ""), limit)
	}
	if plain(s) {
		return s
	}
	var b strings.Builder
	marks := 0
	for i, r := range strings.ReplaceAll(s, "\r\n", "\n") {
		switch {
		case unicode.Is(unicode.M, r):
			if marks++; marks > maxMarks || i == 0 {
				continue
			}
		default:
			marks = 0
		}
		show(&b, r)
	}
	return b.String()
}

// plain says whether s needs no change, as most texts.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf || s[i] < ' ' && s[i] != '\n' && s[i] != '\t' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

func show(b *strings.Builder, r rune) {
	switch {
	case r == '\n' || r == '\t':
		b.WriteRune(r)
	case r < ' ':
		b.WriteRune('\u2400' + r)
	case r == 0x7f:
		b.WriteRune('\u2421')
	case hidden(r):
		fmt.Fprintf(b, "⟨U+%04X⟩", r)
	default:
		b.WriteRune(r)
	}
}

// hidden says whether r is not seen itself but may change how others are: it turns the direction of writing, breaks
// lines, or fills space. The joiners of Persian and Indic writing and of emoji are harmless.
func hidden(r rune) bool {
	switch {
	case r == '\u200c' || r == '\u200d' || unicode.Is(unicode.Variation_Selector, r):
		return false
	case unicode.Is(unicode.Prepended_Concatenation_Mark, r): // format characters in name, but drawn
		return false
	}
	return unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Zl, r) ||
		unicode.Is(unicode.Zp, r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) ||
		unicode.Is(unicode.Noncharacter_Code_Point, r)
}
