package redact

import (
	"regexp"
	"strings"
)

// Mask takes the place of a secret.
const Mask = "***"

// Nothing returns text as it is. As a Redact field it turns redaction off.
func Nothing(text string) string { return text }

// Secrets returns text with the secrets that it recognizes replaced by [Mask]:
//
//   - passwords in URLs and in data source names: postgres://user:***@host, user:***@tcp(host:3306)/db; and tokens in
//     place of a user's name: https://***@host
//   - the values of Authorization and Cookie headers, and credentials behind Bearer and Basic
//   - values of token, password, pass, secret, api_key, access_key and the like, behind "=", in JSON or in a header,
//     and of flags with such a name (--password x). Such a value has at least 6 characters of A-Z a-z 0-9 . _ ~ + / -,
//     in a password of any kind. Words that errors say of a key stay: signature=invalid, password: required.
//   - passwords in SQL and in XML elements: IDENTIFIED BY '***', <password>***</password>
//   - passwords behind the short flags of curl (-u), mysql (-p), sshpass (-p), redis-cli (-a) and ldap's tools (-w)
//   - tokens of known shapes, such as those of GitHub, GitLab, AWS, Google, Slack, Stripe, Shopify, Vault, SendGrid,
//     npm and PyPI, sk-…, and JWTs
//   - the paths of web hooks of Slack, Discord and Teams
//   - private keys in PEM
//
// All this also where the text is percent-encoded, at most twice. Secrets that are cut off at the end of text are
// recognized too, unless too little is left, and so is what misses a closing quote. Secrets may be called from several
// goroutines at once.
func Secrets(text string) string {
	i := nextNotable(text, 0)
	if i == len(text) {
		return text
	}
	var room [4]place
	var out masked
	for _, p := range find(room[:0], text, i, 0) {
		out.mask(text, p.from, p.to)
	}
	return out.text(text)
}

// find appends the secrets of text to places, from its notable byte text[i] on. The text was encoded so many times.
func find(places []place, text string, i, encodings int) []place {
	for i < len(text) {
		found := place{}
		if text[i] != '%' {
			found = look(text, i)
		} else if encodings < maxEncodings {
			found = encodedRun(text, i)
		}
		switch {
		case found.from == found.to:
		case text[i] == '%':
			plain, at := decode(found.of(text))
			for _, p := range find(nil, plain, nextNotable(plain, 0), encodings+1) {
				places = append(places, place{found.from + at[p.from], found.from + at[p.to]})
			}
		default:
			places = append(places, found)
		}
		i = nextNotable(text, max(i+1, found.to))
	}
	return places
}

// Also returns a function that masks what [Secrets] masks, and what the patterns match. In a pattern with groups, only
// what the groups match is masked: customer=(\d+) keeps "customer=". The function may be called from several goroutines
// at once.
func Also(patterns ...*regexp.Regexp) func(string) string {
	return func(text string) string {
		text = Secrets(text)
		for _, pattern := range patterns {
			var out masked
			for _, match := range pattern.FindAllStringSubmatchIndex(text, -1) {
				if len(match) > 2 {
					match = match[2:]
				}
				for ; len(match) > 1; match = match[2:] {
					out.mask(text, match[0], match[1])
				}
			}
			text = out.text(text)
		}
		return text
	}
}

// masked is a text with parts of it masked.
type masked struct {
	out  strings.Builder
	done int // how much of the text is in out
}

// mask masks text[from:to], unless that is empty or begins in a part that is masked already.
func (m *masked) mask(text string, from, to int) {
	if from < m.done || from >= to {
		return
	}
	m.out.WriteString(text[m.done:from])
	m.out.WriteString(Mask)
	m.done = to
}

func (m *masked) text(text string) string {
	if m.done == 0 {
		return text
	}
	m.out.WriteString(text[m.done:])
	return m.out.String()
}
