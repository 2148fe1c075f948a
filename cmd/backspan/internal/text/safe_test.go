package text

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

func TestSafe(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "connection refused", "connection refused"},
		{
			"markup is for the page to escape", `</script><img src=x onerror="alert(1)">`,
			`</script><img src=x onerror="alert(1)">`,
		},
		{"lines and tabs stay", "a\n\tb\r\nc", "a\n\tb\nc"},
		{"a NUL", "a\x00b", "a␀b"},
		{"an escape sequence", "\x1b[31mred\x07", "red␇"},
		{"a carriage return that would overwrite", "good\rbad", "good␍bad"},
		{"C1 controls", "a\u0085b", "a⟨U+0085⟩b"},
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
		if got := Safe(c.in, MaxText); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestSafeKeepsBothEndsOfLongText(t *testing.T) {
	long := "begin " + strings.Repeat("ä", 1<<20) + " end"
	got := Safe(long, 1000)
	if len(got) > 1100 || !strings.HasPrefix(got, "begin ä") || !strings.HasSuffix(got, "ä end") {
		t.Errorf("%d bytes: %.20q … %q", len(got), got, got[len(got)-20:])
	}
	if !strings.Contains(got, "bytes left out") || !utf8.ValidString(got) || strings.ContainsRune(got, utf8.RuneError) {
		t.Errorf("it does not say that something is missing, or cuts a letter: %q", got)
	}
}

func FuzzSafe(f *testing.F) {
	for _, s := range []string{
		"", "a\x00\x1b[2J\u202e\u2028\xff</script>", strings.Repeat("\u0301", 9), strings.Repeat("é", 40),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Safe(s, 64)
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

func TestLine(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "connection refused", "connection refused"},
		{"empty", "", ""},
		{"lines", "a\nb\r\nc\td", "a b c d"},
		{"spaces around", "  a  b ", "a b"},
		{"no-break and ideographic spaces", "a\u00a0b\u3000c", "a b c"},
		{"colours", "\x1b[1;31mred\x1b[0m", "red"},
		{"cursor and screen", "a\x1b[2J\x1b[Hb\x1b[?25lc", "abc"},
		{"title, ended by BEL", "a\x1b]0;evil\x07b", "ab"},
		{"link, ended by ST", "a\x1b]8;;http://x\x1b\\b", "ab"},
		{"device control", "a\x1bP1$r0m\x1b\\b", "ab"},
		{"title without end hides nothing", "a\x1b]0;see me", "a␛]0;see me"},
		{"control sequence without end", "a\x1b[31", "a␛[31"},
		{"a title cut off by the end of its line", "a\x1b]: disk failure\nb\x07", "a␛]: disk failure b␇"},
		{"a title cut off by another sequence", "a\x1b]: disk\x1b[31m failure\x07", "a␛]: disk failure␇"},
		{"a device control cut off by a line", "\x1bPdisk failure\r\nb\x1b\\", "␛Pdisk failure b"},
		{"a control sequence cut off before a colon", "\x1b[: disk failure", "␛[: disk failure"},
		{"a control sequence cut off before a word", "\x1b[ 12 disks failed", "␛[ 12 disks failed"},
		{"an eight-bit one cut off before a colon", "\u009b: disk failure", "⟨U+009B⟩: disk failure"},
		{"a cursor's shape and a colour with colons", "a\x1b[2 q\x1b[38:2::255:0:0mb", "ab"},
		{"escape alone", "a\x1b", "a␛"},
		{"other escapes", "a\x1bcb\x1b7c", "abc"},
		{"eight-bit control sequence", "a\u009b31mb", "ab"},
		{"raw eight-bit byte", "a\x9b31mb", "a\ufffd31mb"},
		{"NUL, BEL, DEL", "a\x00b\x07c\x7fd", "a␀b␇c␡d"},
		{"invalid UTF-8", "a\xff\xfeb", "a\ufffd\ufffdb"},
		{"half a rune", "a\xe4\xb8", "a\ufffd\ufffd"},
		{"a surrogate", "a\xed\xa0\x80b", "a\ufffd\ufffd\ufffdb"},
		{"turned text", "a\u202etxt.exe\u202c\u2066b\u2069", "a⟨U+202E⟩txt.exe⟨U+202C⟩⟨U+2066⟩b⟨U+2069⟩"},
		{"zero width", "a\u200bb\ufeffc\u00add", "a⟨U+200B⟩b⟨U+FEFF⟩c⟨U+00AD⟩d"},
		{"CJK", "接続が拒否されました", "接続が拒否されました"},
		{"emoji", "💥 boom", "💥 boom"},
		{"a family", "👨\u200d👩\u200d👧", "👨👩👧"},
		{"a skin tone", "👍🏽", "👍"},
		{"emoji presentation", "❤\ufe0f", "❤"},
		{"a keycap", "1\ufe0f\u20e3", "1"},
		{"a flag", "🇩🇪", "DE"},
		{"accents", "e\u0301a\u0308", "e\u0301a\u0308"},
		{"accents without a letter", "\u0301\u0308a", "a"},
		{"too many accents", "e" + strings.Repeat("\u0301", 40) + "x", "e" + strings.Repeat("\u0301", maxMarks) + "x"},
		{
			"a space after accents", "e" + strings.Repeat("\u0301", 9) + " \u0301x",
			"e" + strings.Repeat("\u0301", maxMarks) + " x",
		},
		{"Hebrew", "שלום", "שלום"},
		{"invisible letters", "a\u3164b\u115fc", "a⟨U+3164⟩b⟨U+115F⟩c"},
		{"private use", "a\ue0b0b", "a\ufffdb"},
		{"tag letters", "a\U000e0041b", "a⟨U+E0041⟩b"},
	} {
		if got := Line(c.in); got != c.want {
			t.Errorf("%s: Line(%q) is %q, want %q", c.name, c.in, got, c.want)
		}
	}
}

func TestLineKeepsBothEndsOfLongText(t *testing.T) {
	got := Line("the beginning " + strings.Repeat("x", 1<<20) + ": the end")
	if len(got) > 3*maxLine || !strings.HasPrefix(got, "the beginning ") || !strings.HasSuffix(got, ": the end") {
		t.Errorf("got %d bytes, %.20q … %q", len(got), got, got[len(got)-20:])
	}
}

func FuzzLine(f *testing.F) {
	for _, s := range []string{
		"a\x1b[31mb", "\x1b]0;x\x07", "e\u0301", "👨\u200d👩", "\u202e", "\xff", "接続", "שלום", "\x1bP\x1b\\",
	} {
		f.Add(s, 10)
	}
	f.Fuzz(func(t *testing.T, s string, w int) {
		c := Line(s)
		if !utf8.ValidString(c) {
			t.Errorf("Line(%q) is invalid: %q", s, c)
		}
		for _, r := range c {
			if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.IsSpace(r) && r != ' ' {
				t.Errorf("Line(%q) lets %U through", s, r)
			}
		}
		if again := Line(c); len(c) < maxLine && again != c {
			t.Errorf("Line(%q) is %q, and of that %q", s, c, again)
		}
		// Counting letter by letter must agree with terminals that join what belongs together.
		if got, want := Width(c), runewidth.StringWidth(c); got < want {
			t.Errorf("Width(%q) is %d, go-runewidth says %d", c, got, want)
		}
		w = w % 100
		if w < 0 {
			w = -w
		}
		for _, ellipsis := range []string{"…", "..."} {
			if got := Cut(c, w, ellipsis); Width(got) > w {
				t.Errorf("Cut(%q, %d) is %q, %d columns", c, w, got, Width(got))
			}
			if got := Shorten(c, w, ellipsis); Width(got) > w {
				t.Errorf("Shorten(%q, %d) is %q, %d columns", c, w, got, Width(got))
			}
		}
		if a := ASCII(c); strings.ContainsFunc(a, func(r rune) bool { return r >= utf8.RuneSelf }) {
			t.Errorf("ASCII(%q) is %q", c, a)
		}
	})
}

// Eight bytes are looked at at once. Every byte at every place must count as it does alone.
func TestPlainLooksAtEveryByte(t *testing.T) {
	for c := range 256 {
		want := c == '\n' || c == '\t' || c >= ' ' && c < 0x7f
		for at := range 20 {
			s := strings.Repeat("x", at) + string([]byte{byte(c)}) + strings.Repeat("y", 19-at)
			if got := plain(s); got != want {
				t.Errorf("byte %#x at %d: plain is %t, want %t", c, at, got, want)
			}
			if got := plain([]byte(s)); got != want {
				t.Errorf("byte %#x at %d, in a slice: plain is %t, want %t", c, at, got, want)
			}
		}
	}
}
