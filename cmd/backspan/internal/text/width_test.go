package text

import "testing"

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
		if got := Cut(c.in, c.w, "…"); got != c.want {
			t.Errorf("Cut(%q, %d) is %q, want %q", c.in, c.w, got, c.want)
		}
	}
	if got, want := Cut("abcdef", 2, "..."), ".."; got != want {
		t.Errorf("cut to less than the ellipsis is %q, want %q", got, want)
	}
}
