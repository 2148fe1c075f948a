package waterfall

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

func TestClean(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "connection refused", "connection refused"},
		{"empty", "", ""},
		{"lines", "a\nb\r\nc\td", "a b c d"},
		{"spaces around", "  a  b ", "a b"},
		{"no-break and ideographic spaces", "a\u00a0b\u3000c\u2028d", "a b c d"},
		{"colours", "\x1b[1;31mred\x1b[0m", "red"},
		{"cursor and screen", "a\x1b[2J\x1b[Hb\x1b[?25lc", "abc"},
		{"title, ended by BEL", "a\x1b]0;evil\x07b", "ab"},
		{"link, ended by ST", "a\x1b]8;;http://x\x1b\\b", "ab"},
		{"device control", "a\x1bP1$r0m\x1b\\b", "ab"},
		{"title without end hides nothing", "a\x1b]0;see me", "a0;see me"},
		{"control sequence without end", "a\x1b[31", "a31"},
		{"escape alone", "a\x1b", "a"},
		{"other escapes", "a\x1bcb\x1b7c", "abc"},
		{"eight-bit control sequence", "a\u009b31mb", "ab"},
		{"raw eight-bit byte", "a\x9b31mb", "a\ufffd31mb"},
		{"NUL, BEL, DEL", "a\x00b\x07c\x7fd", "a\ufffdb\ufffdc\ufffdd"},
		{"invalid UTF-8", "a\xff\xfeb", "a\ufffd\ufffdb"},
		{"half a rune", "a\xe4\xb8", "a\ufffd\ufffd"},
		{"a surrogate", "a\xed\xa0\x80b", "a\ufffd\ufffd\ufffdb"},
		{"turned text", "a\u202etxt.exe\u202c\u2066b\u2069", "atxt.exeb"},
		{"zero width", "a\u200bb\ufeffc\u00add", "abcd"},
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
		{"a space after accents", "e" + strings.Repeat("\u0301", 9) + " \u0301x", "e" + strings.Repeat("\u0301", maxMarks) + " x"},
		{"Hebrew", "שלום", "שלום"},
		{"invisible letters", "a\u3164b\u115fc", "abc"},
		{"private use", "a\ue0b0b", "a\ufffdb"},
		{"tag letters", "a\U000e0041b", "ab"},
	} {
		if got := clean(c.in); got != c.want {
			t.Errorf("%s: clean(%q) is %q, want %q", c.name, c.in, got, c.want)
		}
	}
}

func TestCleanKeepsBothEndsOfLongText(t *testing.T) {
	got := clean("the beginning " + strings.Repeat("x", 1<<20) + ": the end")
	if len(got) > 3*keptBytes || !strings.HasPrefix(got, "the beginning ") || !strings.HasSuffix(got, ": the end") {
		t.Errorf("got %d bytes, %.20q … %q", len(got), got, got[len(got)-20:])
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"a\x1b[31mb", "\x1b]0;x\x07", "e\u0301", "👨\u200d👩", "\u202e", "\xff", "接続", "שלום", "\x1bP\x1b\\"} {
		f.Add(s, 10)
	}
	f.Fuzz(func(t *testing.T, s string, w int) {
		c := clean(s)
		if !utf8.ValidString(c) {
			t.Errorf("clean(%q) is invalid: %q", s, c)
		}
		for _, r := range c {
			if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.IsSpace(r) && r != ' ' {
				t.Errorf("clean(%q) lets %U through", s, r)
			}
		}
		if again := clean(c); len(c) < keptBytes && again != c {
			t.Errorf("clean(%q) is %q, and of that %q", s, c, again)
		}
		// Counting letter by letter must agree with terminals that join what belongs together.
		if got, want := width(c), runewidth.StringWidth(c); got < want {
			t.Errorf("width(%q) is %d, go-runewidth says %d", c, got, want)
		}
		w = w % 100
		if w < 0 {
			w = -w
		}
		for _, ellipsis := range []string{"…", "..."} {
			if got := cut(c, w, ellipsis); width(got) > w {
				t.Errorf("cut(%q, %d) is %q, %d columns", c, w, got, width(got))
			}
			if got := shorten(c, w, ellipsis); width(got) > w {
				t.Errorf("shorten(%q, %d) is %q, %d columns", c, w, got, width(got))
			}
		}
		if a := asciiOnly(c); strings.ContainsFunc(a, func(r rune) bool { return r >= utf8.RuneSelf }) {
			t.Errorf("asciiOnly(%q) is %q", c, a)
		}
	})
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		in   string
		w    int
		want string
	}{
		{"abc", 3, "abc"},
		{"abcd", 3, "ab…"},
		{"ab cd", 4, "ab…"}, // no space before the ellipsis
		{"接続が拒否", 10, "接続が拒否"},
		{"接続が拒否", 9, "接続が拒…"},
		{"接続が拒否", 8, "接続が…"}, // half a letter is none
		{"abc", 1, "…"},
		{"abc", 0, ""},
		{"abc", -1, ""},
	} {
		if got := cut(c.in, c.w, "…"); got != c.want {
			t.Errorf("cut(%q, %d) is %q, want %q", c.in, c.w, got, c.want)
		}
	}
	if got, want := cut("abcdef", 2, "..."), ".."; got != want {
		t.Errorf("cut to less than the ellipsis is %q, want %q", got, want)
	}
}

func TestShorten(t *testing.T) {
	for _, c := range []struct {
		in   string
		w    int
		want string
	}{
		{refused, 200, refused},
		{refused, 40, "connection refused"},
		{refused, 10, "connectio…"},
		{reset, 30, "connection reset by peer"},
		{slow, 30, "context deadline exceeded"},
		{unavailable, 30, "503 Service Unavailable"},
		{"open /etc/backspan/a-long-name.yaml: permission denied", 30, "permission denied"},
		{"lookup api.example.com: no such host", 20, "no such host"},
		{"a message without any way", 10, "a message…"},
		{"ends with a colon: ", 10, "ends with…"},
	} {
		if got := shorten(clean(c.in), c.w, "…"); got != c.want {
			t.Errorf("shorten(%q, %d) is %q, want %q", c.in, c.w, got, c.want)
		}
	}
}

func TestFormatDuration(t *testing.T) {
	for _, c := range []struct {
		d    time.Duration
		want string
	}{
		{0, "0s"},
		{1, "0ms"},
		{120 * time.Microsecond, "0.12ms"},
		{999 * time.Microsecond, "1ms"},
		{1500 * time.Microsecond, "1.5ms"},
		{9940 * time.Microsecond, "9.9ms"},
		{35 * time.Millisecond, "35ms"},
		{999400 * time.Microsecond, "999ms"},
		{999600 * time.Microsecond, "1s"},
		{time.Second, "1s"},
		{1250 * time.Millisecond, "1.25s"},
		{2804 * time.Millisecond, "2.8s"},
		{9994 * time.Millisecond, "9.99s"},
		{9996 * time.Millisecond, "10s"},
		{30 * time.Second, "30s"},
		{59949 * time.Millisecond, "59.9s"},
		{59951 * time.Millisecond, "1m"},
		{63 * time.Second, "1m3s"},
		{time.Hour - time.Millisecond, "60m"},
		{time.Hour, "1h"},
		{125 * time.Minute, "2h5m"},
		{76 * time.Hour, "3d4h"},
		{-2 * time.Second, "-2s"},
		{-1 << 63, "-0ms"},
	} {
		if got := formatDuration(c.d); got != c.want {
			t.Errorf("formatDuration(%d) is %q, want %q", c.d, got, c.want)
		}
		if c.d > 0 && len(formatDuration(c.d)) > 6 {
			t.Errorf("formatDuration(%d) is %q, wider than 6", c.d, formatDuration(c.d))
		}
	}
}
