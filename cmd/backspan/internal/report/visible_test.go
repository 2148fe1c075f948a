package report

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestVisible(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "connection refused", "connection refused"},
		{"markup is for the page to escape", `</script><img src=x onerror="alert(1)">`, `</script><img src=x onerror="alert(1)">`},
		{"lines and tabs stay", "a\n\tb\r\nc", "a\n\tb\nc"},
		{"a NUL", "a\x00b", "a␀b"},
		{"an escape sequence", "\x1b[31mred\x07", "␛[31mred␇"},
		{"a carriage return that would overwrite", "good\rbad", "good␍bad"},
		{"C1 controls", "a\u009bb", "a⟨U+009B⟩b"},
		{"text turned around", "\u202egnp.exe\u202c", "⟨U+202E⟩gnp.exe⟨U+202C⟩"},
		{"isolates", "\u2066a\u2069", "⟨U+2066⟩a⟨U+2069⟩"},
		{"nothing to see", "a\u200bb\ufeffc\u00add", "a⟨U+200B⟩b⟨U+FEFF⟩c⟨U+00AD⟩d"},
		{"invisible tags", "a\U000e0041", "a⟨U+E0041⟩"},
		{"line separators", "a\u2028b", "a⟨U+2028⟩b"},
		{"broken UTF-8", "a\xffb\xc3", "a\ufffdb\ufffd"},
		{"other scripts", "שלום 日本語 می‌خواهم 👩‍🚀 é", "שלום 日本語 می‌خواهم 👩‍🚀 é"},
		{"a tower of marks", "a" + strings.Repeat("\u0301", 50), "a" + strings.Repeat("\u0301", maxMarks)},
		{"a mark on nothing", "\u0301a", "a"},
	} {
		if got := visible(c.in, maxText); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestVisibleKeepsBothEndsOfLongText(t *testing.T) {
	long := "begin " + strings.Repeat("ä", 1<<20) + " end"
	got := visible(long, 1000)
	if len(got) > 1100 || !strings.HasPrefix(got, "begin ä") || !strings.HasSuffix(got, "ä end") {
		t.Errorf("%d bytes: %.20q … %q", len(got), got, got[len(got)-20:])
	}
	if !strings.Contains(got, "bytes left out") || !utf8.ValidString(got) || strings.ContainsRune(got, utf8.RuneError) {
		t.Errorf("it does not say that something is missing, or cuts a letter: %q", got)
	}
}

func FuzzVisible(f *testing.F) {
	for _, s := range []string{"", "a\x00\x1b[2J\u202e\u2028\xff</script>", strings.Repeat("\u0301", 9), strings.Repeat("é", 40)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := visible(s, 64)
		if !utf8.ValidString(got) {
			t.Errorf("%q: not UTF-8: %q", s, got)
		}
		for _, r := range got {
			if r != '\n' && r != '\t' && (unicode.IsControl(r) || hidden(r)) {
				t.Errorf("%q: %U is in %q", s, r, got)
			}
		}
		if len(s) <= 64 && plain(s) && got != s {
			t.Errorf("%q became %q", s, got)
		}
	})
}
