package redact

import "strings"

// notable marks the bytes at which look may find a secret. Most texts have few of them.
var notable = func() (table [256]bool) {
	for _, c := range []byte(":=@_-.AJBb") {
		table[c] = true
	}
	return table
}()

// A place is a part of a text to be masked; empty: none. Behind a place whose end is set nothing has to be looked at
// again.
type place struct{ from, to int }

// look returns the secret that the notable byte text[i] belongs to. What it reads in vain is short or ends where
// another notable byte of the same kind may stand, so that the time for a whole text is linear in its length.
func look(text string, i int) place {
	switch text[i] {
	case ':':
		if strings.HasPrefix(text[i:], "://") {
			return inURL(text, i)
		}
		if isDigit(before(text, i)) {
			return inBotToken(text, i)
		}
		return behindKey(text, i)
	case '=':
		return behindKey(text, i)
	case '@':
		return inDataSource(text, i)
	case '_', '.':
		return inShape(text, i, dividedShapes[before(text, i)])
	case '-':
		return atDash(text, i)
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

// atDash returns the secret that begins with a dash, or behind one.
func atDash(text string, i int) place {
	switch {
	case isAlnum(before(text, i)) && !strings.HasPrefix(text[i:], "--"): // most dashes are within a word
		return inShape(text, i, dividedShapes[before(text, i)])
	case strings.HasPrefix(text[i:], "-----BEGIN"):
		return inPEM(text, i)
	case strings.HasPrefix(text[i:], "-----END"):
		return beforePEMEnd(text, i)
	}
	return inFlag(text, i)
}

// before is the byte before text[i], 0 at its beginning.
func before(text string, i int) byte {
	if i == 0 {
		return 0
	}
	return text[i-1]
}

func isDigit(c byte) bool   { return '0' <= c && c <= '9' }
func isUpper(c byte) bool   { return 'A' <= c && c <= 'Z' }
func isLetter(c byte) bool  { return isUpper(c) || 'a' <= c && c <= 'z' }
func isCapital(c byte) bool { return isUpper(c) || isDigit(c) }
func isAlnum(c byte) bool   { return 'a' <= c && c <= 'z' || isCapital(c) }
func isWord(c byte) bool    { return isAlnum(c) || c == '_' || c == '-' }
func isToken(c byte) bool   { return isWord(c) || c == '.' }
func isJWT(c byte) bool     { return isToken(c) || c == '=' }

func hasDigit(s string) bool { return strings.ContainsAny(s, "0123456789") }

func hasLetter(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return 'a' <= r|0x20 && r|0x20 <= 'z' })
}
