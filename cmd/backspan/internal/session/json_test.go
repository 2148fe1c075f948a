package session

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// FuzzJSON: the end is reached in whatever is JSON, the fault in the rest has a text, and texts are those of
// encoding/json.
func FuzzJSON(f *testing.F) {
	for _, in := range []string{
		``, `null`, `[]`, `{"a": [1, -2.5e+3, "x\"\\", true, {}], "b": "\u00e9\ud83d\ude00"}`,
		`[,]`, `[1,]`, `{"a"}`, `{"a":}`,
		`"\x"`, "\"\xff\"", `"\\\"`, `nul`, ` [ 1 , 2 ] `, `{} {}`, `"a\u`,
		strings.Repeat("[", maxDepth+1), `01`, `"\ud800"`,
	} {
		f.Add([]byte(in))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r := jsonReader{data: in}
		r.skip()
		whole := r.end()
		if err := r.err(); whole != (err == nil) {
			t.Errorf("%q: the end is reached: %v, and the fault is %v", in, whole, err)
		}
		if !json.Valid(in) {
			return
		}
		if deep := bytes.Count(in, []byte{'['})+bytes.Count(in, []byte{'{'}) > maxDepth; !whole && !deep {
			t.Errorf("%q is JSON; %v", in, r.err())
		}
		var want string
		if json.Unmarshal(in, &want) != nil {
			return
		}
		r = jsonReader{data: in}
		if got := string(r.text()); got != want || !r.end() {
			t.Errorf("%q is %q, by encoding/json %q; %v", in, got, want, r.err())
		}
	})
}

func TestJSONFaults(t *testing.T) {
	for in, want := range map[string]string{
		``: `byte 1: want a value, got ""`, `[1`: `byte 3: want a comma or the end of the object or array, got ""`,
		`[,]`: `byte 2: want a value, got ",]"`, `[1,]`: `byte 4: want a value, got "]"`,
		`{"a"}`:  `byte 5: want a colon, got "}"`,
		`{"a":}`: `byte 6: want a value, got "}"`, `{a:1}`: `byte 2: want a string, got "a:1}"`,
		`"a`:    `byte 1: want a string with an end, got "\"a"`,
		`{} {}`: `byte 4: want the end of the line, got "{}"`, `[nul]`: `byte 2: want a value, got "nul]"`,
		"1\x00": `byte 1: want a value, got "1\x00"`,
	} {
		r := jsonReader{data: []byte(in)}
		r.skip()
		r.end()
		if err := r.err(); err == nil || err.Error() != want {
			t.Errorf("%s: the fault is %v, want %s", in, err, want)
		}
	}
}
