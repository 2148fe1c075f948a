package redact

import (
	"slices"
	"strings"
)

// isProse reports whether value, with which the line ends or not, is something else than the value of k.
func (k key) isProse(value string, last bool) bool {
	switch {
	case strings.HasPrefix(value, "="): // a comparison
		return true
	case k.kind == namedKey:
		return false
	case k.kind == wordKey && (k.colon || k.spaced):
		return !hasDigit(value) && !isUserPassword(value)
	case k.colon && k.spaced && !last:
		return !hasDigit(value)
	case endsFold(k.name, "pwd"): // $PWD is a folder
		return value[0] == '/'
	case endsFold(k.name, "pass"): // a test has passed, or how many have
		return !hasLetter(value) || k.colon && strings.HasSuffix(k.name, "PASS")
	}
	return false
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
	if isVerdict(value) {
		return true
	}
	return verdictWords[word] || plainWords[word] && (k.colon || k.spaced)
}

// isVerdict reports whether value says in several words that a key has no value: not_set, must-be-provided.
func isVerdict(value string) bool {
	words := strings.FieldsFunc(strings.ToLower(value), func(r rune) bool { return r == '_' || r == '-' })
	for _, word := range words {
		if !verdictWords[word] && !sentenceWords[word] && !absenceWords[word] {
			return false
		}
	}
	return len(words) > 1
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

// isName reports whether value names something, such as an algorithm, a variable or where the secret of k is kept.
func (k key) isName(value string) bool {
	switch {
	case strings.HasPrefix(value, "arn:aws"), strings.HasPrefix(value, "op://"),
		strings.HasPrefix(value, "projects/") && strings.Contains(value, "/secrets/"):
		return true
	case k.random && !isRandom(value):
		return true
	case endsFold(k.name, "signature") && isAlgorithm(value):
		return true
	case endsFold(k.name, "secret") && k.colon && k.spaced:
		return isConstant(value) || isPath(value)
	}
	return !k.password && isConstant(value)
}

// isRandom reports whether value has digits or is long, or is the base64 of a name and a password.
func isRandom(value string) bool {
	return len(value) >= 8 && hasDigit(value) || len(value) >= 20 || isUserPassword(value)
}

// isConstant reports whether value is the name of a constant or of a variable: START_OBJECT.
func isConstant(value string) bool {
	return strings.Contains(value, "_") && strings.Trim(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == ""
}

// isPath reports whether value is a path of words: app/production/db.
func isPath(value string) bool {
	return strings.Contains(value, "/") && strings.Trim(value, "abcdefghijklmnopqrstuvwxyz-_./") == ""
}

// isAlgorithm reports whether value is the name of one that signs: SHA256withRSA, rsa_pss_sha256.
func isAlgorithm(value string) bool {
	return len(value) <= 24 && !strings.Contains(value, "=") &&
		slices.ContainsFunc(algorithms, func(name string) bool { return beginsFold(value, name) })
}

var algorithms = strings.Fields("sha1 sha-1 sha2 sha-2 sha3 sha-3 sha512 sha-512 md5 hmac rsa ecdsa ed25519")

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

// absenceWords are those of isVerdict only: they may be a value's, too.
var absenceWords = wordSet(`set unset no none null empty value given found configured defined specified available valid
	to yet`)

var sentenceWords = wordSet(`is are was be been must should shall has have had may can cannot can't does do did not too
	required invalid missing incorrect wrong least most characters letters expired match matches needs`)
