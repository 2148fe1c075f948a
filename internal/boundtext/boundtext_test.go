package boundtext_test

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/backspan/backspan/internal/boundtext"
)

type text string

func (t text) Error() string { return string(t) }

// ring wraps itself.
type ring struct{ text }

func (r ring) Unwrap() error { return r }

func TestError(t *testing.T) {
	refused := errors.New("connection refused")
	page := strings.Repeat("<p>sorry</p>\n", 20)
	for name, c := range map[string]struct {
		err  error
		want string // in 80 bytes
	}{
		"short":             {refused, "connection refused"},
		"nil":               {nil, ""},
		"one invalid byte":  {text("torn \xc3"), "torn \uFFFD"},
		"exactly the limit": {text(strings.Repeat("abcdefg ", 10)), strings.Repeat("abcdefg ", 10)},
		"cause at the end": {
			fmt.Errorf("page %s: %w", page, refused),
			"connection refused … page <p>sorry</p>\n<p>sorry</p>\n<p>sorry</p>\n< (285 bytes)",
		},
		"cause at the start": {
			fmt.Errorf("%w: %s", refused, page),
			"connection refused: <p>sorry</p>\n<p>sorry</p>\n<p>sorry</p>\n<p> … (280 bytes)",
		},
		"no cause": {text(page), "<p>sorry</p>\n<p>sorry</p>\n<p>sorry</p>\n<p>sorry</p>\n<p>sorry</p> … (260 bytes)"},
		"first of a join": {
			fmt.Errorf("%s %w", page, errors.Join(refused, text("other"))),
			"connection refused … <p>sorry</p>\n<p>sorry</p>\n<p>sorry</p>\n<p> (285 bytes)",
		},
		"cause too long": {
			fmt.Errorf("get: %w", fmt.Errorf("%s%w", page, text("last "+page))),
			"last <p>sorry</p>\n<p>sorry</p>\n<p>sorry< … get: <p>sorry</p>\n<p> (530 bytes)",
		},
		"invalid and long": {
			text("torn \xc3 " + page),
			"torn \uFFFD <p>sorry</p>\n<p>sorry</p>\n<p>sorry</p>\n<p>sorry</p>\n<p> … (267 bytes)",
		},
		"a bracket at the end": {
			text("exit code 1: a few words before it (and the reason, which is longer than what fits in here)"),
			"exit code 1: a few words before it … (91 bytes)",
		},
		"a bracket at the start": {
			text("stopped (nested (and closed) and the reason, which is longer than what fits in here)"),
			"stopped (nested (and closed) and the reason, which is longer than … (84 bytes)",
		},
		"one run": {text(strings.Repeat("x", 6143)), "… (6143 bytes)"},
		"wraps itself": {
			ring{text(page)}, "<p>sorry</p>\n<p>sorry</p>\n<p>sorry</p>\n<p>sorry</p>\n<p>sorry</p> … (260 bytes)",
		},
		"a nil pointer": {
			fmt.Errorf("%s%w", page, (*url.Error)(nil)),
			"<p>sorry</p>\n<p>sorry</p>\n<p>sorry</p>\n<p>sorry</p>\n<p>sorry</p> … (318 bytes)",
		},
		"letters of more bytes": {
			text(strings.Repeat("äöü ", 20)), strings.TrimSpace(strings.Repeat("äöü ", 9)) + " … (140 bytes)",
		},
	} {
		got := boundtext.Error(c.err, 80)
		if name == "a nil pointer" { // its length is that of what fmt says of a panic
			got, c.want = got[:50], c.want[:50]
		}
		if got != c.want {
			t.Errorf("%s:\ngot  %q\nwant %q", name, got, c.want)
		}
	}
}

func TestNameAndType(t *testing.T) {
	if got := boundtext.Name("data_load \xff"); got != "data_load \uFFFD" {
		t.Errorf("Name of an invalid name: %q", got)
	}
	long := "GET " + strings.Repeat("/a", 100)
	if got, want := boundtext.Name(long), "GET … (204 bytes)"; got != want {
		t.Errorf("Name of a long name: %q, want %q", got, want)
	}
	if got := boundtext.Type(kind(strings.Repeat("a b ", 40))); len(got) > boundtext.MaxErrorType ||
		!strings.HasPrefix(got, "a b ") {
		t.Errorf("Type of a long kind: %q", got)
	}
}

func TestEnd(t *testing.T) {
	for _, c := range []struct {
		text  string
		limit int
		want  string
	}{
		{"refused", 7, "refused"},
		{"connection refused", 10, "refused"},
		{"connection refused", 7, "refused"},
		{"connection refused", 5, ""},
		{"say (refused)", 9, "(refused)"},
		{"say (refused)", 8, "refused)"},
		{"ä öü", 4, "öü"},
		{"x", 0, ""},
	} {
		if got := boundtext.End(c.text, c.limit); got != c.want {
			t.Errorf("End(%q, %d) = %q, want %q", c.text, c.limit, got, c.want)
		}
	}
}

type kind string

func (kind) Error() string       { return "" }
func (k kind) ErrorType() string { return string(k) }

// Whatever a text is cut from, a secret in it is there as a whole or not at all.
func FuzzATextIsValidBoundedAndKeepsSecretsWhole(f *testing.F) {
	const secret = "hunter2-AKIAIOSFODNN7EXAMPLE"
	f.Add("dial postgres://u:", "@host failed", "cause", uint16(70))
	f.Add(strings.Repeat("\xc3(", 90), "\"", "ä", uint16(64))
	f.Fuzz(func(t *testing.T, before, after, leaf string, size uint16) {
		if strings.Contains(before+after+leaf, "hunter2") {
			return
		}
		limit := 64 + int(size)%4096
		err := fmt.Errorf("%s%s%s%w", before, secret, after, text(leaf+secret+before))
		got := boundtext.Error(err, limit)
		if len(got) > limit || !utf8.ValidString(got) {
			t.Errorf("%d bytes of %d, valid: %v: %q", len(got), limit, utf8.ValidString(got), got)
		}
		if strings.Contains(strings.ReplaceAll(got, secret, ""), "hunter2") {
			t.Errorf("part of the secret is in %q", got)
		}
	})
}
