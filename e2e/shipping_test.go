//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/backspan/backspan/e2e/internal/program"
)

// The configurations in deploy/ make one event log of those of two hosts, by real rsyslogd processes. The longest line
// that an event log has arrives byte for byte, and `backspan events` is asked there.
func TestEventLogsOfManyHostsInOnePlace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	kept := filepath.Join(dir, "kept.jsonl")
	port := closedPort(t)
	_, number, err := net.SplitHostPort(port)
	if err != nil {
		t.Fatal(err)
	}
	collect := startRsyslog(t, "rsyslog-collect.conf", "/var/log/backspan/events.jsonl", kept, "6514", number)
	waitForStart(t, "an rsyslogd that listens", collect, func() bool { return answers(t, port) })

	web1 := filepath.Join(dir, "web-1.jsonl")
	failing := program.Command{
		Path: backspan, Dir: dir, Env: noCollector(),
		Args: []string{
			"exec", "--max-retries", "3", "--base-delay", "1ms", "--events", web1, "--", "sh", "-c",
			"echo refused >&2; exit 1",
		},
	}
	if result, err := failing.Run(t.Context()); err != nil || result.Code != 1 {
		t.Fatalf("%v, %v", result, err)
	}
	first := []byte(read(web1))
	if !bytes.Contains(first, []byte(`"host": "`)) {
		t.Fatalf("no host in %s", first)
	}
	longest := longestLine(t, first)
	first = append(first, longest...)
	second := bytes.ReplaceAll(first, []byte(`"host": "`), []byte(`"host": "other-`))
	web2 := filepath.Join(dir, "web-2.jsonl")
	for path, content := range map[string][]byte{web1: first, web2: second} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		startRsyslog(t, "rsyslog-ship.conf", "/var/log/billing/events.jsonl", path, "6514", number)
	}

	want := sortedLines(append(slices.Clone(first), second...))
	waitFor(t, "all lines", func() bool { return strings.Count(read(kept), "\n") >= len(want) })
	if got := sortedLines([]byte(read(kept))); !slices.Equal(got, want) {
		t.Errorf("%d lines arrived, and not the %d that were sent:\n%s", len(got), len(want), read(kept))
	}

	by := must(t, program.Command{
		Path: backspan, Dir: dir, Args: []string{"events", "count", "--by", "host", "--format", "csv", kept},
	})
	each := fmt.Sprintf("%d,", strings.Count(string(first), "\n"))
	if lines := strings.Fields(by.Stdout); len(lines) != 3 ||
		!strings.HasPrefix(lines[1], each+"other-") || !strings.HasPrefix(lines[2], each) {
		t.Errorf("want two hosts with %s events each: %v", each, by)
	}
}

// longestLine is the last line of the log with so much text in its message that it has 32 KiB.
func longestLine(t *testing.T, log []byte) []byte {
	t.Helper()
	lines := bytes.SplitAfter(bytes.TrimSuffix(log, []byte("\n")), []byte("\n"))
	before, after, found := bytes.Cut(lines[len(lines)-1], []byte(`"message": "`))
	if !found {
		t.Fatalf("no message in %s", lines[len(lines)-1])
	}
	const begin = `"message": "`
	fill := 32<<10 - len(before) - len(begin) - len(after) - len("\n")
	return slices.Concat(before, []byte(begin), bytes.Repeat([]byte{'x'}, fill), after, []byte("\n"))
}

func sortedLines(log []byte) []string {
	lines := strings.SplitAfter(strings.TrimSuffix(string(log), "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimSuffix(lines[i], "\n")
	}
	slices.Sort(lines)
	return lines
}

// startRsyslog runs rsyslogd in the foreground with a file of deploy/ in which the paths and ports are those of the
// test.
func startRsyslog(t *testing.T, config string, replace ...string) *program.Process {
	t.Helper()
	path, err := exec.LookPath("rsyslogd")
	if err != nil {
		path = "/usr/sbin/rsyslogd"
	}
	dir := t.TempDir()
	text := readFile(t, filepath.Join(root, "deploy", config))
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			t.Fatalf("%q is not in %s any more", replace[i], config)
		}
	}
	text = fmt.Sprintf("global(workDirectory=%q)\n", dir) + strings.NewReplacer(replace...).Replace(text)
	file := filepath.Join(dir, "rsyslog.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return runUntilTheEnd(t, program.Command{
		Path: path, Dir: dir, Args: []string{"-n", "-f", file, "-i", filepath.Join(dir, "pid")},
	})
}
