package jsontext

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"unicode/utf8"
)

// Eight bytes are looked at at once. Every byte at every place must count as it does alone.
func TestEveryByteAtEveryPlace(t *testing.T) {
	for c := range 256 {
		for at := range 20 {
			text := strings.Repeat("x", at) + string([]byte{byte(c)}) + strings.Repeat("y", 19-at)
			want := len(text)
			if c < ' ' || c > '~' || c == '"' || c == '\\' {
				want = at
			}
			if got := plainRun(text); got != want {
				t.Errorf("byte %#x at %d: %d bytes are plain, want %d", c, at, got, want)
			}
		}
	}
}

func TestNumbers(t *testing.T) {
	for f, want := range map[float64]string{
		0: "0", math.Copysign(0, -1): "-0", -3: "-3", 0.25: "0.25", 1<<53 + 2: "9007199254740994",
		1e-7: "1e-07", 1e21: "1e+21",
		5e-324: "5e-324", math.MaxFloat64: "1.7976931348623157e+308",
	} {
		if got := string(AppendFloat(nil, f)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestNothingIsAllocated(t *testing.T) {
	out := make([]byte, 0, 100)
	if n := testing.AllocsPerRun(100, func() {
		out = AppendFloat(AppendString(out[:0], "\x00 \xff \"quotes\" 😀"), 1e-9)
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// FuzzJSON: what is appended is printable ASCII, and encoding/json reads the text and the number in it.
func FuzzJSON(f *testing.F) {
	f.Add("zażółć 漢字 🙈 \u2028 \x1b[31m", 0.1)
	f.Add("a\xffb\xed\xa0\x80\"\\\x00", 1e300)
	f.Fuzz(func(t *testing.T, text string, number float64) {
		if math.IsNaN(number) || math.IsInf(number, 0) {
			return
		}
		quoted, digits := AppendString(nil, text), AppendFloat(nil, number)
		for _, c := range string(quoted) + string(digits) {
			if c < ' ' || c > '~' {
				t.Fatalf("%#x is in %q", c, quoted)
			}
		}
		var got string
		if err := json.Unmarshal(quoted, &got); err != nil || utf8.ValidString(text) && got != text {
			t.Errorf("%s is read as %q, error %v, want %q", quoted, got, err, text)
		}
		var back float64
		if err := json.Unmarshal(digits, &back); err != nil || math.Float64bits(back) != math.Float64bits(number) {
			t.Errorf("%s is read as %v, error %v, want %v", digits, back, err, number)
		}
	})
}
