//go:build unix

package main

import (
	"strings"
	"syscall"
	"testing"
)

func execOnTerminal(t *testing.T, args ...string) *typist {
	t.Helper()
	return sitDown(t, "", append([]string{"exec", "--events", "off"}, args...)...)
}

// ends waits for the end, which has to be this one.
func (p *typist) ends(t *testing.T, code int, signal syscall.Signal) {
	t.Helper()
	p.end(t)
	status, _ := p.ProcessState.Sys().(syscall.WaitStatus)
	if got := shellCode(status); got != code || status.Signaled() != (signal != 0) {
		t.Errorf("ended with %v, want %d, signal %v; seen %q", p.ProcessState, code, signal, p.screen())
	}
}

// Who types Ctrl-C means all of it: the command dies, no other attempt follows, and a loop in a shell ends, too.
func TestExecAndCtrlC(t *testing.T) {
	for _, c := range []struct {
		script string
		code   int
		signal syscall.Signal
	}{
		{`echo ready; exec sleep 1000`, 130, syscall.SIGINT},
		{`trap 'exit 130' INT; ` + waits, 130, 0},
	} {
		p := execOnTerminal(t, "--", "sh", "-c", c.script)
		p.await(t, "ready")
		p.press(t, "\x03")
		p.ends(t, c.code, c.signal)
		if strings.Contains(p.screen(), "backspan:") {
			t.Errorf("%q was seen; who typed Ctrl-C knows", p.screen())
		}
	}
}

// A command may have its own idea of Ctrl-C, as in a shell's loop; then the wait is the place to type it again.
func TestExecAndCtrlCThatIsHandled(t *testing.T) {
	p := execOnTerminal(t, "--base-delay", "10m", "--max-delay", "10m", "--", "sh", "-c", `trap 'exit 1' INT; `+waits)
	p.await(t, "ready")
	p.press(t, "\x03")
	p.await(t, "\x1b[33mbackspan: attempt 1 of 4 failed: exit code 1; retrying in 10m\x1b[0m")
	p.press(t, "\x03")
	p.ends(t, 130, syscall.SIGINT)
	if want := "stopped after attempt 1: received signal interrupt"; !strings.Contains(p.screen(), want) {
		t.Errorf("seen %q, want %q", p.screen(), want)
	}
}

// The command has the terminal in every attempt: it reads it, and sees one on all three streams.
func TestExecReadsTheTerminal(t *testing.T) {
	p := execOnTerminal(t, "--base-delay", "0", "--", "sh", "-c",
		`test -t 0 && test -t 1 && test -t 2 && echo "attempt $BACKSPAN_ATTEMPT?" && read x && echo "got $x" >&2 && test "$x" = good`)
	p.await(t, "attempt 1?")
	p.press(t, "bad\n")
	p.await(t, "got bad")
	p.await(t, "attempt 2?")
	p.press(t, "good\n")
	p.await(t, "got good")
	p.ends(t, 0, 0)
}

// What --on-failure says goes to where backspan speaks.
func TestTheHookWritesToTheTerminal(t *testing.T) {
	p := execOnTerminal(t, "--max-retries", "0", "--on-failure", `test -t 1 && echo "sorry: $BACKSPAN_ERROR"`,
		"--", "sh", "-c", "exit 3")
	p.await(t, "sorry: exit code 3")
	p.ends(t, 3, 0)
}

// Ctrl-Z stops backspan in a wait as well as in an attempt, seen from a shell, which here is a command of exec's
// itself.
func TestCtrlZInAWait(t *testing.T) {
	p := execOnTerminal(t, "--max-retries", "0", "--", "bash", "--norc", "--noediting", "-i")
	p.press(t, "backspan exec --events off --base-delay 10m --max-delay 10m -- false\n")
	p.await(t, "retrying in 10m")
	p.press(t, "\x1a")
	p.await(t, "Stopped")
	p.press(t, "echo 'a pro''mpt'\n")
	p.await(t, "a prompt")
	p.press(t, "kill -TERM %1\n") // which continues it
	p.await(t, "stopped after attempt 1")
	p.press(t, "kill -KILL $$\n")
	p.ends(t, 137, syscall.SIGKILL)
}

// Ctrl-C while --before-retry runs is for that, and no other attempt begins.
func TestCtrlCWhileBeforeRetryRuns(t *testing.T) {
	p := execOnTerminal(t, "--base-delay", "0", "--before-retry", "echo mending; exec sleep 1000",
		"--", "sh", "-c", "echo attempt $BACKSPAN_ATTEMPT; exit 1")
	p.await(t, "mending")
	p.press(t, "\x03")
	p.ends(t, 130, syscall.SIGINT)
	if strings.Contains(p.screen(), "attempt 2") {
		t.Errorf("seen %q, want no second attempt", p.screen())
	}
}
