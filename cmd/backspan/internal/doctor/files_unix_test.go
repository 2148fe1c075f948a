//go:build unix

package doctor

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/backspan/backspan/telemetry"
)

func TestEventLogsThatTheWriterRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "real.jsonl", record(t, wroteAt), 0o600)
	if err := os.Mkdir("dir", 0o700); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"link.jsonl": "real.jsonl", "linked": "dir"} {
		if err := os.Symlink(target, name); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mkfifo("pipe", 0o600); err != nil {
		t.Fatal(err)
	}
	has(t, examineLog(t, "link.jsonl"), "events", Problem, "link.jsonl", "symbolic link")
	has(t, examineLog(t, "linked/deeper/log.jsonl"), "events", Problem, "linked is a symbolic link")
	has(t, examineLog(t, "pipe"), "events", Problem, "not a regular file") // opening it would block
}

func TestTraceFilesThatTheWriterRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "real.json", "", 0o600)
	err := errors.Join(os.Symlink("real.json", "link.json"), os.Symlink("nowhere", "dangling.json"),
		unix.Mkfifo("pipe", 0o600))
	if err != nil {
		t.Fatal(err)
	}
	examineTrace := func(path string) Report {
		return examine(t, Setup{Config: telemetry.Config{NoExport: true, Events: telemetry.Off, TraceFile: path}})
	}
	has(t, examineTrace("real.json"), "trace file", OK, "real.json can be written")
	for path, want := range map[string]string{
		"link.json": "symbolic link", "dangling.json": "symbolic link", ".": "is a directory",
		"pipe": "pipe is not a regular file", // opening it would block
	} {
		has(t, examineTrace(path), "trace file", Problem, want)
		if _, err := telemetry.NewTraceFile(path, nil); err == nil {
			t.Errorf("%s: the doctor refuses what a trace file can be", path)
		}
	}
	has(t, examineTrace("real.json/deeper"), "trace file", Problem, "--trace-file")
}

func TestWhatMayNotBeWritten(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "log.jsonl", record(t, wroteAt), 0o444)
	if err := os.Mkdir("dir", 0o555); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir("shut", 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, "secret.jsonl", record(t, wroteAt), 0o200)
	asOrdinaryUser(t, func() {
		has(t, examineLog(t, "log.jsonl"), "events", Problem, "log.jsonl cannot be written", "ls -l log.jsonl")
		has(t, examineLog(t, "log.jsonl"), "events", OK, "1 event")
		has(t, examineLog(t, "dir/new/log.jsonl"), "events", Problem, "cannot be made in dir", "permission denied",
			"ls -ld dir shows whose it is; chmod u+wx dir")
		has(t, examineLog(t, "shut/deeper/log.jsonl"), "events", Problem, "cannot be looked at in shut", "ls -ld shut")
		has(t, examineLog(t, "secret.jsonl"), "events", Problem, "permission denied")
	})
}
