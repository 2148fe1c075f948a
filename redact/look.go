package redact

import "strings"

// notable marks the bytes at which look may find a secret. Most texts have few of them.
var notable = func() (table [256]bool) {
	for _, c := range []byte(":=@_-AJBb") {
		table[c] = true
	}
	return table
}()

// A place is a part of a text to be masked; empty: none. Behind a place whose end is set nothing has to be looked at
// again.
type place struct{ from, to int }

// look returns the secret that the notable byte text[i] belongs to. What it reads in vain is short or ends where another
// notable byte of the same kind may stand, so that the time for a whole text is linear in its length.
func look(text string, i int) place {
	switch text[i] {
	case ':':
		if strings.HasPrefix(text[i:], "://") {
			return inURL(text, i)
		}
		return behindKey(text, i)
	case '=':
		return behindKey(text, i)
	case '@':
		return inDataSource(text, i)
	case '_':
		return inShape(text, i, dividedShapes[before(text, i)])
	case '-':
		if strings.HasPrefix(text[i:], "-----BEGIN") {
			return inPEM(text, i)
		}
		return inShape(text, i, dividedShapes[before(text, i)])
	case 'A':
		if i+3 < len(text) && !isCapital(text[i+1]) { // most words with an A
			return place{}
		}
		return inShape(text, i, capitalShapes)
	case 'J':
		if before(text, i) != 'y' {
			return place{}
		}
		return inShape(text, i, jwtShapes)
	}
	return behindScheme(text, i) // B, b
}

// A shape is what the tokens of one kind look like.
type shape struct {
	prefix string // up to and including the notable byte, or beginning with it
	chars  func(byte) bool
	least  int  // characters behind the prefix
	digit  bool // one of them is a digit: the prefix alone may begin a word
}

var (
	capitalShapes = []shape{
		{"AKIA", isCapital, 8, false},
		{"ASIA", isCapital, 8, false},
		{"ABIA", isCapital, 8, true},
		{"ACCA", isCapital, 8, true},
		{"AIza", isWord, 20, false},
	}
	jwtShapes = []shape{{"eyJ", isJWT, 8, false}}
)

// dividedShapes are those whose prefix ends with a dash or an underscore, by the byte before it.
var dividedShapes = func() (table [256][]shape) {
	for _, s := range []shape{
		{"ghp_", isAlnum, 10, false},
		{"gho_", isAlnum, 10, false},
		{"ghu_", isAlnum, 10, false},
		{"ghs_", isAlnum, 10, false},
		{"ghr_", isAlnum, 10, false},
		{"github_pat_", isWord, 10, false},
		{"dckr_pat_", isWord, 10, true},
		{"sk_live_", isAlnum, 8, false},
		{"sk_test_", isAlnum, 8, false},
		{"rk_live_", isAlnum, 8, false},
		{"rk_test_", isAlnum, 8, false},
		{"npm_", isAlnum, 20, false},
		{"hf_", isAlnum, 20, false},
		{"whsec_", isWord, 16, false},
		{"dop_v1_", isAlnum, 20, false},
		{"xoxa-", isWord, 8, false},
		{"xoxb-", isWord, 8, false},
		{"xoxe-", isWord, 8, false},
		{"xoxo-", isWord, 8, false},
		{"xoxp-", isWord, 8, false},
		{"xoxr-", isWord, 8, false},
		{"xoxs-", isWord, 8, false},
		{"xapp-", isWord, 8, true},
		{"glpat-", isWord, 16, true},
		{"gldt-", isWord, 16, true},
		{"glrt-", isWord, 16, true},
		{"sk-", isWord, 20, true},
		{"pypi-", isWord, 20, true},
	} {
		last := s.prefix[len(s.prefix)-2]
		table[last] = append(table[last], s)
	}
	return table
}()

// before is the byte before text[i], 0 at its beginning.
func before(text string, i int) byte {
	if i == 0 {
		return 0
	}
	return text[i-1]
}

// inShape finds a token that has one of the shapes, with the last byte of its prefix at i, or with the first for a prefix
// that begins with it.
func inShape(text string, i int, shapes []shape) place {
	for _, s := range shapes {
		from := i + 1 - len(s.prefix)
		if s.prefix[0] == text[i] {
			from = i
		}
		if from < 0 || !strings.HasPrefix(text[from:], s.prefix) || from > 0 && isAlnum(text[from-1]) {
			continue
		}
		begin := from + len(s.prefix)
		to := begin
		for to < len(text) && s.chars(text[to]) {
			to++
		}
		if to-begin < s.least || s.digit && !hasDigit(text[begin:to]) {
			return place{to, to}
		}
		return place{from, to}
	}
	return place{}
}

// inPEM finds a private key, also one whose end is missing.
func inPEM(text string, i int) place {
	label, rest, ok := strings.Cut(text[i+len("-----BEGIN"):], "-----")
	if !ok || !strings.HasSuffix(strings.TrimSuffix(label, " BLOCK"), "PRIVATE KEY") {
		return place{}
	}
	body, _, _ := strings.Cut(rest, "-----")
	from := len(text) - len(rest)
	if !hasKeyBody(body) {
		return place{from, from}
	}
	return place{from, from + len(body)}
}

// hasKeyBody reports whether s has a run of base64 as a key has.
func hasKeyBody(s string) bool {
	run := 0
	for i := range len(s) {
		if run++; !isAlnum(s[i]) && s[i] != '+' && s[i] != '/' {
			run = 0
		}
		if run == 16 {
			return true
		}
	}
	return false
}

func isDigit(c byte) bool   { return '0' <= c && c <= '9' }
func isCapital(c byte) bool { return 'A' <= c && c <= 'Z' || isDigit(c) }
func isAlnum(c byte) bool   { return 'a' <= c && c <= 'z' || isCapital(c) }
func isWord(c byte) bool    { return isAlnum(c) || c == '_' || c == '-' }
func isJWT(c byte) bool     { return isWord(c) || c == '.' || c == '=' }

func hasDigit(s string) bool { return strings.ContainsAny(s, "0123456789") }

func hasLetter(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return 'a' <= r|0x20 && r|0x20 <= 'z' })
}
