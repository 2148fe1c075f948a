package command

import (
	"strings"
	"testing"
)

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
		{"a command without an end hides nothing", "a\x1b[31", 3, 100, "a[31"},
		{"a title without an end", "\x1b]: disk failure\n", 3, 100, "]: disk failure"},
		{"a title that ends in another line", "\x1b]: disk failure\na\x07\n", 3, 100, "]: disk failure\na"},
		{"a control sequence without an end", "\x1b[: disk failure\n", 3, 100, "[: disk failure"},
		{"progress bar", " 10%\r 50%\r100%\r\ndone\r\n", 3, 100, "100%\ndone"},
		{"typed over", "xyz\b\bab\n", 3, 100, "xab"},
		{"backspace at the beginning", "\b\ba\n", 3, 100, "a"},
		{"no text", "a\xff\xfeb\x00c\n", 3, 100, "abc"},
		{"beyond ASCII", "Überlauf → Ende\n", 3, 100, "Überlauf → Ende"},
		{"too long", "abcde fghij\n", 3, 8, "…fghij"},
		{"cut in a word, which may be a secret", "abc defg hij\n", 3, 10, "…hij"},
		{"one word", "abcdefghij\n", 3, 8, "…"},
		{"cut in a character", "abcdefü ü\n", 3, 8, "…ü"},
		{"a backspan in it", "boom\nbackspan: attempt 2 of 2 failed: exit code 3; giving up\n", 2, 100, "boom"},
		{"a backspan that cannot begin", "backspan: unknown flag\n", 2, 100, "backspan: unknown flag"},
		{"no line wanted", "a\n", 0, 100, ""},
	} {
		if got := lastLines(c.tail, c.n, c.size); got != c.want {
			t.Errorf("%s: lastLines(%q, %d, %d) = %q, want %q", c.name, c.tail, c.n, c.size, got, c.want)
		}
	}
}

func FuzzLastLines(f *testing.F) {
	f.Add("a\x1b[31mb\r\n\xff", 3, 10)
	f.Add("\x1b]0;no end", 3, 10)
	f.Add("\x1b[: no end\n\u009b12", 3, 10)
	f.Fuzz(func(t *testing.T, tail string, n, size int) {
		n, size = n%10, size%100
		got := lastLines(tail, n, size)
		if lines := strings.Count(got, "\n") + 1; n > 0 && lines > n {
			t.Errorf("lastLines(%q, %d, %d) = %q: %d lines", tail, n, size, got, lines)
		}
		if strings.ContainsAny(got, "\x1b\r\x00\b") {
			t.Errorf("lastLines(%q, %d, %d) = %q: has commands to a terminal", tail, n, size, got)
		}
		if size > 3 && len(got) > size {
			t.Errorf("lastLines(%q, %d, %d) = %q: %d bytes", tail, n, size, got, len(got))
		}
		if got := lastLines(tail+"\ndisk failure", 1, 100); got != "disk failure" {
			t.Errorf("after %q the last line is %q, want what stands there", tail, got)
		}
	})
}
