package events

import (
	"strings"
	"testing"
)

// Eight bytes are looked at at once. Every byte at every place must count as it does alone.
func TestEveryByteAtEveryPlace(t *testing.T) {
	for c := range 256 {
		for at := range 20 {
			text := strings.Repeat("x", at) + string([]byte{byte(c)}) + strings.Repeat("y", 19-at)
			for _, rest := range []string{"", `, "more": 1`} { // within the last eight bytes and before them
				raw := `"` + text + `"` + rest
				want := len(text) + 2
				switch {
				case c == '"':
					want = at + 2
				case c < ' ' || c >= 0x80 || c == '\\':
					want = 0 // a lone backslash is no escape before a letter y, nor before the quote
				}
				if got := max(0, str([]byte(raw), 0)); got != want && !(c == '\\' && at == 19) {
					t.Errorf("byte %#x at %d: a string of %d bytes, want %d", c, at, got, want)
				}
			}
		}
	}
}

// What the scanner takes for a string, a number or a word is what JSON has.
func TestScannerValues(t *testing.T) {
	for _, good := range []string{
		`""`, `"a"`, `"\""`, `"\\"`, `"\/\b\f\n\r\t"`, `"\u00e9\uD83D\uDE00"`, `"1234567\"12345678"`, `"\u0000"`,
		"0", "-0", "1", "-1", "10", "1.5", "0.001", "1e5", "1E-5", "1.25e+10", "true", "false", "null",
	} {
		if end := value([]byte(good+", "), 0); end != len(good) {
			t.Errorf("%s ends at %d, want %d", good, end, len(good))
		}
	}
	for _, bad := range []string{
		"", `"`, `"abc`, `"\"`, `"\x"`, `"\u12"`, `"\u123g"`, `"\u12`, `"\`, "\"a\nb\"", "\"\x7f\xff\"", `"1234567\x`,
		"01", "-", "+1", ".5", "1.", "1e", "1e+", "--1", "-a", "tru", "nul", "True", "nan", "{", "[", "{}", "[1]",
	} {
		if end := value([]byte(bad), 0); end == len(bad) {
			t.Errorf("%q is read as a value", bad)
		}
	}
}
