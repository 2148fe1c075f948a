package text

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestMessagesAreOurs(t *testing.T) {
	for _, c := range []struct {
		format string
		arg    any
		want   string
	}{
		{"backspan: %v\n", errors.New("plain"), "backspan: plain\n"},
		{"\nbackspan: %s\n", "two\nlines\n", "\nbackspan: two\n  | lines\n"},
		{"backspan: %s\n", "x\nbackspan: forged", "backspan: x\n  | backspan: forged\n"},
		{"backspan: %s\n", "x\r\n::error::forged", "backspan: x\n  | ::error::forged\n"},
		{"%s: not there\n", "::error::forged", "  | ::error::forged: not there\n"},
		{"%s: not there\n", " \t::error::forged", "  |  \t::error::forged: not there\n"},
		{"backspan: %s", "##[error]forged ###[x]", "backspan: # #[error]forged ## #[x]"},
		{"backspan: %s\n", "\x1b]0;pwn\x07a\x1b[2Jb\u009b", "backspan: ab⟨U+009B⟩\n"},
		{"backspan: %q\n", "\x1b[2J\n\u202e", `backspan: "\x1b[2J\n\u202e"` + "\n"},
		{"%s", "", ""},
		{"\n%s", "", "\n"},
	} {
		if got := Sprintf(c.format, c.arg); got != c.want {
			t.Errorf("%q with %q is %q, want %q", c.format, c.arg, got, c.want)
		}
	}
}

func TestJSONIsSafeAndTheSame(t *testing.T) {
	const value = "plain é 日本 \x1b\u007f\u009b\u202e\u2028\U000e0001 ##[error] \u200d"
	encoded, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	safe := JSON(encoded)
	var got string
	if err := json.Unmarshal(safe, &got); err != nil || got != value {
		t.Errorf("%s is %q (%v), want %q", safe, got, err, value)
	}
	if i := strings.IndexFunc(string(safe), func(r rune) bool { return r == 0x7f || r > 0x7f && hidden(r) }); i >= 0 {
		t.Errorf("%q has %q as it is", safe, string(safe)[i:i+1])
	}
	if !strings.Contains(string(safe), "é 日本") || strings.Contains(string(safe), "##[") {
		t.Errorf("%s", safe)
	}
	if broken := JSON([]byte("\"a\x9b\"")); !utf8.Valid(broken) {
		t.Errorf("%q", broken)
	}
}

func FuzzSprintf(f *testing.F) {
	f.Add("\x1b]0;pwn\x07\n::error::x")
	f.Fuzz(func(t *testing.T, arg string) {
		got := Sprintf("%s\n", arg)
		for line := range strings.SplitSeq(strings.TrimSuffix(got, "\n"), "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "::") || strings.Contains(line, "##[") {
				t.Errorf("%q has the line %q", arg, line)
			}
		}
		for _, r := range got {
			if r != '\n' && r != '\t' && (unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Bidi_Control, r)) {
				t.Errorf("%q becomes %q, with %q", arg, got, r)
			}
		}
	})
}
