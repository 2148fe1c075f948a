//go:build unix

package main

import (
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

const cleansUp = `
name: cleans up
phases:
  - {name: work, steps: [{name: work, run: 'echo > working; exec sleep 1000'}]}
  - {name: cleanup, if: always, steps: [{name: cleanup, run: 'echo one; sleep 0.2; echo two; echo done > done'}]}
`

// When a terminal is closed, the kernel sends SIGHUP and so does the shell, in any order and however far apart. What
// reads backspan's output ends, too. The cleanup runs to its end all the same.
func TestCleanupWhenTheTerminalCloses(t *testing.T) {
	for _, line := range []string{
		"backspan run --events off --trace-file off",
		"backspan run --events off --trace-file off >out",
		"backspan run --events off --trace-file off 2>err",
		"backspan run --events off --trace-file off 2>&1 | tee out",
		"backspan run --events off --trace-file off &",
	} {
		t.Run(line, func(t *testing.T) {
			for range 6 {
				hangUp(t, line)
			}
		})
	}
}

// hangUp types a line into a shell on a terminal and closes the terminal while the command runs.
func hangUp(t *testing.T, line string) {
	t.Helper()
	// A handler, unlike an ignored signal (nohup), is not inherited.
	hups := make(chan os.Signal, 1)
	signal.Notify(hups, syscall.SIGHUP)
	defer signal.Stop(hups)
	dir := t.TempDir()
	pipeline := filepath.Join(dir, "pipeline.yaml")
	if err := os.WriteFile(pipeline, []byte(cleansUp), 0o600); err != nil {
		t.Fatal(err)
	}
	all, held, err := os.Pipe() // every process below the shell holds an end of it
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close() //nolint:errcheck // it was only read
	c := exec.CommandContext(t.Context(), "bash", "--norc", "--noediting", "-i")
	c.Dir, c.ExtraFiles = dir, []*os.File{held}
	p := seat(t, c)
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	p.press(t, line+"\n")
	awaitFile(t, filepath.Join(dir, "working"))
	if err := p.keys.Close(); err != nil {
		t.Fatal(err)
	}
	if err := all.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(all); err != nil {
		t.Fatalf("a process lives on: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "done")); err != nil {
		t.Errorf("the cleanup did not run to its end: %v", err)
	}
	_ = p.Wait() // the shell ends by a signal
}

// awaitFile waits until a file is there.
func awaitFile(t *testing.T, path string) {
	t.Helper()
	for late := time.Now().Add(20 * time.Second); ; runtime.Gosched() {
		if _, err := os.Stat(path); err == nil {
			return
		} else if time.Now().After(late) {
			t.Fatal(err)
		}
	}
}
