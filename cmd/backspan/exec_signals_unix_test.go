//go:build unix

package main

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A wrapped command is one below backspan exec.
type wrapped struct {
	*exec.Cmd
	pipe   io.Closer
	out    *bufio.Reader // of pipe
	stderr bytes.Buffer
	dir    string
}

// wrap starts backspan with args in a directory of its own.
func wrap(t *testing.T, args ...string) *wrapped {
	t.Helper()
	w := &wrapped{Cmd: exec.CommandContext(t.Context(), "backspan", args...), dir: t.TempDir()}
	w.Dir, w.Cmd.Stderr = w.dir, &w.stderr
	w.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=none")
	w.begin(t)
	return w
}

func (w *wrapped) begin(t *testing.T) {
	t.Helper()
	out, err := w.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	w.pipe, w.out = out, bufio.NewReader(out)
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
}

// await reads the next line of stdout.
func (w *wrapped) await(t *testing.T, want string) {
	t.Helper()
	if got, err := w.out.ReadString('\n'); got != want+"\n" {
		t.Fatalf("stdout has %q (%v), want %q; stderr has %q", got, err, want, w.stderr.String())
	}
}

func (w *wrapped) send(t *testing.T, s os.Signal) {
	t.Helper()
	if err := w.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// end waits for the end, which has to be this one.
func (w *wrapped) end(t *testing.T, code int, signal syscall.Signal) {
	t.Helper()
	_, _ = io.Copy(io.Discard, w.out) // it ends with the process
	_ = w.Wait()                      // the status says how it ended
	status, _ := w.ProcessState.Sys().(syscall.WaitStatus)
	if got := shellCode(status); got != code || signal != 0 && (!status.Signaled() || status.Signal() != signal) {
		t.Errorf("ended with %d (%v), want %d, signal %v; stderr has %q",
			got, w.ProcessState, code, signal, w.stderr.String())
	}
}

func (w *wrapped) attempts(t *testing.T, want int) {
	t.Helper()
	log, err := os.ReadFile(filepath.Join(w.dir, "data/session/events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if got := bytes.Count(log, []byte(`"type": "autocorrect_attempt"`)); got != want {
		t.Errorf("%d failed attempts are in the log, want %d:\n%s", got, want, log)
	}
}

// A signal that means the end goes to the command, whose end it is; no other attempt follows.
func TestSignalsEndTheRetrying(t *testing.T) {
	for _, c := range []struct {
		signal syscall.Signal
		script string
		code   int
		dies   syscall.Signal
	}{
		{unix.SIGTERM, waits, 143, unix.SIGTERM},
		{unix.SIGINT, `trap 'exit 3' INT; ` + waits, 3, 0},
		{unix.SIGHUP, waits, 129, unix.SIGHUP},
	} {
		w := wrap(t, "exec", "--", "sh", "-c", c.script)
		w.await(t, "ready")
		w.send(t, c.signal)
		w.end(t, c.code, c.dies)
		w.attempts(t, 1)
		if want := "; stopped: received signal "; !strings.Contains(w.stderr.String(), want) {
			t.Errorf("%v: stderr has %q, want %q", c.signal, w.stderr.String(), want)
		}
	}
}

func TestASignalDuringTheWait(t *testing.T) {
	w := wrap(t, "exec", "--base-delay", "10m", "--max-delay", "10m", "--on-failure", "echo never", "--", "false")
	log := w.awaitWait()
	w.send(t, unix.SIGTERM)
	w.end(t, 143, unix.SIGTERM)
	w.attempts(t, 1)
	if got, err := os.ReadFile(log); err != nil || !bytes.Contains(got, []byte(`"type": "autocorrect_stopped"`)) {
		t.Errorf("the log does not say that the wait was ended (%v):\n%s", err, got)
	}
	want := "backspan: stopped after attempt 1: received signal terminated\n"
	if !strings.HasSuffix(w.stderr.String(), want) {
		t.Errorf("stderr has %q, want %q at its end", w.stderr.String(), want)
	}
}

// awaitWait returns when the first attempt's line is in the log, which it names: after that there is the wait.
func (w *wrapped) awaitWait() (log string) {
	log = filepath.Join(w.dir, "data/session/events.jsonl")
	for text := []byte(nil); !bytes.HasSuffix(text, []byte("\n")); text, _ = os.ReadFile(log) {
		runtime.Gosched()
	}
	return log
}

// What comes while no command runs is not for the next one.
func TestASignalForNobody(t *testing.T) {
	w := wrap(t, "exec", "--base-delay", "500ms", "--max-retries", "1", "--", "sh", "-c",
		"test $BACKSPAN_ATTEMPT = 2 && exec sleep 0.2")
	w.awaitWait()
	w.send(t, unix.SIGUSR1)
	w.end(t, 0, 0)
}

// USR1 and USR2 are for the command alone.
func TestSignalsThatEndNothing(t *testing.T) {
	w := wrap(t, "exec", "--base-delay", "0", "--", "sh", "-c",
		`trap 'echo heard; exit 1' USR1; test $BACKSPAN_ATTEMPT = 2 && exit 0; `+waits)
	w.await(t, "ready")
	w.send(t, unix.SIGUSR1)
	w.await(t, "heard")
	w.end(t, 0, 0)
	w.attempts(t, 1)
}

// What was ignored around backspan is ignored by the command.
func TestNohup(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	w := &wrapped{dir: dir}
	w.Cmd = exec.CommandContext(t.Context(), "sh", "-c",
		`trap '' HUP; exec backspan exec --max-retries 0 -- sh -c 'echo ready; read x < fifo; kill -HUP $$; exit 4'`)
	w.Dir, w.Cmd.Stderr = dir, &w.stderr
	w.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=none")
	w.begin(t)
	w.await(t, "ready")
	w.send(t, unix.SIGHUP)
	t.Cleanup(release(t, fifo))
	w.end(t, 4, 0)
}

// Who reads stdout may stop: the command gets SIGPIPE as ever, and there is no point in another attempt.
func TestNobodyReadsStdout(t *testing.T) {
	for _, args := range [][]string{
		{"exec", "--", "yes"}, {"exec", "--hold-stdout", "--", "sh", "-c", "yes | head -n 100000"},
	} {
		w := wrap(t, args...)
		if args[1] == "--" {
			w.await(t, "y")
		}
		if err := w.pipe.Close(); err != nil {
			t.Fatal(err)
		}
		_ = w.Wait() // the status says how it ended
		status, _ := w.ProcessState.Sys().(syscall.WaitStatus)
		if shellCode(status) != 141 || w.stderr.Len() > 0 {
			t.Errorf("%q: ended with %v, stderr %q, want SIGPIPE and no word", args, w.ProcessState, w.stderr.String())
		}
	}
}

// Who reads stderr may stop as well; the command is not left alone for it.
func TestNobodyReadsStderr(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "bash", "-c",
		`(backspan exec --base-delay 0 -- sh -c 'echo x >> attempts; until test -e closed; do sleep 0.01; done; exit 7'
		echo $? > code) 2>&1 >&- | (exec <&-; echo > closed)`)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=none")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, want := range map[string]string{"code": "7\n", "attempts": "x\nx\nx\nx\n"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s holds %q (%v), want %q", name, got, err, want)
		}
	}
}

// A command that leaves a daemon behind, with all of its files, is over when it is over.
func TestADaemonDoesNotHoldExec(t *testing.T) {
	w := wrap(t, "exec", "--", "sh", "-c", `sleep 1000 & echo $!; exit 0`)
	line, err := w.out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Wait(); err != nil {
		t.Errorf("ended with %v, want success", err)
	}
	daemon, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(daemon, unix.SIGKILL); err != nil {
		t.Errorf("the daemon should have lived on: %v", err)
	}
}

// A signal while stdin is read for --replay-stdin: no command has started, and none does.
func TestASignalWhileStdinIsRead(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()  //nolint:errcheck // nothing was written to it
	defer write.Close() //nolint:errcheck // who reads it has gone
	cmd := exec.CommandContext(t.Context(), "backspan", "exec", "--replay-stdin", "--", "sh", "-c", "echo started")
	cmd.Stdin, cmd.Env = read, append(os.Environ(), "OTEL_TRACES_EXPORTER=none")
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// Twice as much as a pipe holds: all of it is written when backspan reads.
	if _, err := write.Write(make([]byte, 128<<10)); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the status says how it ended
	if status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus); shellCode(status) != 143 || out.Len() > 0 {
		t.Errorf("ended with %v and printed %q, want SIGTERM and nothing", cmd.ProcessState, out.String())
	}
}

// A collector that takes connections and never answers costs 2 seconds at most, and a signal less.
func TestACollectorThatNeverAnswers(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() //nolint:errcheck // nobody is served
	start := time.Now()
	cmd := exec.CommandContext(t.Context(), "backspan", "exec", "--otlp-endpoint", "http://"+listener.Addr().String(),
		"--max-retries", "0", "--events", "off", "--", "sh", "-c", "exit 5")
	out, _ := cmd.CombinedOutput() // the status says how it ended
	// What starting a program costs on a busy machine comes on top of the 2 seconds.
	if took := time.Since(start); cmd.ProcessState.ExitCode() != 5 || took > 4*time.Second {
		t.Errorf("ended with %v after %v, want exit code 5 within 2s", cmd.ProcessState, took)
	}
	if !strings.Contains(string(out), "2 spans were not exported to http://127.0.0.1:") {
		t.Errorf("printed %q, want what was not exported", out)
	}
}
