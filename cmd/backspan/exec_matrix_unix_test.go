//go:build unix

package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A matrixRow is one thing that can happen to a command. It happens to it below timeout and below backspan exec, and
// both have to end alike.
type matrixRow struct {
	name    string
	limit   string         // after it the command times out; empty: never
	grace   string         // between TERM and KILL; empty: no KILL
	command []string       // SCRATCH is a directory with the files that makeScratch makes
	streams string         // what a shell does to the wrapper's streams; empty: nothing
	signal  syscall.Signal // sent to the wrapper when the command says that it is ready; 0: none
	code    int            // as a shell shows it
	dies    bool           // the wrapper dies of the signal, and does not merely return 128+N
}

func sh(script string) []string { return []string{"sh", "-c", script} }

const waits = `echo ready; while :; do sleep 0.01; done`

var matrix = []matrixRow{
	{name: "success", command: sh("exit 0"), code: 0},
	{name: "failure", command: sh("exit 1"), code: 1},
	{name: "usage of its own", command: sh("exit 2"), code: 2},
	{name: "as if timed out", command: sh("exit 124"), code: 124},
	{name: "as if not tried", command: sh("exit 125"), code: 125},
	{name: "as if not executable", command: sh("exit 126"), code: 126},
	{name: "as if not found", command: sh("exit 127"), code: 127},
	{name: "as if killed", command: sh("exit 137"), code: 137},
	{name: "255", command: sh("exit 255"), code: 255},
	{name: "256 is 0", command: sh("exit 256"), code: 0},

	{name: "not found", command: []string{"no-such-command"}, code: 127},
	{name: "no such file", command: []string{"SCRATCH/none"}, code: 127},
	{name: "empty name", command: []string{""}, code: 127},
	{name: "not executable", command: []string{"SCRATCH/plain"}, code: 126},
	{name: "not executable, in PATH", command: []string{"plain"}, code: 126},
	{name: "a directory", command: []string{"SCRATCH"}, code: 126},
	{name: "below a file", command: []string{"SCRATCH/plain/x"}, code: 126},
	{name: "a lost interpreter", command: []string{"SCRATCH/lost"}, code: 127},
	{name: "a script that does not say its language", command: []string{"SCRATCH/bare", "7"}, code: 7},
	{name: "that, in PATH", command: []string{"bare", "8"}, code: 8},

	{name: "dies of TERM", command: sh("kill -TERM $$"), code: 143, dies: true},
	{name: "dies of INT", command: sh("kill -INT $$"), code: 130, dies: true},
	{name: "dies of HUP", command: sh("kill -HUP $$"), code: 129, dies: true},
	{name: "dies of QUIT", command: sh("kill -QUIT $$"), code: 131, dies: true},
	{name: "dies of KILL", command: sh("kill -KILL $$"), code: 137, dies: true},
	{name: "dies of ABRT", command: sh("kill -ABRT $$"), code: 134, dies: true},
	{name: "dies of SEGV", command: sh("kill -SEGV $$"), code: 139, dies: true},
	{name: "dies of PIPE", command: sh("kill -PIPE $$"), code: 141, dies: true},
	{name: "dies of USR1", command: sh("kill -USR1 $$"), code: 128 + int(unix.SIGUSR1), dies: true},

	{name: "in time", limit: "1000", command: sh("exit 3"), code: 3},
	{name: "too late", limit: "0.05", command: sh("sleep 1000"), code: 124},
	{name: "too late, returns 0", limit: "0.2", command: sh(`trap 'exit 0' TERM; ` + waits), code: 124},
	{name: "too late, returns 5", limit: "0.2", command: sh(`trap 'exit 5' TERM; ` + waits), code: 124},
	{name: "too late, in time for KILL", limit: "0.05", grace: "1000", command: sh("sleep 1000"), code: 124},
	{name: "too late, deaf to TERM", limit: "0.2", grace: "0.05", command: sh(`trap '' TERM; ` + waits), code: 137},
	{name: "too late, stopped", limit: "0.2", command: sh(`kill -STOP $$; sleep 1000`), code: 124},
	{
		name: "killed by somebody, not too late", limit: "1000", grace: "1000", command: sh("kill -KILL $$"),
		code: 137, dies: true,
	},

	{name: "no time at all", limit: "0.000000001", command: sh("sleep 1000"), code: 124},

	{name: "stdin closed", streams: "<&-", command: sh("read x || exit 7"), code: 7},
	{name: "stderr closed", streams: "2>&-", command: sh("echo x >&2; exit 7"), code: 7},
	{name: "stdout on a full disk", streams: ">/dev/full", command: sh("echo x || exit 7"), code: 7},
	{
		name: "stderr on a full disk", streams: "2>/dev/full",
		command: sh("head -c 1000000 /dev/zero >&2; exit 7"), code: 7,
	},

	{name: "TERM", command: sh(waits), signal: unix.SIGTERM, code: 143, dies: true},
	{name: "INT", command: sh(waits), signal: unix.SIGINT, code: 130, dies: true},
	{name: "HUP", command: sh(waits), signal: unix.SIGHUP, code: 129, dies: true},
	{name: "QUIT", command: sh(waits), signal: unix.SIGQUIT, code: 131, dies: true},
	{name: "TERM, returns 9", command: sh(`trap 'exit 9' TERM; ` + waits), signal: unix.SIGTERM, code: 9},
	{name: "INT, returns 0", command: sh(`trap 'exit 0' INT; ` + waits), signal: unix.SIGINT, code: 0},
	{name: "HUP, returns 130", command: sh(`trap 'exit 130' HUP; ` + waits), signal: unix.SIGHUP, code: 130},
	{
		name: "QUIT to a command that goes on", command: sh(`trap : QUIT; echo ready; read x < SCRATCH/fifo; exit 4`),
		signal: unix.SIGQUIT, code: 4,
	},
	{
		name: "TERM to one that is stopped", command: sh(`echo ready; kill -STOP $$; exit 6`), signal: unix.SIGTERM,
		code: 143, dies: true,
	},
}

// TestExitCodesAreThoseOfTimeout holds exec to the real timeout(1), for all that can happen to one attempt.
func TestExitCodesAreThoseOfTimeout(t *testing.T) {
	scratch := makeScratch(t)
	for _, row := range matrix {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			theirs := row.run(t, scratch, timeoutArgs(row))
			// timeout loses its command when the signal comes before it has noted the command's number.
			for tries := 1; tries < 20 && row.signal != 0 && !row.fits(theirs); tries++ {
				theirs = row.run(t, scratch, timeoutArgs(row))
			}
			ours := row.run(t, scratch, execArgs(row))
			if code := shellCode(theirs); code != row.code {
				t.Errorf("timeout ends with %d (%v): the table is wrong", code, theirs)
			}
			if code := shellCode(ours); code != row.code {
				t.Errorf("backspan exec ends with %d (%v), want %d", code, ours, row.code)
			}
			// timeout kills itself together with a group that needs KILL; nobody asked for that.
			if row.dies && (!theirs.Signaled() || !ours.Signaled()) {
				t.Errorf("died of a signal: timeout %v, backspan %v, want both", theirs.Signaled(), ours.Signaled())
			}
			if !row.dies && ours.Signaled() {
				t.Errorf("backspan died of %v", ours.Signal())
			}
		})
	}
}

func (row matrixRow) fits(s syscall.WaitStatus) bool {
	return shellCode(s) == row.code && (!row.dies || s.Signaled())
}

func TestExitCodesOfBadUsageAreThoseOfTimeout(t *testing.T) {
	for _, c := range []struct {
		name         string
		theirs, ours []string
	}{
		{"no command", []string{"1"}, nil},
		{"unknown flag", []string{"--nonsense", "1", "true"}, []string{"--nonsense", "--", "true"}},
		{"bad duration", []string{"soon", "true"}, []string{"--attempt-timeout", "soon", "--", "true"}},
		{"bad grace", []string{"-k", "soon", "1", "true"}, []string{"--grace", "soon", "--", "true"}},
		{"negative duration", []string{"--", "-1", "true"}, []string{"--attempt-timeout=-1s", "--", "true"}},
		{"help", []string{"--help"}, []string{"--help"}},
	} {
		var row matrixRow
		theirs := shellCode(row.run(t, "", append([]string{"timeout"}, c.theirs...)))
		ours := shellCode(row.run(t, "", append([]string{"backspan", "exec"}, c.ours...)))
		if ours != theirs {
			t.Errorf("%s: %d, that of timeout is %d", c.name, ours, theirs)
		}
	}
}

func timeoutArgs(row matrixRow) []string {
	args := []string{"timeout"}
	if row.grace != "" {
		args = append(args, "-k", row.grace)
	}
	limit := row.limit
	if limit == "" {
		limit = "0"
	}
	return append(append(args, limit), row.command...)
}

func execArgs(row matrixRow) []string {
	args := []string{"backspan", "exec", "--max-retries", "0", "--events", "off"}
	if row.grace != "" {
		args = append(args, "--grace", row.grace+"s")
	}
	if row.limit != "" {
		args = append(args, "--attempt-timeout", row.limit+"s")
	}
	return append(append(args, "--"), row.command...)
}

// run runs the wrapper with the row's command and says how the wrapper ended.
func (row matrixRow) run(t *testing.T, scratch string, args []string) syscall.WaitStatus {
	t.Helper()
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "SCRATCH", scratch)
	}
	if row.streams != "" {
		args = append([]string{"sh", "-c", `exec "$@" ` + row.streams, "sh"}, args...)
	}
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "PATH="+scratch+":"+os.Getenv("PATH"), "OTEL_TRACES_EXPORTER=none")
	var stderr strings.Builder
	cmd.Stderr, cmd.WaitDelay = &stderr, time.Millisecond // what timeout leaves behind is not waited for
	if row.signal == 0 {
		_ = cmd.Run() // the status says how it ended
	} else {
		row.interrupt(t, cmd, scratch)
	}
	_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL) // timeout's group
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok {
		t.Fatalf("%q: no wait status", args)
	}
	return status
}

// interrupt sends the row's signal when the command is ready for it.
func (row matrixRow) interrupt(t *testing.T, cmd *exec.Cmd, scratch string) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("%q printed %q (%v), want ready", cmd.Args, line, err)
	}
	if err := cmd.Process.Signal(row.signal); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(strings.Join(cmd.Args, " "), scratch+"/fifo") {
		defer release(t, scratch+"/fifo")()
	}
	_ = cmd.Wait() // the status says how it ended
}

func shellCode(s syscall.WaitStatus) int {
	if s.Signaled() {
		return 128 + int(s.Signal())
	}
	return s.ExitStatus()
}

// release lets a command go on that reads from a FIFO, or comes to read from it until the function is called that is
// returned. It opens both ends: a shell whose open a signal interrupts never comes, and waiting for it would be for
// ever.
func release(t *testing.T, fifo string) (closeIt func()) {
	t.Helper()
	file, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintln(file, "go on"); err != nil {
		t.Error(err)
	}
	return func() {
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}
}

func makeScratch(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range []struct {
		name, text string
		mode       os.FileMode
	}{
		{"plain", "text\n", 0o600},
		{"bare", "exit $1\n", 0o700},
		{"lost", "#!/no/such/interpreter\n", 0o700},
	} {
		if err := os.WriteFile(filepath.Join(dir, f.name), []byte(f.text), f.mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}
