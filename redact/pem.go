package redact

import "strings"

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
		if run++; !isBase64(s[i]) {
			run = 0
		}
		if run == 16 {
			return true
		}
	}
	return false
}

// beforePEMEnd finds a private key whose beginning was cut off: the lines of base64 before its end, which is at i.
func beforePEMEnd(text string, i int) place {
	label, _, ok := strings.Cut(text[i+len("-----END"):min(len(text), i+maxFlag)], "-----")
	if !ok || !strings.HasSuffix(strings.TrimSuffix(label, " BLOCK"), "PRIVATE KEY") {
		return place{}
	}
	from := i
	for from > 0 && (isBase64(text[from-1]) || text[from-1] == '\n' || text[from-1] == '\r' || text[from-1] == '\\') {
		from--
	}
	if !hasKeyBody(text[from:i]) {
		return place{}
	}
	return place{from, i}
}

func isBase64(c byte) bool { return isAlnum(c) || c == '+' || c == '/' || c == '=' }
