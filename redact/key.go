package redact

import "strings"

// minKeyed is how many characters the value of a key has at least.
const minKeyed = 6

// behindKey finds the value of a key that names a secret. The colon or equals sign is at i.
func behindKey(text string, i int) place {
	end := i
	for end > 0 && (text[end-1] == ' ' || text[end-1] == '"' || text[end-1] == '\'' || text[end-1] == '\\' || text[end-1] == '\t') {
		end--
	}
	if end == 0 {
		return place{}
	}
	key := text[:end]
	switch key[len(key)-1] | 0x20 {
	case 'n':
		if endsFold(key, "token") {
			return keyed(text, len(key), i)
		}
		if endsFold(key, "authorization") {
			return inAuthorization(text, i)
		}
	case 'd':
		if endsFold(key, "password") || endsFold(key, "passwd") || endsFold(key, "pwd") {
			return keyed(text, len(key), i)
		}
	case 'e':
		if endsFold(key, "passphrase") || endsFold(key, "signature") {
			return keyed(text, len(key), i)
		}
		if endsFold(key, "cookie") {
			return cookie.at(text, i)[0]
		}
	case 't':
		if endsFold(key, "secret") {
			return keyed(text, len(key), i)
		}
		if endsFold(key, "invalid port") {
			if p := badPort.at(text, i)[0]; hasLetter(p.of(text)) {
				return p
			}
		}
	case 'y':
		if isSecretKey(key) {
			return keyed(text, len(key), i)
		}
	case 'g':
		if endsFold(key, "?sig") || endsFold(key, "&sig") {
			return keyed(text, len(key), i)
		}
	}
	return place{}
}

// isSecretKey tells api_key and its like from key.
func isSecretKey(key string) bool {
	if !endsFold(key, "key") {
		return false
	}
	key = key[:len(key)-len("key")]
	if key != "" && (key[len(key)-1] == '_' || key[len(key)-1] == '-') {
		key = key[:len(key)-1]
	}
	for _, kind := range []string{
		"api", "access", "secret", "private", "account", "auth", "encryption", "signing", "master", "shared", "license",
		"subscription",
	} {
		if endsFold(key, kind) {
			return true
		}
	}
	return false
}

// keyed is the value of the key that ends at end, with the colon or equals sign at i. A parser's "unexpected token:
// string" names no secret, so a value behind a colon or a space has to look like one, unless key or value have quotes.
func keyed(text string, end, i int) place {
	from := i + 1
	for from < len(text) && (text[from] == ' ' || text[from] == '\t') {
		from++
	}
	spaced := from > i+1 || strings.ContainsAny(text[end:i], " \t")
	quoted := false
	if rest := strings.TrimPrefix(text[from:], `\`); rest != "" && (rest[0] == '"' || rest[0] == '\'') {
		quoted = true
		from = len(text) - len(rest) + 1
	}
	stops := "&;,\"'<>()[]{}|\\` \t\r\n"
	if quoted {
		stops = "\"'\\\r\n"
	}
	if (text[i] == ':' || spaced) && !quoted && !strings.ContainsAny(text[end:i], `"'`) {
		// What is read in vain must be short.
		if head := upTo(text[from:min(len(text), from+256)], stops); !hasDigit(head) {
			return place{}
		}
	}
	value := upTo(text[from:], stops)
	switch {
	case keyChars(value) < minKeyed:
		return place{}
	case endsFold(text[:end], "pwd") && value[0] == '/': // $PWD is a folder
		return place{}
	case text[i] == ':' && strings.ContainsAny(value, " \t"): // a sentence about it
		return place{}
	}
	return place{from, from + len(value)}
}

// upTo is s up to the first of stops.
func upTo(s, stops string) string {
	if n := strings.IndexAny(s, stops); n >= 0 {
		return s[:n]
	}
	return s
}

// keyChars counts the characters of s of which tokens and passwords are made.
func keyChars(s string) (n int) {
	for i := range len(s) {
		if c := s[i]; isAlnum(c) || strings.IndexByte("._~+/-", c) >= 0 {
			n++
		}
	}
	return n
}
