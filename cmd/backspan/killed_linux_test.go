package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A backspan that is killed takes its commands with it. A command that cleans up upon TERM has the time to.
func TestKilledBackspan(t *testing.T) {
	const commands = `trap 'echo > cleaned; exit' TERM; echo > working; while :; do sleep 0.01; done`
	const pipeline = "name: n\nphases:\n" +
		"  - {name: root, steps: [{name: root, run: 'true'}]}\n" +
		"  - {name: a, needs: [root], steps: [{name: a, run: \"" + commands + "\"}]}\n" +
		"  - {name: b, needs: [root], steps: [{name: b, run: [sleep, '1000']}]}\n"
	for _, args := range [][]string{
		{"exec", "--", "sh", "-c", commands},
		{"exec", "--", "backspan", "exec", "--", "sh", "-c", commands},
		{"run"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "pipeline.yaml"), []byte(pipeline), 0o600); err != nil {
			t.Fatal(err)
		}
		all, held, err := os.Pipe() // backspan and its commands hold an end of it
		if err != nil {
			t.Fatal(err)
		}
		w := &wrapped{dir: dir}
		w.Cmd = exec.CommandContext(t.Context(), "backspan", args...)
		w.Dir, w.Env, w.ExtraFiles = dir, append(os.Environ(), "OTEL_TRACES_EXPORTER=none"), []*os.File{held}
		w.begin(t)
		if err := held.Close(); err != nil {
			t.Fatal(err)
		}
		awaitFile(t, filepath.Join(dir, "working"))
		w.send(t, unix.SIGKILL)
		if err := all.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(all); err != nil {
			t.Errorf("%q: a command lives on: %v", args, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "cleaned")); err != nil {
			t.Errorf("%q: the command could not clean up: %v", args, err)
		}
		_ = w.Wait()    // it was killed
		_ = all.Close() // it was only read
	}
}
