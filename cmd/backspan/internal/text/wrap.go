package text

import "strings"

// Wrap is said in lines of w columns, each with a newline: the first one behind first, the others behind rest. Both are
// as wide, unless first is empty. A word that is wider has a line of its own.
func Wrap(said, first, rest string, w int) string {
	var b strings.Builder
	b.WriteString(first)
	column := Width(rest)
	if first == "" {
		column = 0
	}
	begun := false
	for word := range strings.FieldsSeq(said) {
		if begun && column+1+Width(word) > w {
			b.WriteString("\n" + rest)
			column, begun = Width(rest), false
		}
		if begun {
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column, begun = column+Width(word), true
	}
	return b.String() + "\n"
}
