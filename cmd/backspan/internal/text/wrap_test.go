package text_test

import (
	"testing"

	"github.com/backspan/backspan/cmd/backspan/internal/text"
)

func TestWrap(t *testing.T) {
	for _, c := range []struct{ said, first, rest, want string }{
		{"", "", "", "\n"},
		{"one two  three", "", "", "one two\nthree\n"},
		{"one two three", "", "  ", "one two\n  three\n"},
		{"one two three", "- ", "  ", "- one two\n  three\n"},
		{"one abcdefghijkl x", "- ", "  ", "- one\n  abcdefghijkl\n  x\n"},
		{"漢字 漢字 漢字", "", "", "漢字 漢字\n漢字\n"},
	} {
		if got := text.Wrap(c.said, c.first, c.rest, 9); got != c.want {
			t.Errorf("%q behind %q: got %q, want %q", c.said, c.first, got, c.want)
		}
	}
}
