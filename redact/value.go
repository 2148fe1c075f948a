package redact

import "strings"

// maxJudged is how much of a value is looked at to tell whether it is a secret. What is read in vain must be short, or
// the time for a whole text would not be linear in its length.
const maxJudged = 256

// headerEnds are the last letters of the names that behindKey knows besides secretWords.
const headerEnds = "net"

// behindKey finds the value of a key that names a secret. The colon or equals sign is at i.
func behindKey(text string, i int) place {
	end := i
	if text[i] == '=' && before(text, i) == ':' { // password := "x"
		end--
	}
	for end > 0 && strings.IndexByte(" \t\"'\\", text[end-1]) >= 0 {
		end--
	}
	name := text[:end]
	if !keyPairs.before(text, end) {
		return place{}
	}
	switch name[end-1] | 0x20 {
	case 'n':
		if endsFold(name, "authorization") {
			return inAuthorization(text, end, i)
		}
	case 'e':
		if endsFold(name, "cookie") {
			return inCookie(text, end, i)
		}
	case 't':
		if endsFold(name, "invalid port") {
			if p := badPort.at(text, i)[0]; hasLetter(p.of(text)) {
				return p
			}
			return place{}
		}
	}
	if k := keyAt(name); k.kind != noKey {
		return k.valueBehind(text, end, i)
	}
	return place{}
}

// valueBehind is the value of the key that ends at end, with the colon or equals sign at i.
func (k key) valueBehind(text string, end, i int) place {
	from := i + 1
	if text[i] == '=' && from < len(text) && text[from] == '>' {
		from++
	}
	for from < len(text) && (text[from] == ' ' || text[from] == '\t') {
		from++
	}
	if strings.ContainsAny(text[end:i], `"'`) { // a key in quotes is no word of prose
		k.kind = namedKey
	}
	k.name, k.colon, k.spaced = text[:end], text[i] == ':', from > i+1 || strings.ContainsAny(text[end:i], " \t")
	if begin, close, escapes := opening(text, from, k.password && text[i] == '='); close != 0 {
		return k.quoted(text, begin, close, escapes)
	}
	return k.bare(text, from)
}

// opening looks for a quote or a bracket at from: where the value in it begins, what closes it, and how many
// backslashes are in front of each of its quotes.
func opening(text string, from int, braces bool) (begin int, close byte, escapes int) {
	bracket := byte(0)
	if from < len(text) && (text[from] == '[' || braces && text[from] == '{') {
		bracket = text[from] + 2
		from++
	}
	begin = from
	for begin < len(text) && begin < from+8 && text[begin] == '\\' {
		begin++
	}
	if begin < len(text) && strings.IndexByte("\"'`", text[begin]) >= 0 {
		return begin + 1, text[begin], begin - from
	}
	return from, bracket, 0
}

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
	if k.count(head) < least || k.isPlain(head) || isSentence(head) {
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
	if k.count(head) < least || k.isPlain(head) || isPrefix(text, from+n) || k.isProse(head, endsLine(text, from+n)) {
		return place{}
	}
	if n == maxJudged {
		n = k.bareLength(text[from:])
	}
	return place{from, from + n}
}

// isProse reports whether value, with which the line ends or not, is something else than the value of k.
func (k key) isProse(value string, last bool) bool {
	switch {
	case strings.HasPrefix(value, "="): // a comparison
		return true
	case k.kind == namedKey:
		return false
	case k.kind == wordKey && (k.colon || k.spaced):
		return !hasDigit(value)
	case k.colon && k.spaced && !last:
		return !hasDigit(value)
	case endsFold(k.name, "pwd"): // $PWD is a folder
		return value[0] == '/'
	case endsFold(k.name, "pass"): // a test has passed, or how many have
		return !hasLetter(value) || k.colon && strings.HasSuffix(k.name, "PASS")
	}
	return false
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

// isPlain reports whether value is a word that error texts say of a key: "invalid", "expired.", "invalid_grant".
// Where the key is assigned to, as in password=network, few words are.
func (k key) isPlain(value string) bool {
	word := value
	for j := range len(value) {
		if !isLetter(value[j]) {
			word = value[:j]
			break
		}
	}
	if len(word) > 16 || hasDigit(value[len(word):]) {
		return false
	}
	word = strings.ToLower(word)
	return verdictWords[word] || plainWords[word] && (k.colon || k.spaced)
}

// isSentence reports whether value says something about a key, such as "must have 8 characters".
func isSentence(value string) bool {
	words := strings.Fields(value)
	if len(words) < 2 {
		return false
	}
	said := false
	for _, word := range words {
		word = strings.Trim(word, ".,;:!?()'")
		said = said || sentenceWords[strings.ToLower(word)]
		if hasDigit(word) && hasLetter(word) || strings.ContainsFunc(word, isSymbol) {
			return false
		}
	}
	return said
}

func isSymbol(r rune) bool { return strings.ContainsRune("@#$%^&*=+~|<>{}[]\\/_`\"", r) }

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for _, word := range strings.Fields(words) {
		set[word] = true
	}
	return set
}

// verdictWords and plainWords have minKeyed letters at least: shorter values are left as they are.
var verdictWords = wordSet(`required invalid missing expired unknown incorrect rejected refused denied revoked expected
	unexpected undefined malformed mismatch mismatched unsupported unauthorized unauthenticated forbidden unavailable
	absent present provided redacted hidden masked removed`)

var plainWords = wordSet(`unset illegal unimplemented exhausted failed failure failing timeout canceled cancelled
	interrupted aborted closed killed enabled disabled complete completed passed skipped optional default string number
	integer boolean object identifier function keyword header connection permission context cannot should length status
	reading writing parsing decoding encoding network bearer digest negotiate server request response access instead
	expects requires argument arguments parameter option please specified without together verification validation
	authentication authorization`)

var sentenceWords = wordSet(`is are was be been must should shall has have had may can cannot can't does do did not too
	required invalid missing incorrect wrong least most characters letters expired match matches needs`)
