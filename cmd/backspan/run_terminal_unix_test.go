//go:build unix

package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// A typist sits at a terminal where backspan runs.
type typist struct {
	*exec.Cmd
	keys io.WriteCloser // the terminal, which a Close hangs up

	mu   sync.Mutex
	seen bytes.Buffer
	more chan struct{} // closed at the end, and something is in it when there is more to see
}

// sitDown starts backspan with args on a terminal, in a directory with the file pipeline.
func sitDown(t *testing.T, pipeline string, args ...string) *typist {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "pipeline.yaml"), []byte(pipeline), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), "backspan", args...)
	c.Dir = dir
	return seat(t, c)
}

// seat starts c, in its directory, on a terminal.
func seat(t *testing.T, c *exec.Cmd) *typist {
	t.Helper()
	c.Env = append(os.Environ(), "TERM=xterm-256color", "LANG=C.UTF-8", "OTEL_TRACES_EXPORTER=none", "NO_COLOR=",
		"HISTFILE=", "GIT_CONFIG_GLOBAL=/dev/null", "LESS=", "PAGER=less", "GIT_PAGER=less", "MANPAGER=less")
	opened, err := pty.StartWithSize(c, &pty.Winsize{Rows: 30, Cols: 120})
	if err != nil {
		t.Fatal(err)
	}
	terminal := pollable(t, opened)
	p := &typist{Cmd: c, keys: terminal, more: make(chan struct{}, 1)}
	go func() {
		defer close(p.more)
		buf := make([]byte, 4096)
		for {
			n, err := terminal.Read(buf)
			p.mu.Lock()
			p.seen.Write(buf[:n])
			p.mu.Unlock()
			if err != nil { // an I/O error when the last process has gone
				return
			}
			select {
			case p.more <- struct{}{}:
			default:
			}
		}
	}()
	t.Cleanup(func() { _ = terminal.Close() })
	return p
}

// pollable returns f as a file that can be closed while it is read, and closes f.
func pollable(t *testing.T, f *os.File) *os.File {
	t.Helper()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fd), f.Name())
}

func (p *typist) screen() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen.String()
}

// await waits until text is seen.
func (p *typist) await(t *testing.T, text string) {
	t.Helper()
	late := time.After(20 * time.Second)
	for !strings.Contains(p.screen(), text) {
		select {
		case _, ok := <-p.more:
			if !ok && !strings.Contains(p.screen(), text) {
				t.Fatalf("%q was not seen in %q", text, p.screen())
			}
		case <-late:
			t.Fatalf("%q was not seen in time in %q", text, p.screen())
		}
	}
}

// end waits for the end and returns the exit code. After a minute it hangs up, which ends what still runs.
func (p *typist) end(t *testing.T) int {
	t.Helper()
	late := time.AfterFunc(time.Minute, func() { _ = p.keys.Close() })
	defer late.Stop()
	err := p.Wait()
	for range p.more { // until it is closed: all has been read then
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return p.ProcessState.ExitCode()
}

// On a terminal the lines of the commands stand above what is drawn, whole; and they cannot draw over it.
func TestRunOnATerminal(t *testing.T) {
	p := sitDown(t, `
name: terminal
phases:
  - {name: root, steps: [{name: root, run: 'true'}]}
  - name: l
    needs: [root]
    steps: [{name: left, run: 'for i in 1 2 3 4 5 6 7 8 9; do echo "line $i"; sleep 0.03; done'}]
  - name: r
    needs: [root]
    steps: [{name: right, run: 'for i in 1 2 3 4 5 6 7 8 9; do echo "line $i" >&2; sleep 0.03; done'}]
  - name: odd
    needs: [root]
    steps:
      - {name: odd, run: [printf, '\033[2Jclear \033[31mred\033[0m\n10%%\r20%%\rdone\n\033]0;title\007bell\n']}
`, "run", "--events", "off", "--trace-file", "off")
	if code := p.end(t); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	screen := p.screen()
	for _, step := range []string{"left", "right"} {
		if n := len(regexp.MustCompile(step+` \| line [1-9]\r?\n`).FindAllString(screen, -1)); n != 9 {
			t.Errorf("%d whole lines of %s, want 9, in %q", n, step, screen)
		}
	}
	for _, want := range []string{"odd | clear \x1b[31mred\x1b[0m", "odd | done", "odd | bell", "working"} {
		if !strings.Contains(screen, want) {
			t.Errorf("%q was not seen in %q", want, screen)
		}
	}
	for _, bad := range []string{"\x1b[2J", "20%", "title"} {
		if strings.Contains(screen, bad) {
			t.Errorf("%q came through, in %q", bad, screen)
		}
	}
	if !regexp.MustCompile(`\x1b\[[0-9]*[AJK]`).MatchString(screen) {
		t.Errorf("nothing was drawn in place in %q", screen)
	}
}

// Ctrl-C goes to backspan, which tells the commands. Repeats are no second request; Ctrl-\\ is, and they are ended at
// once.
func TestCtrlCOnATerminal(t *testing.T) {
	const deaf = `
name: deaf
grace: 10m
phases: [{name: a, steps: [{name: a, run: "trap 'n=20; echo heard' TERM; echo pid $$; while :; do sleep 0.02 || true;
  case $((n -= 1)) in 0) echo heard again; esac; done"}]}]
`
	p := sitDown(t, deaf, "run", "--events", "off", "--trace-file", "off")
	p.await(t, "a | pid ")
	p.press(t, "\x03\x03")
	p.await(t, "a | heard")
	p.press(t, "\x03") // as a key that is held down does
	p.await(t, "a | heard again")
	p.press(t, "\x1c")
	if code := p.end(t); code != 130 {
		t.Errorf("exit code %d, want 130", code)
	}
	if !strings.Contains(p.screen(), "had to be killed") {
		t.Errorf("the report does not say that the command was killed: %q", p.screen())
	}
	pid := regexp.MustCompile(`a \| pid ([0-9]+)`).FindStringSubmatch(p.screen())
	if err := exec.CommandContext(t.Context(), "kill", "-0", pid[1]).Run(); err == nil {
		t.Errorf("process %s lives on", pid[1])
	}
}

func (p *typist) press(t *testing.T, keys string) {
	t.Helper()
	if _, err := io.WriteString(p.keys, keys); err != nil {
		t.Fatal(err)
	}
}

// A command in a pipeline has no terminal to wait at: it reads the end of a file.
func TestCommandsReadNothing(t *testing.T) {
	p := sitDown(t, "name: n\nphases: [{name: a, steps: [{name: a, run: 'cat; tty || echo end'}]}]\n",
		"run", "--events", "off", "--trace-file", "off")
	if code := p.end(t); code != 0 {
		t.Errorf("exit code %d, want 0; seen %q", code, p.screen())
	}
	if !strings.Contains(p.screen(), "a | not a tty") {
		t.Errorf("seen %q, want no terminal", p.screen())
	}
}
