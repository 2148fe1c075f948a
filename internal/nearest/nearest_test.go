package nearest

import (
	"fmt"
	"testing"
)

func ExampleWord() {
	flags := []string{"otlp-endpoint", "otlp-insecure", "service"}
	fmt.Println(Word("otlp-endpont", flags), Word("otlp_insecure", flags), Word("endpoint", flags))
	fmt.Printf("%q\n", Word("colour", flags))
	// Output:
	// otlp-endpoint otlp-insecure otlp-endpoint
	// ""
}

func TestWord(t *testing.T) {
	words := []string{"auto", "always", "never", "max-retries", "max-delay", "base-delay", "größe"}
	for _, c := range []struct{ typed, want string }{
		{"atuo", "auto"}, // swapped
		{"alwas", "always"},
		{"allways", "always"},
		{"nevet", "never"},
		{"AUTO", "auto"},
		{"max_retries", "max-retries"},
		{"max-retires", "max-retries"},
		{"retries", "max-retries"},
		{"delay", ""}, // of two
		{"grösse", "größe"},
		{"", ""},
		{" ", ""},
		{"zebra", ""},
		{"evern", ""}, // two letters from never
		{"x", ""},
	} {
		if got := Word(c.typed, words); got != c.want {
			t.Errorf("%q: got %q, want %q", c.typed, got, c.want)
		}
	}
	if got := Ask("zebra", words); got != "" {
		t.Errorf("asked %q", got)
	}
	if got, want := Ask("nver", words), " (did you mean never?)"; got != want {
		t.Errorf("asked %q, want %q", got, want)
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"abc", "", 3},
		{"abc", "abc", 0},
		{"abcd", "abdc", 1},
		{"kitten", "sitting", 3},
		{"ab", "ba", 1},
		{"ca", "abc", 3},
	} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("%q to %q: got %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func FuzzWord(f *testing.F) {
	f.Add("a", "b")
	f.Fuzz(func(t *testing.T, a, b string) {
		if d := distance(a, b); d != distance(b, a) || (d == 0) != (string([]rune(a)) == string([]rune(b))) {
			t.Errorf("%q and %q: %d there, %d back", a, b, d, distance(b, a))
		}
		if got := Word(a, []string{b}); got != "" && got != b {
			t.Errorf("%q is none of the words", got)
		}
	})
}
