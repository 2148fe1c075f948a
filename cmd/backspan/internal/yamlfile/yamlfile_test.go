package yamlfile_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/backspan/backspan/cmd/backspan/internal/yamlfile"
)

func TestLoad(t *testing.T) {
	for _, c := range []struct {
		name, text, want string // want: the value, or the error
	}{
		{"one document", "script: 503", "script 503"},
		{"with its marks", "---\nscript: 503\n...\n", "script 503"},
		{"nothing", "", "none"},
		{"comments alone", "# later\n", "none"},
		{"two", "script: 503\n---\nseed: 1\n", "f:2:1: a second document; one is all that is read"},
		{"no YAML", "script: [503\n", "f:2:1: did not find expected ',' or ']'"},
		{"no YAML after the first", "script: 503\n---\nseed: [1\n", "f:4:1: did not find expected ',' or ']'"},
	} {
		if got := load(strings.NewReader(c.text)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if got := load(iotest.ErrReader(errors.New("disk on fire"))); !strings.HasPrefix(got, "f: ") ||
		!strings.Contains(got, "disk on fire") {
		t.Errorf("a file that cannot be read: %q, want f: and the error", got)
	}
}

func load(content io.Reader) string {
	top, err := yamlfile.Load(content)
	switch {
	case err != nil:
		return yamlfile.In("f", err).Error()
	case top == nil:
		return "none"
	}
	return fmt.Sprint(top.Content[0].Value, " ", top.Content[1].Value)
}
