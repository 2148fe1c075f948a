package text

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Shorten fits the text of an error, which may have several lines, into one line of w columns. An error tells the way
// from the outside in, "get prices: dial tcp 127.0.0.1:80: connect: connection refused", so the beginning goes first,
// but never a part of what happened: see [Reason]. That loses its end.
func Shorten(s string, w int, ellipsis string) string {
	line := Line(s)
	if Width(line) <= w {
		return line
	}
	parts, happened := partsOf(tellingLine(s))
	for i, part := range parts {
		rest := Line(part)
		switch {
		case Width(rest) <= w && !isCall(part):
			return rest
		case i == happened:
			return cutMessage(rest, w, ellipsis)
		}
	}
	return Cut(line, w, ellipsis)
}

// Reason is what happened by the text of an error: the innermost of the errors in it, from its beginning to the end.
// A command's text is no chain of errors. There, what stands behind a colon may as well belong to what stands before
// it: "Could not resolve host: example.com". So an error is what has words enough to be a sentence. What is in brackets
// belongs to what stands before them, whatever it is: "404 Not Found [IP: 192.0.2.1 80]".
func Reason(s string) string {
	parts, happened := partsOf(tellingLine(s))
	return Line(parts[happened])
}

// cutMessage cuts the end of a message, but keeps a number at it: "The requested URL retu…: 404".
func cutMessage(s string, w int, ellipsis string) string {
	if i := strings.LastIndex(s, ": "); i > 0 && len(s)-i <= w/2 && strings.Trim(s[i+2:], "0123456789") == "" {
		return Cut(s[:i], w-len(s[i:]), ellipsis) + s[i:]
	}
	return Cut(s, w, ellipsis)
}

// tellingLine is the line of s that says most: the first that speaks of an error, as what comes after it is often
// advice or a consequence, else the last. Of a very long one it has both ends.
func tellingLine(s string) (telling string) {
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if telling = line; slices.ContainsFunc(strings.Fields(line), speaksOfError) {
			break
		}
	}
	return Safe(telling, MaxText)
}

func speaksOfError(word string) bool {
	word = strings.ToLower(strings.TrimFunc(word, func(r rune) bool { return !unicode.IsLetter(r) && r != ':' }))
	if word == "e:" { // apt
		return true
	}
	word = strings.Trim(word, ":")
	return strings.HasSuffix(word, "error") || strings.HasSuffix(word, "exception") ||
		slices.Contains([]string{"fatal", "failed", "failure", "panic", "err"}, word)
}

// partsOf returns s, s without its first part, and so on. Parts end at a colon, and behind a URL or a path that is set
// apart by more than a space. happened is the index from which on s says what happened.
func partsOf(s string) (parts []string, happened int) {
	from := []int{0}
	for i := 0; i < len(s); i++ {
		if n := bracketed(s[i:]); n > 0 {
			i += n - 1
		} else if n := separator(s, i); n > 0 && i+n < len(s) {
			i += n - 1
			from = append(from, i+1)
		}
	}
	most := 0
	for i, start := range from {
		end := len(s)
		if i+1 < len(from) {
			end = from[i+1]
		}
		start += numbered(s[start:end])
		// The last of the parts with two words, else of those with one.
		if n := min(words(s[start:end]), 2); n > 0 && n >= most && !(i+1 < len(from) && isVerdict(s[start:end])) {
			happened, most = i, n
		}
		parts = append(parts, s[start:])
	}
	return parts, happened
}

// isVerdict reports whether s is what Backspan says of a failure, in front of the failure itself.
func isVerdict(s string) bool {
	return slices.ContainsFunc([]string{
		"exit code ", "timed out after ", "gave up", "permanent error", "not retryable", "out of time",
		"told to retry later",
	}, func(begin string) bool { return strings.HasPrefix(s, begin) })
}

// bracketed is the length of the brackets that s begins with; 0 when it begins with none, or they have no end nearby.
func bracketed(s string) int {
	const open, closed, nearby = "([{", ")]}", 512 // a text of opening brackets alone must not take for ever
	kind, depth := strings.IndexByte(open, s[0]), 0
	for i := 0; kind >= 0 && i < min(len(s), nearby); i++ {
		switch s[i] {
		case open[kind]:
			depth++
		case closed[kind]:
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}

// separator is the length of what separates two parts at s[i:].
func separator(s string, i int) int {
	const status = " desc = " // gRPC's errors
	switch rest := s[i:]; {
	case strings.HasPrefix(rest, ": "):
		return 2
	case strings.HasPrefix(rest, status+`"`):
		return len(status) + 1
	case strings.HasPrefix(rest, status):
		return len(status)
	case strings.HasPrefix(rest, "  "):
		before := s[:i]
		if strings.ContainsRune(before[strings.LastIndexByte(before, ' ')+1:], '/') {
			return len(rest) - len(strings.TrimLeft(rest, " "))
		}
	}
	return 0
}

// numbered is the length of the number in brackets that s begins with: that of curl, which is its exit code.
func numbered(s string) int {
	if n := bracketed(s + " "); n > 0 && strings.Trim(s[:n], "(0123456789)") == "" && strings.HasPrefix(s[n:], " ") {
		return n + 1
	}
	return 0
}

// words is how many words are in s outside of brackets. A word in capital letters counts for two, because it is a name
// of an error: EOF, ECONNREFUSED.
func words(s string) (n int) {
	for i := 0; i < len(s); {
		if skip := bracketed(s[i:]); skip > 0 {
			i += skip
			continue
		}
		word := s[i:]
		if end := strings.IndexByte(word, ' '); end >= 0 {
			word = word[:end+1]
		}
		i += len(word)
		n += isWord(strings.Trim(word, " .,;:!?\"'"))
	}
	return n
}

func isWord(s string) int {
	letters, capitals, ideographs := 0, 0, 0
	for i, r := range s {
		switch {
		case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana):
			ideographs++
		case unicode.IsLetter(r):
			letters++
		case r >= utf8.RuneSelf && unicode.IsPunct(r):
		case i > 0 && strings.ContainsRune("'-/", r): // couldn't, i/o
		default:
			return 0
		}
		if unicode.IsUpper(r) {
			capitals++
		}
	}
	switch {
	case ideographs > 3: // such writing has no spaces
		return 2
	case letters+ideographs < 2:
		return 0
	case letters > 2 && capitals == letters && letters == len(s):
		return 2
	}
	return 1
}

// isCall reports whether s begins with the name of a system call. Without what it was called for it says nothing.
func isCall(s string) bool {
	call, _, _ := strings.Cut(s, ":")
	return slices.Contains([]string{"accept", "bind", "connect", "listen", "read", "sendto", "socket", "write"}, call)
}
