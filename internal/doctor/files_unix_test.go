//go:build unix

package doctor

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
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
	has(t, examineLog(t, "pipe"), "events", Problem, "not a regular file") // and it does not wait for the other end
}

func TestWhatMayNotBeWritten(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "log.jsonl", record(t, wroteAt), 0o444)
	if err := os.Mkdir("dir", 0o555); err != nil {
		t.Fatal(err)
	}
	write(t, "secret.jsonl", record(t, wroteAt), 0o200)
	asOrdinaryUser(t, func() {
		has(t, examineLog(t, "log.jsonl"), "events", Problem, "log.jsonl cannot be written", "ls -l log.jsonl")
		has(t, examineLog(t, "log.jsonl"), "events", OK, "1 event")
		has(t, examineLog(t, "dir/new/log.jsonl"), "events", Problem, "cannot be made in dir", "permission denied")
		has(t, examineLog(t, "secret.jsonl"), "events", Problem, "permission denied")
	})
}
