package redact

import (
	"encoding/base64"
	"regexp"
	"strings"
	"sync"
)

// A pattern is compiled when it is needed first: most programs meet no secret.
type pattern func() *regexp.Regexp

func newPattern(text string) pattern {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// at returns what the groups of p match where p matches at text[i]; none are empty places.
func (p pattern) at(text string, i int) (groups [2]place) {
	m := p().FindStringSubmatchIndex(text[i:])
	for g := range groups {
		if 2*g+3 < len(m) && m[2*g+2] >= 0 {
			groups[g] = place{i + m[2*g+2], i + m[2*g+3]}
		}
	}
	return groups
}

func (p place) of(text string) string { return text[p.from:p.to] }

// All begin with ^: they match where a credential may begin.
var (
	// What net/url says of a password with # or / in it.
	badPort = newPattern(`^:([^"\\]+)`)

	// A scheme with parameters, or with one credential.
	authorization = newPattern(`(?i)^\s*["'\\\[]*(?:` +
		`(?:digest|aws4-hmac-sha256|oauth|hawk|hmac[\w-]{0,32}|mac|signature)\s+([^\r\n\]]+)|` +
		`[a-z0-9-]*(?:bearer|basic|token|negotiate|ntlm|key|dpop|login)(?:\s|\+|%20)+["'\\]*([^\s"',;\]}\\]+))`)

	// A scheme that is not among them, with one credential that ends the line.
	otherScheme = newPattern(`^\s*["'\\\[]*[A-Za-z][A-Za-z0-9-]*[ \t]+([A-Za-z0-9._~+/=-]{6,})` +
		`(?:$|["'\\\]\r\n,;)}])`)

	bearer = newPattern(`(?i)^bearer[ \t:=]+["'\\]*([A-Za-z0-9._~+/-]{8,}=*)`)
	basic  = newPattern(`(?i)^basic[ \t]+([A-Za-z0-9+/_-]{6,}={0,2})`)
)

// behindScheme finds a credential behind Bearer or Basic, whose B is at i.
func behindScheme(text string, i int) place {
	switch {
	case isAlnum(before(text, i)):
	case beginsFold(text[i:], "bearer"):
		p := bearer.at(text, i)[0]
		if value := p.of(text); hasDigit(value) || len(value) >= 20 { // "bearer authentication" has neither
			return p
		}
	case beginsFold(text[i:], "basic"):
		if p := basic.at(text, i)[0]; isUserPassword(p.of(text)) {
			return p
		}
	}
	return place{}
}

// isUserPassword reports whether s is the base64 of a user's name and password.
func isUserPassword(s string) bool {
	s = strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(s), "=")
	decoded, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil { // it was cut off
		decoded, err = base64.RawStdEncoding.DecodeString(s[:len(s)&^3])
	}
	return err == nil && strings.Contains(string(decoded), ":")
}

// inAuthorization finds the credentials of an Authorization header, whose name ends at end and whose colon or equals
// sign is at i.
func inAuthorization(text string, end, i int) place {
	begin, _, _ := opening(text, afterSign(text, i), false)
	for _, p := range authorization.at(text, begin) {
		if p.to > 0 {
			return p
		}
	}
	if p := (key{kind: passKey}).valueBehind(text, end, i); p.to > 0 {
		return p
	}
	if p := otherScheme.at(text, begin)[0]; hasDigit(p.of(text)) {
		return p
	}
	return place{}
}

// inCookie finds the cookies of a header, whose name ends at end and whose colon or equals sign is at i.
func inCookie(text string, end, i int) place {
	begin, close, escapes := opening(text, afterSign(text, i), false)
	name, value, ok := strings.Cut(text[begin:min(len(text), begin+maxJudged)], "=")
	if !ok || name == "" || value == "" || strings.ContainsAny(name, " \t\r\n;,\"'[]\\") {
		return key{kind: passKey}.valueBehind(text, end, i)
	}
	n := cookiesLength(text[begin:])
	if close != 0 {
		n, _ = quotedLength(text[begin:], close, escapes)
	}
	return place{begin, begin + cutLength(text[begin:begin+n])}
}

// cookiesLength is the length of the cookies that s begins with. The value of a cookie may be in quotes.
func cookiesLength(s string) int {
	for j := 0; j < len(s); j++ {
		switch s[j] {
		case '\'', '\r', '\n', ']', '\\':
			return j
		case ' ':
			if strings.HasPrefix(s[j:], cutMark) {
				return j
			}
		case '"':
			n := strings.IndexAny(s[j+1:], "\"\r\n")
			if before(s, j) != '=' {
				return j
			}
			if n < 0 { // it was cut off
				return len(s)
			}
			if j += 1 + n; s[j] != '"' {
				return j
			}
		}
	}
	return len(s)
}

// endsFold reports whether s ends with word, which is in lower case, in any case. It looks at the end first, where most
// differ.
func endsFold(s, word string) bool {
	if len(s) < len(word) {
		return false
	}
	s = s[len(s)-len(word):]
	for j := len(word) - 1; j >= 0; j-- {
		if lower(s[j]) != word[j] {
			return false
		}
	}
	return true
}

// beginsFold reports whether s begins with word, which is in lower case, in any case.
func beginsFold(s, word string) bool {
	if len(s) < len(word) {
		return false
	}
	for j := range len(word) {
		if lower(s[j]) != word[j] {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if isUpper(c) {
		return c | 0x20
	}
	return c
}
