package command

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// lastLines returns the last lines of tail as a person saw them: at most n lines and at most size bytes, without
// blank lines, without colours and other commands to a terminal. Of a line that was written over, such as a progress
// bar, it has what stood there last. Bytes that are no text are left out.
func lastLines(tail string, n, size int) string {
	var lines []string
	for rest := tail; rest != "" && len(lines) < n; {
		var line string
		if i := strings.LastIndexByte(rest, '\n'); i >= 0 {
			rest, line = rest[:i], rest[i+1:]
		} else {
			rest, line = "", rest
		}
		if line = plainLine(line); line != "" {
			lines = append(lines, line)
		}
	}
	var b strings.Builder
	for i := len(lines) - 1; i >= 0; i-- {
		b.WriteString(lines[i])
		if i > 0 {
			b.WriteByte('\n')
		}
	}
	return cutFront(b.String(), size)
}

// plainLine is what a line looks like on a terminal in the end.
func plainLine(line string) string {
	line = strings.TrimRight(line, "\r")
	if i := strings.LastIndexByte(line, '\r'); i >= 0 {
		line = line[i+1:]
	}
	b := make([]byte, 0, len(line))
	for rest := []byte(line); len(rest) > 0; {
		if rest[0] == 0x1b {
			rest = rest[escapeLen(rest):]
			continue
		}
		r, size := utf8.DecodeRune(rest)
		switch {
		case r == utf8.RuneError && size == 1:
		case r == '\b': // typed over
			_, last := utf8.DecodeLastRune(b)
			b = b[:len(b)-last]
		case r == '\t' || unicode.IsPrint(r):
			b = append(b, rest[:size]...)
		}
		rest = rest[size:]
	}
	return string(bytes.TrimSpace(b))
}

// escapeLen is the length of the terminal command that p begins with: ESC [ … letter, ESC ] … BEL or ESC \, ESC
// and one character.
func escapeLen(p []byte) int {
	if len(p) < 2 {
		return len(p)
	}
	switch p[1] {
	case '[':
		for i := 2; i < len(p); i++ {
			if p[i] >= 0x40 && p[i] <= 0x7e {
				return i + 1
			}
		}
		return len(p)
	case ']', 'P', '_', '^', 'X':
		for i := 2; i < len(p); i++ {
			if p[i] == 0x07 {
				return i + 1
			}
			if p[i] == '\\' && p[i-1] == 0x1b {
				return i + 1
			}
		}
		return len(p)
	default:
		return 2
	}
}

// cutFront leaves the last size bytes of text, in whole characters, and marks that something is missing.
func cutFront(text string, size int) string {
	const mark = "…"
	if len(text) <= size {
		return text
	}
	text = text[len(text)-max(0, size-len(mark)):]
	for len(text) > 0 && !utf8.RuneStart(text[0]) {
		text = text[1:]
	}
	return mark + text
}
