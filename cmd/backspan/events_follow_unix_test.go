//go:build unix

package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/events"
)

// A follower is a running backspan events follow, whose stdout and stderr are pipes.
type follower struct {
	*exec.Cmd
	log      string
	stdout   io.Closer
	out, err *bufio.Reader
}

// startFollow follows dir/events.jsonl. What does not come within a minute does not come.
func startFollow(t *testing.T, dir string, args ...string) *follower {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	f := &follower{log: filepath.Join(dir, "events.jsonl")}
	f.Cmd = exec.CommandContext(ctx, "backspan", append([]string{"events", "follow", f.log}, args...)...)
	out, err := f.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	errOut, err := f.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	f.stdout, f.out, f.err = out, bufio.NewReader(out), bufio.NewReader(errOut)
	return f
}

// says reads the next line of stdout or stderr, which has to have want in it.
func (f *follower) says(t *testing.T, from *bufio.Reader, want string) {
	t.Helper()
	if line, err := from.ReadString('\n'); err != nil || !strings.Contains(line, want) {
		rest, _ := io.ReadAll(f.err)
		t.Fatalf("got %q, %v, want %q; stderr goes on with %q", line, err, want, rest)
	}
}

// waits is what it says when there is no file yet.
func (f *follower) waits(t *testing.T) {
	t.Helper()
	f.says(t, f.err, f.log+" is not there yet; waiting for it")
}

// end sends s. Nothing more may be on stdout, and stderr has to end with want.
func (f *follower) end(t *testing.T, s syscall.Signal, code int, want string) {
	t.Helper()
	if err := f.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	out, _ := io.ReadAll(f.out)
	rest, _ := io.ReadAll(f.err)
	_ = f.Wait() // the code says how it ended
	if got := f.ProcessState.ExitCode(); got != code || len(out) > 0 || string(rest) != want {
		t.Errorf("%v: exit code %d, stdout goes on with %q, stderr with %q; want %d and %q",
			s, got, out, rest, code, want)
	}
}

// add appends to the log.
func (f *follower) add(t *testing.T, text string) {
	t.Helper()
	file, err := os.OpenFile(f.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.WriteString(text)
	if err := cmp.Or(err, file.Close()); err != nil {
		t.Fatal(err)
	}
}

// said is a line of the log with a level and a message.
func said(level, message string) string {
	r := events.Record{Time: time.Now(), Session: "s", Type: events.TypeRunStart, Level: level, Message: message}
	return string(r.Append(nil))
}

// A line is there as soon as it is written, across rotation and truncation; the file may come later.
func TestFollow(t *testing.T) {
	f := startFollow(t, t.TempDir())
	f.waits(t)
	f.add(t, said("info", "first"))
	f.says(t, f.out, "info     first")
	half := said("error", "second")
	f.add(t, half[:20])
	f.add(t, half[20:])
	f.says(t, f.out, "error    second")
	if err := os.Rename(f.log, f.log+".1"); err != nil {
		t.Fatal(err)
	}
	f.add(t, said("info", "in the next file, which is longer"))
	f.says(t, f.out, "in the next file")
	if err := os.Truncate(f.log, 0); err != nil {
		t.Fatal(err)
	}
	f.add(t, said("info", "after all"))
	f.says(t, f.out, "after all")
	f.end(t, unix.SIGINT, 130, "")
}

func TestFollowFiltersAndHandsOn(t *testing.T) {
	f := startFollow(t, t.TempDir(), "--json", "--level", "warning", "--level", "error")
	f.waits(t)
	line := said("error", "ends \x1b[31mbadly")
	lost := events.Record{Type: events.TypeEventsDropped, Details: []events.Field{events.Int(events.KeyCount, 3)}}
	f.add(t, said("info", "begins")+line+string(lost.Append(nil)))
	if got, err := f.out.ReadString('\n'); got != line {
		t.Errorf("got %q, %v, want %q", got, err, line)
	}
	f.says(t, f.err, "3 events lost when they were written")
	f.end(t, unix.SIGTERM, 143, "")
}

// Only what is new, unless --from-start says otherwise.
func TestFollowBegins(t *testing.T) {
	f := &follower{log: filepath.Join(t.TempDir(), "events.jsonl")}
	f.add(t, said("info", "old"))
	all := startFollow(t, filepath.Dir(f.log), "--from-start")
	all.says(t, all.out, "old")
	all.end(t, unix.SIGINT, 130, "")

	fresh := startFollow(t, filepath.Dir(f.log))
	line := make(chan string)
	go func() {
		text, _ := fresh.out.ReadString('\n')
		line <- text
	}()
	again := time.NewTicker(20 * time.Millisecond) // nothing says when it looks for the end of the file
	defer again.Stop()
	for n := 0; ; n++ {
		select {
		case <-again.C:
			f.add(t, said("info", fmt.Sprintf("new %d", n)))
			continue
		case text := <-line:
			if !strings.Contains(text, "info     new") {
				t.Errorf("it begins with %q", text)
			}
		}
		break
	}
	if err := fresh.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = fresh.Wait() // killed
}

// That lines cannot be read is said when the first of them comes, also when nothing else does, and counted at the end.
func TestFollowSaysWhatItCannotRead(t *testing.T) {
	f := startFollow(t, t.TempDir())
	f.waits(t)
	f.add(t, said("info", "first"))
	f.says(t, f.out, "first")
	f.add(t, "no record\n")
	f.says(t, f.err, f.log+": 1 line could not be read")
	f.add(t, "neither\n"+said("info", "second"))
	f.says(t, f.out, "second")
	f.end(t, unix.SIGINT, 130, "backspan: "+f.log+": 2 lines could not be read in all\n")
}

func TestFollowRefusesADirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "events.jsonl"), 0o700); err != nil {
		t.Fatal(err)
	}
	f := startFollow(t, dir)
	f.says(t, f.err, "is not a regular file; only these can be followed")
	_ = f.Wait() // the code says how it ended
	if got := f.ProcessState.ExitCode(); got != cli.ExitUsage {
		t.Errorf("exit code %d, want %d", got, cli.ExitUsage)
	}
}

// follow | head -1 ends when head does, also when no more lines come.
func TestFollowEndsWithItsReader(t *testing.T) {
	f := startFollow(t, t.TempDir())
	f.waits(t)
	f.add(t, said("info", "first"))
	f.says(t, f.out, "first")
	if err := f.stdout.Close(); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(f.err)
	_ = f.Wait() // the code says how it ended
	if got, want := f.ProcessState.ExitCode(), 128+int(unix.SIGPIPE); got != want || len(rest) > 0 {
		t.Errorf("exit code %d, stderr %q, want %d and nothing", got, rest, want)
	}
}
