package redact

import "strings"

// Kinds of bytes at which look may find a secret.
const (
	anyByte = 1 << iota
	keyByte
	slashByte
	dividerByte
	dashByte
	wordByte
	jwtByte
)

// notable says of which kinds a byte is.
var notable = [256]uint8{
	'@': anyByte, ':': keyByte, '=': keyByte, '/': slashByte, '_': dividerByte, '.': dividerByte,
	'-': dividerByte | dashByte, 'A': wordByte, 'B': wordByte, 'b': wordByte, 'J': jwtByte,
}

// follows says bytes of which kinds are notable behind a byte. Most texts have few of them, and look is not called for
// the others. The byte before a text is 0.
var follows = func() (table [256]uint8) {
	for i := range table {
		c := byte(i)
		table[c] = anyByte
		if !isAlnum(c) {
			table[c] |= dashByte | wordByte
		}
		if dividedShapes[c] != nil {
			table[c] |= dividerByte
		}
		if secretWords[lower(c)] != nil || strings.IndexByte(headerEnds+" \t\"'\\:", lower(c)) >= 0 {
			table[c] |= keyByte
		}
	}
	table['/'] |= slashByte
	table['y'] |= jwtByte
	return table
}()

// nextNotable is where the next notable byte of text is, from i on, or the length of text.
func nextNotable(text string, i int) int {
	for ; i < len(text); i++ {
		if kinds := notable[text[i]]; kinds != 0 && kinds&follows[before(text, i)] != 0 {
			break
		}
	}
	return i
}

// A place is a part of a text to be masked; empty: none. Behind a place whose end is set nothing has to be looked at
// again.
type place struct{ from, to int }

// look returns the secret that the notable byte text[i] belongs to. What it reads in vain is short or ends where
// another notable byte of the same kind may stand, so that the time for a whole text is linear in its length.
func look(text string, i int) place {
	switch text[i] {
	case ':':
		if strings.HasPrefix(text[i:], "://") {
			return place{}
		}
		return behindKey(text, i)
	case '/':
		if i > 1 && text[i-2] == ':' {
			return inURL(text, i-2)
		}
		return place{}
	case '=':
		return behindKey(text, i)
	case '@':
		return inDataSource(text, i)
	case '_', '.':
		return inDivided(text, i)
	case '-':
		return atDash(text, i)
	case 'A':
		if before(text, i) == ':' {
			if p := inBotToken(text, i-1); p.to > 0 {
				return p
			}
		}
		if i+3 < len(text) && !isCapital(text[i+1]) { // most words with an A
			return place{}
		}
		return inShape(text, i, capitalShapes)
	case 'J':
		return inShape(text, i, jwtShapes)
	}
	return behindScheme(text, i) // B, b
}

// atDash returns the secret that begins with a dash, or behind one.
func atDash(text string, i int) place {
	switch last := before(text, i); {
	case isAlnum(last): // most dashes are within a word
		return inDivided(text, i)
	case last != '-':
	case strings.HasPrefix(text[i-1:], "-----BEGIN"):
		return inPEM(text, i-1)
	case strings.HasPrefix(text[i-1:], "-----END"):
		return beforePEMEnd(text, i-1)
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
