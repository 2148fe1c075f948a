//go:build unix

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const oneStep = "name: n\nphases: [{name: p, steps: [{name: s, run: echo ran}]}]\n"

// typed runs a line in bash in dir. It fails the test when the line waits for something.
func typed(t *testing.T, dir, line string) (out string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, "bash", "-c", line)
	c.Dir, c.Env = dir, append(os.Environ(), "OTEL_TRACES_EXPORTER=none", "HOME="+dir)
	c.WaitDelay = time.Second
	text, err := c.CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("%s: still waits: %s", line, text)
	}
	if err != nil && c.ProcessState == nil {
		t.Fatal(err)
	}
	return string(text), c.ProcessState.ExitCode()
}

// No verb waits for the other end of a named pipe, nor for that of a device. What is open already works, as do the
// devices that people write to.
func TestNamedPipesAreNotWaitedFor(t *testing.T) {
	dir := t.TempDir()
	if out, code := typed(t, dir, "backspan demo --scenario healthy"); code != 0 {
		t.Fatal(out)
	}
	if err := os.WriteFile(filepath.Join(dir, "one.yaml"), []byte(oneStep), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	const pipe = "named pipe"
	for _, c := range []struct {
		line string
		code int
		want string
	}{
		{"backspan events pipe", 2, pipe},
		{"backspan events count pipe", 2, pipe},
		{"backspan events follow pipe", 2, "not a regular file"},
		{"backspan show pipe", 2, "not a regular file"},
		{"backspan report pipe", 2, "not a regular file"},
		{"backspan run pipe", 2, pipe},
		{"backspan run one.yaml --only p --outputs pipe", 0, "ran"}, // nothing needs outputs
		{"BACKSPAN_CONFIG=pipe backspan run one.yaml", 2, pipe},
		{"OTEL_TRACES_EXPORTER= OTEL_EXPORTER_OTLP_CERTIFICATE=pipe backspan run one.yaml", 2, pipe},
		{"backspan report -o pipe", 2, pipe},
		{"backspan run one.yaml --report pipe", 2, pipe},
		{"backspan run one.yaml --report-file pipe", 2, pipe},
		{"backspan demo --result pipe", 2, pipe},
		{"backspan run one.yaml --events pipe", 2, "not a regular file"},
		{"backspan run one.yaml --trace-file pipe", 2, "not a regular file"},
		{"backspan init pipe", 2, "pipe exists"},
		{"backspan __complete events list --phase '' pipe", 0, ""},
		{"backspan events /dev/zero", 2, "device"},
		{"backspan run /dev/zero", 2, "device"},
		{"backspan report -o /dev/full", 1, "no space left"},
		{"backspan report -o /dev/null", 0, ""},
		{"backspan events <(cat data/session/events.jsonl)", 0, "Run co2_report started"},
		{"backspan events - <pipe & cat data/session/events.jsonl >pipe; wait $!", 0, "Run co2_report started"},
		{"backspan events /dev/stdin <data/session/events.jsonl", 0, "Run co2_report started"},
		{"backspan run <(cat one.yaml)", 0, "s | ran"},
		{"backspan report -o >(cat)", 0, "</html>"},
		{"backspan report -o /dev/stdout | cat", 0, "</html>"},
		{"echo before >log; backspan report -o /dev/stdout >>log; cat log", 0, "before\n<!doctype html>"},
		{"rm -f report.html; mkfifo report.html; backspan report", 2, pipe},
		{"rm data/session/result.json; mkfifo data/session/result.json; backspan demo", 2, pipe},
		{"mv data/session/events.jsonl e; mkfifo data/session/events.jsonl; backspan events", 2, pipe},
		{"backspan doctor", 1, "events.jsonl is not a regular file"},
	} {
		out, code := typed(t, dir, c.line)
		if code != c.code || !strings.Contains(strings.ToLower(out), strings.ToLower(c.want)) {
			t.Errorf("%s: exit code %d, want %d and %q: %s", c.line, code, c.code, c.want, out)
		}
	}
}

// A default path has no link on it: what the links lead to stays as it is. A path that is typed may be one.
func TestDefaultPathsFollowNoLinks(t *testing.T) {
	for _, c := range []struct {
		line, link string
		directory  bool // the link leads to one
		code       int
	}{
		{"backspan demo --scenario healthy", "data", true, 2},
		{"backspan demo --scenario healthy", "data/session", true, 2},
		{"backspan demo --scenario healthy", "data/session/result.json", false, 2},
		{"backspan demo --scenario healthy", "data/session/trace.json", false, 2},
		{"backspan run one.yaml", "data", true, 2},
		{"backspan run one.yaml", "data/session/trace.json", false, 2},
		{"backspan run one.yaml", "data/session/outputs", true, 0},
		{"backspan exec -- false", "data", true, 1},
		{"backspan exec --max-retries 0 -- false", "data/session/events.jsonl", false, 1},
		{"backspan demo --scenario healthy >/dev/null 2>&1; backspan report", "report.html", false, 2},
		{"backspan man pages", "pages/backspan-exec.1", false, 1},
		{"backspan init", "pipeline.yaml", false, 2},
	} {
		t.Run(c.line+" "+c.link, func(t *testing.T) {
			dir, victim := t.TempDir(), filepath.Join(t.TempDir(), "victim")
			file := victim
			if c.directory {
				file = filepath.Join(victim, "result.json")
				if err := os.Mkdir(victim, 0o700); err != nil {
					t.Fatal(err)
				}
			}
			pipeline := strings.Replace(oneStep, "run: echo ran", "run: echo ran, output: text", 1)
			link := filepath.Join(dir, c.link)
			for _, err := range []error{
				os.WriteFile(file, []byte("untouched"), 0o600),
				os.WriteFile(filepath.Join(dir, "one.yaml"), []byte(pipeline), 0o600),
				os.MkdirAll(filepath.Dir(link), 0o700), os.Symlink(victim, link),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
			line := strings.Replace(c.line, "exec --", "exec --base-delay 0 --", 1)
			out, code := typed(t, dir, line)
			if code != c.code || c.link != "pipeline.yaml" && !strings.Contains(out, "is a symbolic link") {
				t.Errorf("exit code %d, want %d and that there is a link: %s", code, c.code, out)
			}
			if text, err := os.ReadFile(file); err != nil || string(text) != "untouched" {
				t.Errorf("the other end of the link holds %q (%v)", text, err)
			}
			if c.directory {
				if there, err := os.ReadDir(victim); err != nil || len(there) != 1 {
					t.Errorf("at the other end of the link is %v (%v)", there, err)
				}
			}
		})
	}
	dir := t.TempDir()
	out, code := typed(t, dir, `mkdir real; ln -s real linked; ln -s real/page.html page.html; echo >real/page.html
backspan demo --scenario healthy --trace-file linked/t.json --result linked/r.json --report page.html &&
test -s real/t.json && test -s real/r.json && test -s real/page.html && test -L page.html`)
	if code != 0 {
		t.Errorf("typed links: exit code %d: %s", code, out)
	}
}
