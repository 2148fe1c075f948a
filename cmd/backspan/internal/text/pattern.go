package text

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// Varying stands in a Pattern for what differs from one error to the next.
const Varying = "…"

var (
	patternWord = regexp.MustCompile(
		`[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}|\[[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%[0-9A-Za-z]+)?\]|` +
			`\b(?:[0-9A-Fa-f]{1,4}:+){3,7}[0-9A-Fa-f]{1,4}\b|[0-9A-Za-z]+`)
	quotedPart  = regexp.MustCompile("(^|[ (\\[{=:,])(?:\"[^\"]+\"|'[^' ][^']*'|`[^`]+`|“[^”]+”|«[^»]+»)")
	manyVarying = regexp.MustCompile(Varying + `(?:[.:,/T-]?` + Varying + `)+`)
	hexadecimal = regexp.MustCompile(`^(?:0x[0-9A-Fa-f]+|[0-9A-Fa-f]{8,})$`)
	quantity    = regexp.MustCompile(`^[0-9]+([A-Za-zµ]{0,4})$`)
	madeUp      = regexp.MustCompile(`^[A-Za-uw-z][A-Za-z]*[0-9]+[A-Za-z]+[0-9]`) // x2x9k, but not x509 or v1beta1
	httpStatus  = regexp.MustCompile(`^[45][0-9]{2}$`)
	codeBefore  = regexp.MustCompile(`(?i)\b(?:code|status|signal|exit|errno|error)[ =]$`)
)

// ErrorPattern is the Pattern of what happened by the text of an error: what errors have in common that are counted as
// one.
func ErrorPattern(s string) string { return Pattern(Reason(s)) }

// Pattern is a line with Varying in place of its numbers, ids, addresses and quoted parts, so that errors that differ
// only in those are counted as one. What tells errors apart stays: exit codes, HTTP statuses, and digits that are part
// of a name, as in x509.
func Pattern(s string) string {
	s = quotedPart.ReplaceAllStringFunc(s, quoted)
	if !strings.ContainsAny(s, "0123456789") {
		return s
	}
	var b strings.Builder
	end := 0
	for _, at := range patternWord.FindAllStringIndex(s, -1) {
		b.WriteString(s[end:at[0]])
		b.WriteString(patternOf(s, at[0], at[1]))
		end = at[1]
	}
	b.WriteString(s[end:])
	return manyVarying.ReplaceAllString(b.String(), Varying)
}

// quoted is a quoted part, with what stands before it, without what is quoted.
func quoted(s string) string {
	last, size := utf8.DecodeLastRuneInString(s)
	first := last
	switch last {
	case '”':
		first = '“'
	case '»':
		first = '«'
	}
	return s[:strings.IndexRune(s, first)] + string(first) + Varying + s[len(s)-size:]
}

// patternOf is what becomes of the word s[from:to] in a Pattern.
func patternOf(s string, from, to int) string {
	word := s[from:to]
	switch {
	case !strings.ContainsAny(word, "0123456789"):
		return word
	case strings.HasPrefix(word, "["):
		return "[" + Varying + "]"
	case strings.ContainsAny(word, "-:"), hexadecimal.MatchString(word), madeUp.MatchString(word):
		return Varying
	case word[0] < '0' || word[0] > '9':
		return word
	}
	if strings.HasPrefix(s, "(") && from == 1 && strings.HasPrefix(s[to:], ")") { // curl: (6) Could not …
		return word
	}
	alone := (from == 0 || strings.IndexByte(" (", s[from-1]) >= 0) &&
		(to == len(s) || strings.IndexByte(" ,;:)", s[to]) >= 0)
	if alone && (httpStatus.MatchString(word) || codeBefore.MatchString(s[max(0, from-8):from])) {
		return word
	}
	if unit := quantity.FindStringSubmatch(word); unit != nil {
		return Varying + unit[1]
	}
	return Varying
}
