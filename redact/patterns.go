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

// In these patterns \x60 is the backquote. All begin with ^, and with the byte at which look stopped.
var (
	// One with a slash in it has something else than digits before the slash: it is no port.
	urlPassword = newPattern(`^://[^\s/?#:@\[\]"'<>\x60]*:` +
		`([^\s/?#"'<>\x60]+|[0-9]*[^\s/?#@"'<>\x600-9][^\s@"'<>\x60:]*)@`)
	// The URL was cut off in its password.
	cutPassword = newPattern(`^://[^\s/?#:@\[\]"'<>\x60]+:` +
		`([^\s/?#@"'<>\x60:,;)\]}…]+)(?:$|[\s"'\x60,;)\]}…])`)
	slackHook = newPattern(`^://hooks\.slack\.com/(?:services|workflows|triggers)/([^\s"'<>\x60]+)`)
	// What net/url says of a password with # or / in it.
	badPort = newPattern(`^:([^"\\]+)`)

	// A scheme with parameters, or with one credential.
	authorization = newPattern(`(?i)^[:=]\s*["'\\\[]*(?:` +
		`(?:digest|aws4-hmac-sha256|oauth|hawk|hmac\S*|mac|signature)\s+([^\r\n\]]+)|` +
		`[a-z0-9-]*(?:bearer|basic|token|negotiate|ntlm|key|dpop|login)(?:\s|\+|%20)+["'\\]*([^\s"',;\]}\\]+))`)
	bareAuthorization = newPattern(`^[:=]\s*["'\\\[]*([^\s"',;:\]}\\]+)`)
	cookie            = newPattern(`^[:=]\s*["'\\\[]*([^\s=;"'\]\\]+=[^\r\n"'\]\\]+)`)

	bearer = newPattern(`(?i)^bearer[ \t:=]+["'\\]*([A-Za-z0-9._~+/-]{8,}=*)`)
	basic  = newPattern(`(?i)^basic[ \t]+([A-Za-z0-9+/_-]{6,}={0,2})`)
)

// inURL finds the password of a URL whose "://" is at i.
func inURL(text string, i int) place {
	if p := urlPassword.at(text, i)[0]; p.to > 0 {
		return p
	}
	scheme := i
	for scheme > 0 && (isAlnum(text[scheme-1]) || text[scheme-1] == '+') {
		scheme--
	}
	// With other schemes, as in docker://alpine:latest, it may be anything.
	if schemesWithPasswords[strings.ToLower(text[scheme:i])] {
		if p := cutPassword.at(text, i)[0]; p.to-p.from >= minKeyed && hasLetter(p.of(text)) {
			return p
		}
	}
	if strings.HasPrefix(text[i:], "://hooks.slack.com/") {
		return slackHook.at(text, i)[0]
	}
	return place{}
}

var schemesWithPasswords = func() map[string]bool {
	all := map[string]bool{}
	for _, scheme := range strings.Fields(`postgres postgresql mysql mariadb mongodb mongodb+srv redis rediss amqp amqps
		sqlserver mssql clickhouse nats ldap ldaps ftp ftps sftp smtp smtps imap imaps http https ws wss socks5 socks5h`) {
		all[scheme] = true
	}
	return all
}()

// inDataSource finds the password of user:password@tcp(host)/db, as MySQL's driver takes it. The @ is at i.
func inDataSource(text string, i int) place {
	network, _, ok := strings.Cut(text[i+1:min(len(text), i+7)], "(")
	switch network {
	case "", "tcp", "tcp4", "tcp6", "udp", "unix":
	default:
		ok = false
	}
	if !ok {
		return place{}
	}
	from := strings.LastIndexAny(text[:i], " \t\r\n\"'<>`=@/") + 1
	_, password, ok := strings.Cut(text[from:i], ":")
	if !ok || from == i-len(password)-1 {
		return place{}
	}
	return place{i - len(password), i}
}

// behindScheme finds a credential behind Bearer or Basic, whose B is at i.
func behindScheme(text string, i int) place {
	switch {
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

// inAuthorization finds the credentials of an Authorization header, whose colon or equals sign is at i.
func inAuthorization(text string, i int) place {
	groups := authorization.at(text, i)
	if groups[0].to > 0 {
		return groups[0]
	}
	if groups[1].to > 0 {
		return groups[1]
	}
	if p := bareAuthorization.at(text, i)[0]; hasDigit(p.of(text)) {
		return p
	}
	return place{}
}

// endsFold reports whether s ends with word, which is in lower case, in any case.
func endsFold(s, word string) bool {
	return len(s) >= len(word) && strings.EqualFold(s[len(s)-len(word):], word)
}

// beginsFold reports whether s begins with word, which is in lower case, in any case.
func beginsFold(s, word string) bool {
	return len(s) >= len(word) && strings.EqualFold(s[:len(word)], word)
}
