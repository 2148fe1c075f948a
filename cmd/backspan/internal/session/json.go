package session

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxDepth is how deep JSON may be nested. Spans need 12 levels, and 2 more for each list in an attribute.
const maxDepth = 1000

// A jsonReader goes through a JSON text once and makes values of what is asked for; the rest it goes over. Everything
// that it returns fails from the first fault on, so a loop over a damaged text ends. It is a little more tolerant than
// encoding/json, which needs many times the memory: numbers and the control characters in strings are not checked.
//
//	for key := range r.members {
//		switch string(key) { … default: r.skip() }
//	}
type jsonReader struct {
	data  []byte
	at    int
	depth int
	fresh bool   // nothing of the innermost object or array has been read
	want  string // what is missing at; empty: no fault
}

func (r *jsonReader) bad() bool { return r.want != "" }

func (r *jsonReader) fail(want string) {
	if !r.bad() {
		r.want = want
	}
}

// err is the fault, nil for none.
func (r *jsonReader) err() error {
	if !r.bad() {
		return nil
	}
	rest := r.data[min(r.at, len(r.data)):]
	return fmt.Errorf("byte %d: want %s, got %.40q", r.at+1, r.want, rest)
}

// peek is the next byte that is no white space; 0 at the end and after a fault.
func (r *jsonReader) peek() byte {
	for ; r.at < len(r.data) && !r.bad(); r.at++ {
		if c := r.data[r.at]; !isSpace(c) {
			return c
		}
	}
	return 0
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// open begins an object or an array, as c says. A null in its place is none, and no fault.
func (r *jsonReader) open(c byte) bool {
	switch got := r.peek(); {
	case got == 'n' && string(r.token()) == "null":
		return false
	case got != c:
		r.fail("{ or [ or null")
		return false
	case r.depth == maxDepth:
		r.fail("no more than 1000 levels")
		return false
	}
	r.at, r.depth, r.fresh = r.at+1, r.depth+1, true
	return true
}

// more moves to the next member of the object or array that ends with end.
func (r *jsonReader) more(end byte) bool {
	c := r.peek()
	fresh := r.fresh
	r.fresh = false
	switch {
	case r.bad():
		return false
	case c == end:
		r.at, r.depth = r.at+1, r.depth-1
		return false
	case fresh:
		return true
	case c != ',':
		r.fail("a comma or the end of the object or array")
		return false
	}
	r.at++
	return true
}

// members goes through an object. For each key the value has to be read.
func (r *jsonReader) members(yield func(key []byte) bool) {
	for ok := r.open('{'); ok && r.more('}'); {
		if key := r.key(); r.bad() || !yield(key) {
			return
		}
	}
}

// elements goes through an array. Each element has to be read.
func (r *jsonReader) elements(yield func() bool) {
	for ok := r.open('['); ok && r.more(']'); {
		if !yield() {
			return
		}
	}
}

// key is the key of a member, as it is spelled.
func (r *jsonReader) key() []byte {
	key, _ := r.str()
	if r.peek() != ':' {
		r.fail("a colon")
		return nil
	}
	r.at++
	return key
}

// str is what is between the quotes of a string.
func (r *jsonReader) str() (raw []byte, escaped bool) {
	if r.peek() != '"' {
		r.fail("a string")
		return nil, false
	}
	start := r.at + 1
	for end := start; ; end++ {
		n := bytes.IndexByte(r.data[end:], '"')
		if n < 0 {
			r.fail("a string with an end")
			return nil, false
		}
		end += n
		raw = r.data[start:end]
		if slashes := len(raw) - len(bytes.TrimRight(raw, `\`)); slashes%2 == 0 {
			r.at = end + 1
			return raw, bytes.IndexByte(raw, '\\') >= 0
		}
	}
}

// text is a string without its escapes, valid for as long as the data is; empty for null.
func (r *jsonReader) text() []byte {
	if r.peek() == 'n' && string(r.token()) == "null" {
		return nil
	}
	start := r.at
	raw, escaped := r.str()
	if !escaped && utf8.Valid(raw) || r.bad() {
		return raw
	}
	var text string
	if json.Unmarshal(r.data[start:r.at], &text) != nil {
		r.at = start
		r.fail("a string whose escapes exist")
	}
	return []byte(text)
}

// token is a number or a word, or a run of what is neither.
func (r *jsonReader) token() []byte {
	start := r.at
	for r.at < len(r.data) && strings.IndexByte(",]}: \t\r\n\"[{", r.data[r.at]) < 0 {
		r.at++
	}
	return r.data[start:r.at]
}

// scalar is a number, a word or what is between the quotes of a string: protobuf's JSON has numbers either way.
func (r *jsonReader) scalar() []byte {
	switch r.peek() {
	case '"':
		raw, _ := r.str()
		return raw
	case '{', '[':
		r.fail("a number or a string")
		return nil
	}
	start := r.at
	token := r.token()
	if !isScalar(token) {
		r.at = start
		r.fail("a value")
	}
	return token
}

func isScalar(token []byte) bool {
	switch string(token) {
	case "true", "false", "null":
		return true
	}
	for _, c := range token {
		if (c < '0' || c > '9') && c != '+' && c != '-' && c != '.' && c != 'e' && c != 'E' {
			return false
		}
	}
	return len(token) > 0
}

// skip goes over a value.
func (r *jsonReader) skip() {
	switch r.peek() {
	case '{':
		for range r.members {
			r.skip()
		}
	case '[':
		for range r.elements {
			r.skip()
		}
	default:
		r.scalar()
	}
}

// raw goes over a value, and returns it as it is spelled.
func (r *jsonReader) raw() []byte {
	r.peek()
	start := r.at
	r.skip()
	return r.data[start:r.at]
}

// end reports whether there is nothing more.
func (r *jsonReader) end() bool {
	if !r.bad() && (r.peek() != 0 || r.at < len(r.data)) {
		r.fail("the end of the line")
	}
	return !r.bad()
}
