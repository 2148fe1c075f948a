package text

import "testing"

const (
	unavailable = "GET /prices: 503 Service Unavailable"
	refused     = `Get "http://127.0.0.1:38229/prices": dial tcp 127.0.0.1:38229: connect: connection refused`
	reset       = `Get "http://127.0.0.1:38229/prices": read tcp 127.0.0.1:51112->127.0.0.1:38229: read: connection reset by peer`
	slow        = `Get "http://127.0.0.1:38229/prices": context deadline exceeded`
)

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
		{"gave up after 2 attempts: exit code 7 (first: exit code 8: bad day)", 20, "exit code 7 (first:…"},
		{"gave up: exit 7 (first: exit 8)", 25, "exit 7 (first: exit 8)"},
		{"get (a: b): c) d: refused", 10, "refused"},
		{"ends with a colon: ", 10, "ends with…"},
	} {
		if got := Shorten(Line(c.in), c.w, "…"); got != c.want {
			t.Errorf("Shorten(%q, %d) is %q, want %q", c.in, c.w, got, c.want)
		}
	}
}
