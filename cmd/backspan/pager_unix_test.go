//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pagerDir is a directory with what pagers show: a long file, and a repository with a long log.
func pagerDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	c := exec.CommandContext(t.Context(), "sh", "-ec", `seq -f 'line %g' 500 > long
git init -q . && git -c user.name=n -c user.email=e commit -q --allow-empty -m "$(seq -f 'subject %g' 500)"`)
	c.Dir, c.Env = dir, append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

// A pager reads its keys from the terminal that its stderr is. It gets them, in every way that a shell starts it.
func TestPagers(t *testing.T) {
	for _, c := range []struct{ line, shows string }{
		{"backspan exec -- less long", "line 29"},
		{"cat long | backspan exec -- less", "line 29"},
		{"backspan exec -- sh -c 'cat long | less'", "line 29"},
		{"backspan exec --capture-stderr -- less long", "line 29"},
		{"backspan exec -- git log", "subject 20"},
		{"backspan exec -- git -c core.pager=less log", "subject 20"},
		{"backspan exec -- man ./page.1", "the body"},
	} {
		t.Run(c.line, func(t *testing.T) {
			dir := pagerDir(t)
			if err := os.WriteFile(filepath.Join(dir, "page.1"), []byte(manPage), 0o600); err != nil {
				t.Fatal(err)
			}
			shell := exec.CommandContext(t.Context(), "bash", "--norc", "--noediting", "-i")
			shell.Dir = dir
			p := seat(t, shell)
			p.press(t, "export BACKSPAN_EVENTS=off; "+c.line+"; echo over, $?\n")
			p.await(t, c.shows)
			p.press(t, "q")
			p.await(t, "over, 0\r\n")
			p.press(t, "exit\n")
			p.ends(t, 0, 0)
		})
	}
}

var manPage = ".TH page 1\n.SH NAME\nthe body\n" + strings.Repeat(".PP\nmore\n", 50)

// Who leaves a pager before its end has seen enough. git then ends by SIGPIPE, as it has more to show than a pipe
// holds.
func TestWhatAPagerDoesNotReadIsNotRetried(t *testing.T) {
	const longer = `for n in 1 2 3 4 5; do seq 5000 | ` +
		"git -c user.name=n -c user.email=e commit -q --allow-empty -F -; done\n"
	for _, line := range []string{
		"backspan exec -- git log", "backspan exec --capture-stderr -- git log",
		"backspan exec -- bash -c 'set -o pipefail; yes | less'",
	} {
		t.Run(line, func(t *testing.T) {
			shell := exec.CommandContext(t.Context(), "bash", "--norc", "--noediting", "-i")
			shell.Dir = pagerDir(t)
			p := seat(t, shell)
			p.press(t, longer)
			p.press(t, "export BACKSPAN_EVENTS=off; "+line+"; echo over, $?\n")
			p.await(t, ":")
			p.pressUntil(t, "q", "over, 141")
			if screen := p.screen(); strings.Contains(screen, "retrying") {
				t.Errorf("it is tried again:\n%s", screen)
			}
			p.press(t, "exit\n")
			p.ends(t, 0, 0)
		})
	}
}

// A pager that is stopped leaves the terminal to the shell, and goes on where it was.
func TestAPagerIsSuspended(t *testing.T) {
	shell := exec.CommandContext(t.Context(), "bash", "--norc", "--noediting", "-i")
	shell.Dir = pagerDir(t)
	p := seat(t, shell)
	p.press(t, "backspan exec --events off -- less long; echo over, $?\n")
	p.await(t, "line 29")
	p.pressUntil(t, "\x1a", "Stopped") // one that comes just before less begins to read a key waits for that key
	p.pressUntil(t, "echo 'a pro''mpt'\n", "a prompt")
	p.press(t, "fg\n")
	p.pressUntil(t, "G", "line 500")
	p.press(t, "q")
	p.pressUntil(t, "echo 'the e''nd'\n", "the end")
	p.press(t, "exit\n")
	p.ends(t, 0, 0)
}

// pressUntil presses keys again and again until text is seen. What is typed while jobs are switched is lost.
func (p *typist) pressUntil(t *testing.T, keys, text string) {
	t.Helper()
	for tries := 0; !strings.Contains(p.screen(), text) && tries < 20; tries++ {
		p.press(t, keys)
		second := time.After(time.Second)
		for waiting := true; waiting && !strings.Contains(p.screen(), text); {
			select {
			case <-p.more:
			case <-second:
				waiting = false
			}
		}
	}
	p.await(t, text)
}

// An interactive shell manages its jobs below exec as it does without.
func TestAnInteractiveShellHasJobs(t *testing.T) {
	p := execOnTerminal(t, "--max-retries", "0", "--", "bash", "--norc", "--noediting", "-i")
	p.press(t, "sh -c 'echo rea''dy; exec sleep 1000'\n")
	p.await(t, "ready")
	p.press(t, "\x1a")
	p.await(t, "Stopped")
	p.pressUntil(t, "bg; jobs -l\n", "Running")
	p.press(t, "kill %1; sh -c 'echo pro''mpt; exec cat'\n")
	p.await(t, "prompt")
	p.pressUntil(t, "typed\n", "typed\r\ntyped\r\n")
	p.press(t, "\x03")
	p.pressUntil(t, "echo 'the e''nd'\n", "the end")
	p.press(t, "exit 7\n")
	p.ends(t, 7, 0)
	for _, bad := range []string{"no job control", "cannot set terminal"} {
		if strings.Contains(p.screen(), bad) {
			t.Errorf("seen %q, want no %q", p.screen(), bad)
		}
	}
}

// Where a person reads stderr, the reason is the exit code; with --capture-stderr it is what was said, too. Wherever
// the command left the cursor, backspan's line begins a line.
func TestWhatIsKeptOfStderr(t *testing.T) {
	const fails = `printf 'the reason' >&2; exit 3`
	for _, c := range []struct {
		flags, redirect, terminal, reason string
	}{
		{"", "", "terminal", "exit code 3"},
		{"--capture-stderr", "", "pipe", "exit code 3: the reason"},
		{"", ">out", "terminal", "exit code 3: the reason"},
		{"--capture-stderr", ">out", "pipe", "exit code 3: the reason"},
		{"", "2>err", "pipe", "exit code 3: the reason"},
		{"--hold-stdout", "", "terminal", "exit code 3: the reason"},
		{"--stop-on-output x", "", "pipe", "exit code 3: the reason"},
	} {
		name := c.flags + c.redirect
		dir := t.TempDir()
		shell := exec.CommandContext(t.Context(), "sh", "-c", "backspan exec --events off --max-retries 0 "+c.flags+
			` --on-failure 'echo "$BACKSPAN_ERROR" > reason' -- sh -c '`+
			`if test -t 2; then echo terminal; else echo pipe; fi > kind; `+strings.ReplaceAll(fails, "'", `"`)+"' "+
			c.redirect)
		shell.Dir = dir
		p := seat(t, shell)
		p.ends(t, 3, 0)
		for file, want := range map[string]string{"kind": c.terminal, "reason": c.reason} {
			if got, err := os.ReadFile(filepath.Join(dir, file)); err != nil || string(got) != want+"\n" {
				t.Errorf("%q: %s is %q (%v), want %q", name, file, got, err, want)
			}
		}
		if screen := p.screen(); c.redirect == "" && !strings.Contains(screen, "\r\x1b[K\x1b[31mbackspan: ") &&
			!strings.Contains(screen, "\r\n\x1b[31mbackspan: ") {
			t.Errorf("%q: seen %q, want that backspan's line begins a line", name, screen)
		}
	}
}
