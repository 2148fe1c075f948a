package e2e

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/backspan/backspan/e2e/internal/program"
)

// eventsFile is where the demo writes its events unless told otherwise, and where the guide's commands look for them.
const eventsFile = "data/session/events.jsonl"

// service is the demo's service.name.
const service = "backspan"

// A report is what the demo prints with --json, as the guide spells it.
type report struct {
	SessionID string  `json:"session_id"`
	Pipeline  string  `json:"pipeline"`
	Status    string  `json:"status"`
	Phases    []phase `json:"phases"`
}

type phase struct {
	Phase    string    `json:"phase"`
	Status   string    `json:"status"`
	Error    string    `json:"error"`
	Recovery *recovery `json:"recovery"`
}

type recovery struct {
	Attempted bool              `json:"attempted"`
	Success   bool              `json:"success"`
	Message   string            `json:"message"`
	Attempts  []recoveryAttempt `json:"attempts"`
}

type recoveryAttempt struct {
	Attempt int     `json:"attempt"`
	Delay   float64 `json:"delay"`
	Status  string  `json:"status"`
	Error   string  `json:"error"`
}

// An event is one line of the events file.
type event struct {
	Timestamp string         `json:"timestamp"`
	SessionID string         `json:"session_id"`
	Type      string         `json:"type"`
	Phase     string         `json:"phase"`
	Level     string         `json:"level"`
	Message   string         `json:"message"`
	Details   map[string]any `json:"details"`
	TraceID   string         `json:"trace_id"`
	SpanID    string         `json:"span_id"`
}

// A run is one finished run of the demo, with the files that it wrote.
type run struct {
	program.Result
	dir    string
	report report
	events []event
}

// toJaeger is the environment of a program whose spans go to the tests' Jaeger.
func toJaeger() map[string]string {
	return map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + collector.OTLPGRPC}
}

// demo is the command line `backspan demo --json` in a new directory, with more flags and an environment.
func demo(t *testing.T, env map[string]string, args ...string) program.Command {
	t.Helper()
	return program.Command{
		Path: backspan,
		Args: append([]string{"demo", "--json"}, args...),
		Dir:  t.TempDir(),
		Env:  env,
	}
}

// runDemo runs the demo to its end and checks the exit code, and what holds for every run.
func runDemo(t *testing.T, code int, env map[string]string, args ...string) run {
	t.Helper()
	command := demo(t, env, args...)
	result, err := command.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return ended(t, command, result, code)
}

// ended reads the files that a run wrote. An incomplete report or event fails the test.
func ended(t *testing.T, command program.Command, result program.Result, code int) run {
	t.Helper()
	if result.Code != code {
		t.Fatalf("backspan %s: exit code %d, want %d: %v", strings.Join(command.Args, " "), result.Code, code, result)
	}
	if strings.Contains(result.Stderr, "goroutine ") {
		t.Errorf("a panic spoke: %v", result)
	}
	r := run{Result: result, dir: command.Dir}
	if err := json.Unmarshal([]byte(result.Stdout), &r.report); err != nil {
		t.Fatalf("stdout is not one report: %v: %v", err, result)
	}
	r.events = readEvents(t, filepath.Join(command.Dir, eventsFile))
	return r
}

// readEvents reads an events file in which every line must be whole.
func readEvents(t *testing.T, path string) (events []event) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines, terminated := strings.CutSuffix(string(content), "\n")
	if !terminated {
		t.Errorf("%s ends in half a line: …%s", path, content[max(0, len(content)-200):])
	}
	for line := range strings.SplitSeq(lines, "\n") {
		var e event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Errorf("%s: %v: %s", path, err, line)
		}
		events = append(events, e)
	}
	return events
}

// traceID is the trace that a run's events name; there must be exactly one.
func (r run) traceID(t *testing.T) string {
	t.Helper()
	ids := map[string]bool{}
	for _, e := range r.events {
		ids[e.TraceID] = true
	}
	if len(ids) != 1 || ids[""] {
		t.Fatalf("the events name the traces %v, want one", ids)
	}
	for id := range ids {
		return id
	}
	return ""
}

// count counts the events of a type.
func (r run) count(kind string) (n int) {
	for _, e := range r.events {
		if e.Type == kind {
			n++
		}
	}
	return n
}

// comparable returns the events without times and ids, which differ between two runs of the same demo.
func (r run) comparable() (events []event) {
	for _, e := range r.events {
		e.Timestamp, e.SessionID, e.TraceID, e.SpanID = "", "", "", ""
		e.Details = maps.Clone(e.Details)
		delete(e.Details, "duration")
		events = append(events, e)
	}
	return events
}
