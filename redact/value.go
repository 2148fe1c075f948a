package redact

import "strings"

// maxJudged is how much of a value is looked at to tell whether it is a secret. What is read in vain must be short, or
// the time for a whole text would not be linear in its length.
const maxJudged = 256

// behindKey finds the value of a key that names a secret. The colon or equals sign is at i.
func behindKey(text string, i int) place {
	end := i
	if text[i] == '=' && before(text, i) == ':' { // password := "x"
		end--
	}
	for end > 0 && strings.IndexByte(gaps, text[end-1]) >= 0 {
		end--
	}
	name := text[:end]
	if value := wordAt(name).value; value != nil {
		return value(text, end, i)
	}
	if k := keyAt(name); k.kind != noKey {
		return k.valueBehind(text, end, i)
	}
	return place{}
}

// afterSign is where the value begins whose colon or equals sign is at i.
func afterSign(text string, i int) int {
	from := i + 1
	if text[i] == '=' && from < len(text) && text[from] == '>' {
		from++
	}
	for from < len(text) && (text[from] == ' ' || text[from] == '\t') {
		from++
	}
	return from
}

// valueBehind is the value of the key that ends at end, with the colon or equals sign at i.
func (k key) valueBehind(text string, end, i int) place {
	from := afterSign(text, i)
	if strings.ContainsAny(text[end:i], `"'`) { // a key in quotes is no word of prose
		k.kind = namedKey
	}
	k.name, k.colon, k.spaced = text[:end], text[i] == ':', from > i+1 || strings.ContainsAny(text[end:i], " \t")
	if begin, close, escapes := opening(text, from, k.password && text[i] == '='); close != 0 {
		return k.quoted(text, begin, close, escapes)
	}
	return k.bare(text, from)
}

// inSQL finds the password of a statement, as in PASSWORD 'x' and IDENTIFIED BY 'x'. The opening quote is at i.
func inSQL(text string, i int) place {
	end := i
	for end > max(0, i-2) && (text[end-1] == ' ' || text[end-1] == '(') {
		end--
	}
	if !wordAt(text[:end]).sql || strings.HasPrefix(text[i+1:], " ") { // "the password " is at the end of a quotation
		return place{}
	}
	return key{kind: namedKey, password: true, colon: true}.quoted(text, i+1, text[i], 0)
}

// opening looks for quotes and brackets at from: where the value in them begins, what closes it, and how many
// backslashes are in front of each of its quotes.
func opening(text string, from int, braces bool) (begin int, close byte, escapes int) {
	bracket := byte(0)
	for range 3 {
		n, closing := bracketAt(text[from:], braces)
		if n == 0 {
			break
		}
		from, bracket = from+n, closing
	}
	begin = from
	for begin < len(text) && begin < from+8 && text[begin] == '\\' {
		begin++
	}
	escapes = begin - from
	if begin+1 < len(text) && strings.IndexByte("ubUBrR", text[begin]) >= 0 && isQuote(text[begin+1]) { // Python's u'x'
		begin++
	}
	if begin < len(text) && isQuote(text[begin]) {
		return begin + 1, text[begin], escapes
	}
	return from, bracket, 0
}

// bracketAt is the length of the opening bracket that s begins with, with the type that Go prints in front of it, and
// the bracket that closes it.
func bracketAt(s string, braces bool) (n int, closing byte) {
	for _, goType := range []string{"[]string{", "[]interface {}{", "[]any{"} {
		if strings.HasPrefix(s, goType) {
			return len(goType), '}'
		}
	}
	if s != "" && (s[0] == '[' || braces && s[0] == '{') {
		return 1, s[0] + 2
	}
	return 0, 0
}

func isQuote(c byte) bool { return c == '"' || c == '\'' || c == '`' }

// quoted is the value in quotes or brackets that begins at from. What misses its end reaches to that of the line, or to
// where the text was cut; of such a value each character counts.
func (k key) quoted(text string, from int, close byte, escapes int) place {
	judged := text[from:min(len(text), from+maxJudged)]
	n, closed := quotedLength(judged, close, escapes)
	least := minKeyed
	if n == maxJudged {
		closed = true // it goes on
	}
	head := judged[:n]
	if !closed {
		head = head[:cutLength(head)]
		least = 1
	}
	if k.count(head) < least || k.isPlain(head) || k.isName(head) || isSentence(head) {
		return place{}
	}
	if n == maxJudged {
		n, closed = quotedLength(text[from:], close, escapes)
	}
	if !closed {
		n = cutLength(text[from : from+n])
	}
	return place{from, from + n}
}

// maxBehindCut is how far behind a mark of boundtext the closing quote is looked for.
const maxBehindCut = 4096

// quotedLength is the length of what stands in s before close, and whether that is there.
func quotedLength(s string, close byte, escapes int) (n int, closed bool) {
	run, end := 0, len(s) // backslashes; where to give up
	for j := 0; j < end; j++ {
		switch c := s[j]; {
		case c == ' ' && end == len(s) && strings.HasPrefix(s[j:], cutMark):
			end = min(end, j+maxBehindCut)
		case c == '\n' || c == '\r':
			return j, false
		case c == '\\':
			run++
			continue
		case c != close:
		case close == '\'' && run == 0 && j > 0 && j+1 < len(s) && s[j+1] == close:
			j++ // as SQL writes a quote in quotes
		case escapes == 0 && run%2 == 0:
			return j, true
		case escapes > 0 && run <= escapes:
			return j - run, true
		}
		run = 0
	}
	return end, false
}

// bare is the value without quotes that begins at from.
func (k key) bare(text string, from int) place {
	n := k.bareLength(text[from:min(len(text), from+maxJudged)])
	head := text[from : from+n]
	least := minKeyed
	if k.password && !k.spaced && isCut(text, from+n) {
		least = 1
	}
	switch {
	case k.count(head) < least, k.isPlain(head), k.isName(head):
		return place{}
	case isPrefix(text, from+n), isCall(text, from+n), k.isProse(head, endsLine(text, from+n)):
		return place{}
	}
	if n == maxJudged {
		n = k.bareLength(text[from:])
	}
	return place{from, from + n}
}

// bareLength is how far a value without quotes reaches. A password may hold brackets, but no closing one that belongs
// to what is around it.
func (k key) bareLength(s string) int {
	depth := 0
	for j := range len(s) {
		switch s[j] {
		case '(', '[', '{':
			if !k.password {
				return j
			}
			depth++
		case ')', ']', '}':
			if depth--; depth < 0 {
				return j
			}
		case '&', ';', ',', '"', '\'', '<', '>', '|', '\\', '`', ' ', '\t', '\r', '\n':
			return j
		}
	}
	return len(s)
}

// endsLine reports whether text[i:] does not go on with a sentence.
func endsLine(text string, i int) bool {
	return i == len(text) || strings.IndexByte("\r\n,;)]}&\"'\\", text[i]) >= 0 || isCut(text, i)
}

// isPrefix reports whether the value that ends at i is the beginning of a wrapped error, such as "oauth2: ".
func isPrefix(text string, i int) bool {
	return before(text, i) == ':' && (i == len(text) || text[i] == ' ')
}

// isCall reports whether what ends at i is the beginning of a call: getenv("NAME"), PASSWORD('x').
func isCall(text string, i int) bool {
	return before(text, i) == '(' && i < len(text) && isQuote(text[i])
}

// How a text that was too long ends; see package boundtext.
const (
	cutMark = " …"
	sizeEnd = " bytes)"
)

// isCut reports whether the rest of text[:i] was cut off.
func isCut(text string, i int) bool {
	rest := text[i:]
	return strings.HasPrefix(rest, cutMark) || len(rest) < 32 && rest != "" && cutLength(rest) == 0
}

// cutLength is the length of s without what says that it was cut off.
func cutLength(s string) int {
	if n := strings.Index(s, cutMark); n >= 0 {
		return n
	}
	if head, ok := strings.CutSuffix(s, sizeEnd); ok {
		if number := strings.TrimRight(head, "0123456789"); len(number) < len(head) && strings.HasSuffix(number, " (") {
			return len(number) - len(" (")
		}
	}
	return len(s)
}
