package waterfall

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// Names and errors come from servers and files, and end up on somebody's terminal. What clean lets through takes the
// same number of columns on every terminal and commands none: no escape sequences, no controls, no letters that turn
// the direction of writing, and no sequences that some terminals join into one glyph and others do not.

// widths does not take the width from the locale: only that of Chinese, Japanese and Korean legacy fonts differs.
var widths = &runewidth.Condition{StrictEmojiNeutral: true}

func runeWidth(r rune) int {
	if r < utf8.RuneSelf {
		return 1 // clean leaves no controls
	}
	return widths.RuneWidth(r)
}

// width is how many columns clean text takes.
func width(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

// Who reads one line needs the beginning and the end of a long text.
const keptBytes = 1 << 10

// Marks that stand on one letter; more would climb over the lines around.
const maxMarks = 4

// clean makes s safe to show in one line.
func clean(s string) string {
	if len(s) > 2*keptBytes {
		s = s[:keptBytes] + " … " + s[len(s)-keptBytes:]
	}
	var b strings.Builder
	space, marks := false, maxMarks // at the beginning there is no letter to stand on
	for len(s) > 0 {
		if n := escape(s); n > 0 {
			s = s[n:]
			continue
		}
		r, n := utf8.DecodeRuneInString(s)
		s = s[n:]
		r = plain(r)
		switch {
		case r == dropped:
			continue
		case r == ' ':
			space = b.Len() > 0
			continue
		case runeWidth(r) == 0:
			if marks++; marks > maxMarks {
				continue
			}
		default:
			marks = 0
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	return b.String()
}

const dropped = rune(-1)

// plain is the rune to show for r: itself, a space, the replacement character, or dropped.
func plain(r rune) rune {
	switch {
	case r == ' ' || r > ' ' && r < 0x7f:
		return r
	case unicode.IsSpace(r):
		return ' '
	case r >= 0x1f1e6 && r <= 0x1f1ff: // halves of flags, which terminals join or not
		return 'A' + r - 0x1f1e6
	case unicode.Is(unicode.Cf, r), unicode.Is(unicode.Variation_Selector, r),
		unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r), unicode.Is(unicode.Me, r),
		r >= 0x1f3fb && r <= 0x1f3ff: // skin tones: some terminals put them beside the emoji
		return dropped
	case r == utf8.RuneError || !unicode.IsGraphic(r):
		return utf8.RuneError
	}
	return r
}

// escape is the length of the escape sequence that s begins with, 0 for none. One that does not end counts only its
// beginning, so that it cannot hide the text after it.
func escape(s string) int {
	switch {
	case s[0] == 0x1b && len(s) == 1:
		return 1
	case strings.HasPrefix(s, "\x1b["):
		return control(s, 2)
	case strings.HasPrefix(s, "\u009b"):
		return control(s, len("\u009b"))
	case s[0] == 0x1b && strings.IndexByte("]P_^X", s[1]) >= 0:
		return command(s)
	case s[0] == 0x1b && s[1] >= 0x20 && s[1] < 0x7f:
		return 2
	case s[0] == 0x1b:
		return 1
	}
	return 0
}

// control is the length of a control sequence (colours, cursor) whose parameters begin at byte i.
func control(s string, i int) int {
	start := i
	for i < len(s) && s[i] >= 0x20 && s[i] <= 0x3f {
		i++
	}
	if i < len(s) && s[i] >= 0x40 && s[i] <= 0x7e {
		return i + 1
	}
	return start
}

// command is the length of an operating-system command (titles, links, clipboard) or one of its relatives.
func command(s string) int {
	for i := 2; i < len(s); i++ {
		switch {
		case s[i] == 0x07:
			return i + 1
		case s[i] == 0x1b && i+1 < len(s) && s[i+1] == '\\':
			return i + 2
		case s[i] == 0x1b:
			return 2
		}
	}
	return 2
}

// asciiOnly replaces what an ASCII terminal cannot show, column by column.
func asciiOnly(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r < utf8.RuneSelf:
			b.WriteRune(r)
		case r == '…':
			b.WriteString("...")
		default:
			b.WriteString(strings.Repeat("?", runeWidth(r)))
		}
	}
	return b.String()
}

// cut shortens clean text to at most w columns, with ellipsis at its end when something is missing.
func cut(s string, w int, ellipsis string) string {
	if width(s) <= w {
		return s
	}
	room := w - width(ellipsis)
	if room < 0 {
		return strings.Repeat(".", max(0, w))
	}
	n := 0
	for i, r := range s {
		if n += runeWidth(r); n > room {
			return strings.TrimRight(s[:i], " ") + ellipsis
		}
	}
	return s
}

// shorten fits the clean text of an error into w columns. Go's errors tell the way from the outside in, "get prices:
// dial tcp 127.0.0.1:80: connect: connection refused": the end says what happened, so the beginning goes first.
func shorten(s string, w int, ellipsis string) string {
	for width(s) > w {
		_, inner, found := strings.Cut(s, ": ")
		if !found || inner == "" {
			return cut(s, w, ellipsis)
		}
		s = inner
		// The name of a system call alone, without what it was called for, says nothing.
		if call, inner, found := strings.Cut(s, ": "); found && inner != "" && !strings.ContainsAny(call, " \"'") {
			s = inner
		}
	}
	return s
}

// leftToRightMark takes no room. It is a letter from left to right for whoever decides about directions.
const leftToRightMark = '\u200e'

// leftToRight ends text that is written from right to left, so that terminals that know about directions do not turn
// what stands beside it around.
func leftToRight(s string) string {
	for _, r := range s {
		if r >= 0x590 && r <= 0x8ff || r >= 0xfb1d && r <= 0xfdff || r >= 0xfe70 && r <= 0xfeff ||
			r >= 0x10800 && r <= 0x10fff || r >= 0x1e800 && r <= 0x1efff {
			return s + string(leftToRightMark)
		}
	}
	return s
}
