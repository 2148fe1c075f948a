package term_test

import (
	"os"
	"testing"

	"github.com/creack/pty"
	"go.uber.org/goleak"

	"github.com/backspan/backspan/cmd/backspan/internal/term"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// env makes a getenv of pairs of names and values.
func env(pairs ...string) func(string) string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return m[name] }
}

// terminal opens a pseudo-terminal of 97 columns and 31 rows.
func terminal(t *testing.T) *os.File {
	t.Helper()
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatalf("pty.Open: %v", err)
	}
	t.Cleanup(func() {
		if err := master.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if err := tty.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	if err := pty.Setsize(tty, &pty.Winsize{Cols: 97, Rows: 31}); err != nil {
		t.Fatalf("pty.Setsize: %v", err)
	}
	return tty
}

func file(t *testing.T) *os.File {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return f
}

func TestColor(t *testing.T) {
	tty, plain := terminal(t), file(t)
	for _, c := range []struct {
		name string
		f    *os.File
		env  []string
		want bool
	}{
		{"a terminal", tty, nil, true},
		{"a terminal, CLICOLOR=0", tty, []string{"CLICOLOR", "0"}, false},
		{"a terminal, NO_COLOR", tty, []string{"NO_COLOR", "1"}, false},
		{"a terminal, NO_COLOR=0 is set too", tty, []string{"NO_COLOR", "0"}, false},
		{"a terminal, NO_COLOR empty counts as not set", tty, []string{"NO_COLOR", ""}, true},
		{"a terminal, NO_COLOR over CLICOLOR_FORCE", tty, []string{"NO_COLOR", "1", "CLICOLOR_FORCE", "1"}, false},
		{"a dumb terminal", tty, []string{"TERM", "dumb"}, false},
		{"a dumb terminal, forced", tty, []string{"TERM", "dumb", "CLICOLOR_FORCE", "1"}, true},
		{"a file", plain, nil, false},
		{"a file, CLICOLOR=1 does not force", plain, []string{"CLICOLOR", "1"}, false},
		{"a file, forced", plain, []string{"CLICOLOR_FORCE", "1"}, true},
		{"a file, CLICOLOR_FORCE=0", plain, []string{"CLICOLOR_FORCE", "0"}, false},
		{"a file, NO_COLOR over CLICOLOR_FORCE", plain, []string{"NO_COLOR", "1", "CLICOLOR_FORCE", "1"}, false},
		{"nil", nil, nil, false},
	} {
		if got := term.Of(c.f, env(c.env...)).Color; got != c.want {
			t.Errorf("%s: Color is %v, want %v", c.name, got, c.want)
		}
	}
}

func TestRedraw(t *testing.T) {
	tty, plain := terminal(t), file(t)
	for _, c := range []struct {
		name string
		f    *os.File
		env  []string
		want bool
	}{
		{"a terminal", tty, []string{"TERM", "xterm-256color"}, true},
		{"a terminal without TERM", tty, nil, true},
		{"a terminal without colour", tty, []string{"NO_COLOR", "1"}, true},
		{"a dumb terminal", tty, []string{"TERM", "dumb"}, false},
		{"a file", plain, []string{"CLICOLOR_FORCE", "1"}, false},
		{"nil", nil, nil, false},
	} {
		if got := term.Of(c.f, env(c.env...)).Redraw; got != c.want {
			t.Errorf("%s: Redraw is %v, want %v", c.name, got, c.want)
		}
	}
}

func TestASCII(t *testing.T) {
	for _, c := range []struct {
		name string
		env  []string
		want bool
	}{
		{"nothing is set", nil, false},
		{"UTF-8", []string{"LANG", "de_DE.UTF-8"}, false},
		{"utf8", []string{"LANG", "de_DE.utf8"}, false},
		{"C.UTF-8", []string{"LC_ALL", "C.UTF-8"}, false},
		{"C", []string{"LC_ALL", "C"}, true},
		{"POSIX", []string{"LANG", "POSIX"}, true},
		{"Latin-1", []string{"LANG", "de_DE.ISO-8859-1"}, true},
		{"LC_ALL over the others", []string{"LC_ALL", "C", "LC_CTYPE", "C.UTF-8", "LANG", "C.UTF-8"}, true},
		{"LC_CTYPE over LANG", []string{"LC_CTYPE", "C.UTF-8", "LANG", "C"}, false},
		{"an empty LC_ALL is not set", []string{"LC_ALL", "", "LANG", "C"}, true},
	} {
		if got := term.Of(nil, env(c.env...)).ASCII; got != c.want {
			t.Errorf("%s: ASCII is %v, want %v", c.name, got, c.want)
		}
	}
}

func TestReflow(t *testing.T) {
	for _, c := range []struct {
		name string
		env  []string
		want bool
	}{
		{"most", []string{"TERM", "xterm-256color"}, true},
		{"xterm", []string{"TERM", "xterm-256color", "XTERM_VERSION", "XTerm(390)"}, false},
		{"tmux in an xterm", []string{"TERM", "screen", "XTERM_VERSION", "XTerm(390)", "TMUX", "x"}, true},
		{"screen", []string{"TERM", "screen", "STY", "1.x"}, false},
		{"the console", []string{"TERM", "linux"}, false},
		{"rxvt", []string{"TERM", "rxvt-unicode"}, false},
	} {
		if got := term.Of(nil, env(c.env...)).Reflow; got != c.want {
			t.Errorf("%s: Reflow is %v, want %v", c.name, got, c.want)
		}
	}
}

func TestSize(t *testing.T) {
	tty, plain, closed := terminal(t), file(t), file(t)
	unsized := terminal(t)
	if err := pty.Setsize(unsized, &pty.Winsize{}); err != nil {
		t.Fatal(err)
	}
	gone, err := os.Open(closed.Name())
	if err != nil {
		t.Fatal(err)
	}
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name          string
		f             *os.File
		env           []string
		columns, rows int
	}{
		{"a terminal", tty, []string{"COLUMNS", "40"}, 97, 31},
		{"a terminal that does not know", unsized, nil, 80, 24},
		{"a file", plain, nil, 80, 24},
		{"a file, COLUMNS", plain, []string{"COLUMNS", "120"}, 120, 24},
		{"a file, COLUMNS=0", plain, []string{"COLUMNS", "0"}, 80, 24},
		{"a file, COLUMNS=wide", plain, []string{"COLUMNS", "wide"}, 80, 24},
		{"a closed file", gone, nil, 80, 24},
		{"nil", nil, nil, 80, 24},
	} {
		columns, rows := term.Of(c.f, env(c.env...)).Size()
		if columns != c.columns || rows != c.rows {
			t.Errorf("%s: Size is %d, %d; want %d, %d", c.name, columns, rows, c.columns, c.rows)
		}
	}
}

func TestSizeFollowsTheTerminal(t *testing.T) {
	tty := terminal(t)
	described := term.Of(tty, env())
	if err := pty.Setsize(tty, &pty.Winsize{Cols: 60, Rows: 20}); err != nil {
		t.Fatal(err)
	}
	if columns, rows := described.Size(); columns != 60 || rows != 20 {
		t.Errorf("Size after a resize is %d, %d; want 60, 20", columns, rows)
	}
}

func TestAFlagWinsOverTheEnvironment(t *testing.T) {
	for _, c := range []struct {
		when, noColor, force string
		want                 bool
	}{
		{term.Auto, "", "", false},
		{term.Auto, "", "1", true},
		{term.Auto, "1", "1", false},
		{term.Always, "1", "", true},
		{term.Never, "", "1", false},
	} {
		getenv := func(name string) string {
			return map[string]string{"NO_COLOR": c.noColor, "CLICOLOR_FORCE": c.force}[name]
		}
		if got := term.Of(nil, getenv).Colored(c.when).Color; got != c.want {
			t.Errorf("--color %s, NO_COLOR=%q, CLICOLOR_FORCE=%q: colour %v, want %v",
				c.when, c.noColor, c.force, got, c.want)
		}
	}
}
