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
	random   bool // only a value that looks random is a secret: auth=kerberos is none

	// How it stands in the text.
	name   string // up to its end
	colon  bool   // a colon follows
	spaced bool   // there is white space between it and its value
}

// secretWords are the words behind which a secret may stand, by their last letter in lower case.
var secretWords = func() (table [256][]secretWord) {
	for _, w := range []secretWord{
		{text: "authorization", value: inAuthorization},
		{text: "cookie", value: inCookie},
		{text: "invalid port", value: behindPort},
		{text: "identified by", sql: true},
		{text: "token", key: key{kind: wordKey}},
		{text: "signature", key: key{kind: wordKey}},
		{text: "credential", key: key{kind: wordKey}},
		{text: "credentials", key: key{kind: wordKey}},
		{text: "secret", key: key{kind: passKey, password: true}},
		{text: "password", key: key{kind: passKey, password: true}, sql: true},
		{text: "passwd", key: key{kind: passKey, password: true}},
		{text: "pwd", key: key{kind: passKey, password: true}},
		{text: "passphrase", key: key{kind: passKey, password: true}},
		{text: "passcode", key: key{kind: passKey, password: true}},
		{text: "pass", key: key{kind: passKey, password: true}},
		{text: "pw", key: key{kind: passKey, password: true}},
		{text: "phpsessid", key: key{kind: namedKey}},
		{text: "jsessionid", key: key{kind: namedKey}},
		{text: "?sig", key: key{kind: namedKey}},
		{text: "&sig", key: key{kind: namedKey}},
		{text: "secret_key_base", key: key{kind: namedKey}},
		{text: "secretkeybase", key: key{kind: namedKey}},
		{text: "rediscli_auth", key: key{kind: namedKey, password: true}},
		{text: "auth", key: key{kind: wordKey, random: true}},
		{text: "key", key: key{kind: namedKey}},
	} {
		last := w.text[len(w.text)-1]
		table[last] = append(table[last], w)
	}
	return table
}()

type secretWord struct {
	text  string
	key   key
	sql   bool                                   // in SQL the value stands behind it in quotes
	value func(text string, end, sign int) place // finds the value of what is no key, but the name of a header
}

// wordAt is the word of secretWords that name ends with, or none.
func wordAt(name string) secretWord {
	if name == "" {
		return secretWord{}
	}
	for _, w := range secretWords[lower(name[len(name)-1])] {
		if endsFold(name, w.text) {
			return w
		}
	}
	return secretWord{}
}

// keyAt says what name, which ends where a key may end, is the key of.
func keyAt(name string) key {
	w := wordAt(name)
	if w.key.kind == noKey {
		return key{}
	}
	return w.key.behind(name[:len(name)-len(w.text)], name[len(name)-len(w.text):])
}

// behind is k for the word that follows before in a name.
func (k key) behind(before, word string) key {
	switch w := strings.ToLower(word); {
	case w == "key" && !isSecretKey(before),
		w == "token" && isCounted(before),
		w == "auth" && !beginsWord(before, word),
		(w == "pass" || w == "pw") && !beginsWord(before, word) && !endsWith(before, passOwners):
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
func isSecretKey(before string) bool { return endsWith(trimDivider(before), secretKeys) }

// passOwners are the words in front of pass that make a password of it: SSHPASS, but not bypass and compass.
var passOwners = strings.Fields(`db user ssh ftp smtp imap mail http proxy ldap sql redis mongo admin root key store`)

func endsWith(name string, words []string) bool {
	return slices.ContainsFunc(words, func(word string) bool { return endsFold(name, word) })
}

// countedTokens are the words in front of a token that is a part of a text, or that says where a list goes on.
var countedTokens = strings.Fields(`page next continuation continue sync skip start num number max min total count eos
	bos pad unk unexpected expected unrecognized unrecognised unknown illegal unterminated unmatched`)

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
