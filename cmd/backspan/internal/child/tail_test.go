package child

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestTailKeepsTheEnd(t *testing.T) {
	const size = 100
	random := rand.New(rand.NewPCG(1, 2))
	keep := tail{max: size}
	var all strings.Builder
	for range 1000 {
		piece := strings.Repeat(string(rune('a'+random.IntN(26))), random.IntN(2*size))
		keep.add([]byte(piece))
		all.WriteString(piece)
		want := all.String()
		want = want[max(0, len(want)-size):]
		if got := keep.String(); got != want {
			t.Fatalf("after %d bytes the tail is %q, want %q", all.Len(), got, want)
		}
	}
	if cap(keep.buf) > 3*size {
		t.Errorf("%d bytes are held for %d", cap(keep.buf), size)
	}
}

func TestLastLines(t *testing.T) {
	for _, c := range []struct {
		name, tail string
		n, size    int
		want       string
	}{
		{"nothing", "", 3, 100, ""},
		{"one line", "curl: (7) refused\n", 3, 100, "curl: (7) refused"},
		{"no newline at the end", "a\nb", 3, 100, "a\nb"},
		{"the last of several", "a\nb\nc\nd\n", 2, 100, "c\nd"},
		{"blank ones do not count", "a\n\n  \nb\n\n", 2, 100, "a\nb"},
		{"colours", "\x1b[1;31merror\x1b[0m: bad\n", 3, 100, "error: bad"},
		{"title and link", "\x1b]0;title\x07a \x1b]8;;http://x\x1b\\b\n", 3, 100, "a b"},
		{"a command without an end", "a\x1b[31", 3, 100, "a"},
		{"progress bar", " 10%\r 50%\r100%\r\ndone\r\n", 3, 100, "100%\ndone"},
		{"typed over", "xyz\b\bab\n", 3, 100, "xab"},
		{"backspace at the beginning", "\b\ba\n", 3, 100, "a"},
		{"no text", "a\xff\xfeb\x00c\n", 3, 100, "abc"},
		{"beyond ASCII", "Überlauf → Ende\n", 3, 100, "Überlauf → Ende"},
		{"too long", "abcdefghij\n", 3, 8, "…fghij"},
		{"cut in a character", "abcdefüü\n", 3, 6, "…ü"},
		{"no line wanted", "a\n", 0, 100, ""},
	} {
		if got := LastLines(c.tail, c.n, c.size); got != c.want {
			t.Errorf("%s: LastLines(%q, %d, %d) = %q, want %q", c.name, c.tail, c.n, c.size, got, c.want)
		}
	}
}

func FuzzLastLines(f *testing.F) {
	f.Add("a\x1b[31mb\r\n\xff", 3, 10)
	f.Fuzz(func(t *testing.T, tail string, n, size int) {
		n, size = n%10, size%100
		got := LastLines(tail, n, size)
		if lines := strings.Count(got, "\n") + 1; n > 0 && lines > n {
			t.Errorf("LastLines(%q, %d, %d) = %q: %d lines", tail, n, size, got, lines)
		}
		if strings.ContainsAny(got, "\x1b\r\x00\b") {
			t.Errorf("LastLines(%q, %d, %d) = %q: has commands to a terminal", tail, n, size, got)
		}
		if size > 3 && len(got) > size {
			t.Errorf("LastLines(%q, %d, %d) = %q: %d bytes", tail, n, size, got, len(got))
		}
	})
}
