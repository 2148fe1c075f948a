package redact

import "strings"

// Kinds of bytes at which a secret may be found, by what stands before them.
const (
	anyByte     = 1 << iota
	keyByte     // behind the end of a key, and what may stand between the two
	tagByte     // behind the end of a key, or a quote
	quoteByte   // behind the end of a key and a space or a parenthesis
	slashByte   // behind a slash
	dividerByte // behind the prefix of a token
	wordByte    // at the beginning of a word
	innerByte   // within the prefix of a token
)

// notable says of which kinds a byte is.
var notable = [256]uint8{
	'@': anyByte, '%': anyByte, ':': keyByte, '=': keyByte, '>': tagByte, '\'': quoteByte, '"': quoteByte,
	'/': slashByte, '_': dividerByte, '.': dividerByte, '-': dividerByte | wordByte,
	'A': wordByte | innerByte, 'B': wordByte, 'b': wordByte, 'J': innerByte, 'p': innerByte,
}

// gaps are the bytes that may stand between a key and its colon or equals sign.
const gaps = " \t\"'\\"

// follows says bytes of which kinds are notable behind two bytes: the last one, and the lowest five bits of the one
// before it, in which a letter is the same in both cases. All that begins a secret is added here, so that most texts
// have few notable bytes: look is not called for the others.
var follows = func() (table [256][32]uint8) {
	for i := range table {
		for j := range table[i] {
			table[i][j] = anyByte
			if !isAlnum(byte(i)) {
				table[i][j] |= wordByte
			}
			switch i {
			case '/':
				table[i][j] |= slashByte
			case '"', '\'': // of an attribute
				table[i][j] |= tagByte
			}
		}
	}
	ends := gaps
	for last := range secretWords {
		for _, w := range secretWords[last] {
			n := len(w.text)
			table[last][w.text[n-2]&31] |= keyByte | tagByte
			table[last&^0x20][w.text[n-2]&31] |= keyByte | tagByte
			ends += w.text[n-1:]
		}
	}
	for j := range len(ends) {
		for _, gap := range []byte(gaps + ":") { // a colon as in :=
			table[gap][ends[j]&31] |= keyByte
		}
		table[' '][ends[j]&31] |= quoteByte
		table['('][ends[j]&31] |= quoteByte
	}
	for _, shapes := range dividedShapes {
		addShapes(&table, shapes, dividerByte)
	}
	addShapes(&table, capitalShapes, innerByte)
	addShapes(&table, innerShapes, innerByte)
	return table
}()

func addShapes(table *[256][32]uint8, shapes []shape, kind uint8) {
	for _, s := range shapes {
		if s.at >= 2 {
			table[s.prefix[s.at-1]][s.prefix[s.at-2]&31] |= kind
		}
	}
}

// nextNotable is where the next notable byte of text is, from i on, or the length of text. Of the first two bytes look
// alone knows whether they are notable.
func nextNotable(text string, i int) int {
	for ; i < len(text); i++ {
		if kinds := notable[text[i]]; kinds != 0 && (i < 2 || kinds&follows[text[i-1]][text[i-2]&31] != 0) {
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
	case '>':
		return inElement(text, i)
	case '\'', '"':
		return inSQL(text, i)
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
	case 'J', 'p':
		return inShape(text, i, innerShapes)
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
