package redact

import (
	"slices"
	"strings"
)

// A keyKind says how sure it is that what stands behind a key is its value.
type keyKind int

const (
	noKey    keyKind = iota
	wordKey          // token: a word of parsers and of prose, too
	passKey          // password: a word of prose, too, but in front of "=" always a key
	namedKey         // access_token, X-Api-Key, dbPassword: nothing but a key
)

// A key is a name that tells that a secret follows.
type key struct {
	kind     keyKind
	password bool // people choose it: it may hold any character

	// How it stands in the text.
	name   string // up to its end
	colon  bool   // a colon follows
	spaced bool   // there is white space between it and its value
}

// keyPairs stand at the end of secretWords and of what else behindKey compares.
var keyPairs pairs

// secretWords are the words at the end of a key, by their last letter in lower case.
var secretWords = func() (table [256][]secretWord) {
	for _, w := range []secretWord{
		{"token", key{kind: wordKey}},
		{"signature", key{kind: wordKey}},
		{"credential", key{kind: wordKey}},
		{"credentials", key{kind: wordKey}},
		{"secret", key{kind: passKey, password: true}},
		{"password", key{kind: passKey, password: true}},
		{"passwd", key{kind: passKey, password: true}},
		{"pwd", key{kind: passKey, password: true}},
		{"passphrase", key{kind: passKey, password: true}},
		{"passcode", key{kind: passKey, password: true}},
		{"pass", key{kind: passKey, password: true}},
		{"pw", key{kind: passKey, password: true}},
		{"phpsessid", key{kind: namedKey}},
		{"jsessionid", key{kind: namedKey}},
		{"?sig", key{kind: namedKey}},
		{"&sig", key{kind: namedKey}},
		{"key", key{kind: namedKey}},
	} {
		last := w.text[len(w.text)-1]
		table[last] = append(table[last], w)
		keyPairs.add(w.text, len(w.text))
	}
	for _, other := range []string{"authorization", "cookie", "invalid port"} {
		keyPairs.add(other, len(other))
	}
	return table
}()

type secretWord struct {
	text string
	key  key
}

// keyAt says what name, which ends where a key may end, is the key of.
func keyAt(name string) key {
	if name == "" {
		return key{}
	}
	for _, w := range secretWords[name[len(name)-1]|0x20] {
		if endsFold(name, w.text) {
			return w.key.behind(name[:len(name)-len(w.text)], name[len(name)-len(w.text):])
		}
	}
	return key{}
}

// behind is k for the word that follows before in a name.
func (k key) behind(before, word string) key {
	switch w := strings.ToLower(word); {
	case w == "key" && !isSecretKey(before),
		w == "token" && isCounted(before),
		(w == "pass" || w == "pw") && !beginsWord(before, word) && !endsFold(before, "db") && !endsFold(before, "user"):
		return key{}
	}
	if before != "" && isWord(before[len(before)-1]) {
		k.kind = namedKey
	}
	return k
}

// beginsWord reports whether word, which follows before, is a word of its own: db_pass, dbPass, but not bypass.
func beginsWord(before, word string) bool {
	return before == "" || !isAlnum(before[len(before)-1]) || isUpper(word[0]) && !isUpper(before[len(before)-1])
}

// secretKeys are the words that make a secret of the key behind them.
var secretKeys = strings.Fields(`api access secret private account auth encryption signing master shared license
	subscription app application session functions`)

// isSecretKey tells api_key and its like from key.
func isSecretKey(before string) bool {
	return slices.ContainsFunc(secretKeys, func(word string) bool { return endsFold(trimDivider(before), word) })
}

// countedTokens are the words in front of a token that is a part of a text, or that says where a list goes on.
var countedTokens = strings.Fields(`page next continuation continue sync skip start num number max min total count eos
	bos pad unk unexpected`)

// isCounted tells next_page_token, num_token and "unexpected token" from access_token.
func isCounted(before string) bool {
	before = trimDivider(before)
	return slices.ContainsFunc(countedTokens, func(word string) bool {
		begin := len(before) - len(word)
		return endsFold(before, word) && beginsWord(before[:begin], before[begin:])
	})
}

// trimDivider is name without what stands between two of its words.
func trimDivider(name string) string {
	if n := len(name); n > 0 && strings.IndexByte("_- ", name[n-1]) >= 0 {
		return name[:n-1]
	}
	return name
}

// minKeyed is how many characters the value of a key has at least.
const minKeyed = 6

// count is how many characters of value count for minKeyed.
func (k key) count(value string) (n int) {
	for i := range len(value) {
		c := value[i]
		if isAlnum(c) || strings.IndexByte("._~+/-", c) >= 0 || k.password && c != '*' && c != ' ' {
			n++
		}
	}
	return n
}
