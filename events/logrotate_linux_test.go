package events

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// logrotate, with the configuration that the guide gives, rotates a log six times under two writers: nothing is lost.
func TestTheGuidesLogrotateFileLosesNothing(t *testing.T) {
	const writers, rotations = 2, 6
	path := logPath(t)
	config, state := filepath.Join(t.TempDir(), "logrotate.conf"), filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(config, []byte(guidesLogrotateFile(t, path)), 0o600); err != nil {
		t.Fatal(err)
	}
	var children []*child
	for writer := range writers {
		c := spawn(t, "steady", "EVENTS="+path, fmt.Sprint("WRITER=", writer), "PACE=200us")
		c.line(t)
		children = append(children, c)
	}
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin") // where Debian has it, for root alone
	for range rotations {
		logrotate := exec.CommandContext(t.Context(), "logrotate", "--force", "--state", state, config)
		said, err := logrotate.CombinedOutput()
		if err != nil || len(said) > 0 {
			t.Fatalf("logrotate: %v\n%s", err, said)
		}
		eventually(t, "both writers in the new file", func() bool { return writersIn(path) == writers })
	}
	written := make([]int, writers)
	for i, c := range children {
		c.in.Close() //nolint:errcheck // a child that is gone shows below
		n, err := strconv.Atoi(c.line(t))
		if err != nil {
			t.Fatal(err)
		}
		written[i] = n
		c.end(t)
	}
	paths, err := filepath.Glob(path + "*")
	if err != nil || len(paths) != 1+rotations {
		t.Fatalf("%d rotations left %q, %v", rotations, paths, err)
	}
	seen, _ := found(t, paths...)
	for writer, n := range written {
		if missing, doubled := lost(seen, writer, n); missing+doubled > 0 {
			t.Errorf("writer %d: of %d records %d are lost, %d doubled", writer, n, missing, doubled)
		}
	}
	t.Logf("%d records in %d files", len(seen), len(paths))
}

// guidesLogrotateFile is the configuration that docs/guide.md shows, for the log at path.
func guidesLogrotateFile(t *testing.T, path string) string {
	t.Helper()
	const mark, shown = "<!-- of: events/logrotate_linux_test.go -->\n```text\n", "/var/log/billing/events.jsonl {"
	guide, err := os.ReadFile("../docs/guide.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(guide), mark+shown)
	block, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatalf("docs/guide.md has no block that begins with %q", mark+shown)
	}
	return path + " {" + block
}
