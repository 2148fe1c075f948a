package session

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// traceLine is a span in OTLP's JSON; parent 0 is none.
func traceLine(trace, number, parent int, name, session string, second int) string {
	quote := func(s string) string {
		b, _ := json.Marshal(s) // a string always has a JSON
		return string(b)
	}
	line := fmt.Sprintf(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"%032x","spanId":"%016x","name":%s,`+
		`"startTimeUnixNano":"%d000000000","endTimeUnixNano":"%d000000000","status":{}`,
		trace, number, quote(name), 1_800_000_000+second, 1_800_000_001+second)
	if parent > 0 {
		line += fmt.Sprintf(`,"parentSpanId":"%016x"`, parent)
	}
	if session != "" {
		line += fmt.Sprintf(
			`,"attributes":[{"key":"session.id","value":{"stringValue":%s}},{"key":"backspan.kind","value":{"stringValue":"operation"}}]`, quote(session))
	}
	return line + "}]}]}]}\n"
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func zipped(t *testing.T, s string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// list is the ids and names of a log's sessions, with how many records each has.
func list(l *Log) string {
	var b strings.Builder
	for _, e := range l.Sessions {
		fmt.Fprintf(&b, "%s %s %d\n", e.ID, e.Name, e.Records)
	}
	return b.String()
}

func TestSessionsOfATraceFile(t *testing.T) {
	content := traceLine(1, 1, 0, "first", "aaa1", 10) +
		traceLine(1, 2, 1, "GET /", "", 10) + // the client's, below ours
		traceLine(2, 3, 0, "second", "aaa2", 20) +
		traceLine(2, 4, 9, "a stranger of the trace", "", 21) +
		traceLine(2, 5, 3, "another session in the same trace", "aab3", 22) +
		traceLine(2, 6, 5, "below that", "", 22) +
		traceLine(3, 7, 0, "nobody's", "", 5) +
		"{\"resourceSpans\":[{\n"
	want := "aab3 another session in the same trace 2\n" + "aaa2 second 2\n" + "aaa1 first 2\n" +
		"00000000000000000000000000000003 nobody's 1\n"
	for name, content := range map[string]string{"trace.json": content, "trace.json.gz": zipped(t, content)} {
		path := write(t, name, content)
		log, err := List(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := list(log); got != want || log.Format != TraceFile || log.Left.Lines != 1 {
			t.Errorf("%s: %s, %d lines skipped, sessions\n%swant\n%s", name, log.Format, log.Left.Lines, got, want)
		}
		if log, err = Open(path); err != nil {
			t.Fatal(err)
		}
		s, err := log.Session("AAA1")
		if err != nil || len(flat(s.Roots)) != 2 || s.ID != "aaa1" ||
			!strings.Contains(strings.Join(s.Notes, ""), "1 line") {
			t.Errorf("%s: session %+v, error %v", name, s, err)
		}
		if s, err := log.Session(""); err != nil || s.ID != "aab3" {
			t.Errorf("%s: the newest is %+v, error %v", name, s, err)
		}
		if s, err := log.Session("0000"); err != nil || s.ID != "" {
			t.Errorf("%s: a trace without session gave %+v, error %v", name, s, err)
		}
	}
}

func TestSessionsOfAnEventsFile(t *testing.T) {
	event := func(second int, session, kind, details string) string {
		return fmt.Sprintf(
			`{"timestamp": "2026-11-23T19:11:%02dZ", "session_id": %q, "type": %q, "message": "", "details": {%s}}`+
				"\n", second, session, kind, details)
	}
	content := event(1, "aaa1", "run_start", `"pipeline": "nightly"`) + event(2, "aaa1", "phase_start", "") +
		event(9, "aaa2", "autocorrect_attempt", "") + "rubbish\n"
	for name, content := range map[string]string{"events.jsonl": content, "events.jsonl.gz": zipped(t, content)} {
		log, err := Open(write(t, name, content))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := list(log), "aaa2  1\naaa1 nightly 2\n"; got != want ||
			log.Format != EventsFile || log.Left.Lines != 1 {
			t.Errorf("%s: %s, %d lines skipped, sessions\n%swant\n%s", name, log.Format, log.Left.Lines, got, want)
		}
	}
}

func TestSessionsThatAreNotThere(t *testing.T) {
	log, err := Open(write(t, "trace.json", traceLine(1, 1, 0, "a", "aaa1", 1)+traceLine(2, 2, 0, "b", "aaa2", 2)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Session("bbb"); !errors.Is(err, ErrNoSession) {
		t.Errorf("an unknown one: %v", err)
	}
	if _, err := log.Session("aaa"); err == nil || errors.Is(err, ErrNoSession) ||
		!strings.Contains(err.Error(), "2 sessions begin with") {
		t.Errorf("two that begin alike: %v", err)
	}
	if log, err = Open(write(t, "none.json", `{"resourceSpans": []}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := log.Session(""); !errors.Is(err, ErrNoSession) ||
		!strings.HasSuffix(err.Error(), "none.json: no such session, for it has no spans and no events") {
		t.Errorf("of none at all: %v", err)
	}
}

func TestFilesThatAreNoLogs(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ path, want string }{
		{filepath.Join(dir, "missing.json"), "there is no such file"},
		{dir, "is a directory; name the trace file or the events file in it"},
		{os.DevNull, "is not a regular file"},
		{write(t, "empty", " \n\n"), "is empty; want"},
		{write(t, "binary", "\x7fELF\x00\x01"), "is binary; want"},
		{write(t, "latin", "caf\xe9 "+strings.Repeat("x", 100)), "is binary; want"},
		{write(t, "cut", strings.Repeat("x", headSize-1)+"é"), "is neither; want"},
		{write(t, "readme.md", "# Backspan\n"), "is neither; want"},
		{
			write(t, "pretty.json", "{\n  \"resourceSpans\": []\n}\n"),
			"is OTLP JSON, but not one object a line, as jq -c . ",
		},
		{write(t, "list.json", `[{"resourceSpans": []}]`), "is OTLP JSON, but not one object a line, as jq -c '.[]' "},
		{write(t, "jaeger.json", `{"data":[{"traceID":"abc"}]}`), "is Jaeger's own JSON; want"},
		{write(t, "torn.gz", "\x1f\x8b\x08\x00"), "unexpected EOF"},
		{write(t, "bad.json", `{"resourceSpans": 7}`), "want a {\"resourceSpans\""},
	} {
		_, err := Open(c.path)
		if err == nil || !strings.Contains(err.Error(), c.want) ||
			!strings.Contains(err.Error(), filepath.Base(c.path)) {
			t.Errorf("%s: error %v, want %q with the name", c.path, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: the error has more than one line: %v", c.path, err)
		}
	}
}

// A file that is compressed while somebody writes it has no end yet.
func TestTornArchives(t *testing.T) {
	content := strings.Repeat(traceLine(1, 1, 0, "a", "aaa1", 1), 2000)
	whole := zipped(t, content)
	log, err := Open(write(t, "trace.json.gz", whole[:len(whole)/2]))
	if err != nil || len(log.Sessions) != 1 || log.Left.Lines == 0 {
		t.Errorf("log %+v, error %v", log, err)
	}
}

func TestListIsSafeToPrint(t *testing.T) {
	log, err := List(write(t, "trace.json", traceLine(1, 1, 0, "a\x1b[2J\nb\u202e", "id\tx\x07", 1)))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := log.WriteList(&out); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); strings.ContainsAny(got, "\x1b\a\u202e\t") || strings.Count(got, "\n") != 3 ||
		!strings.Contains(got, "a b⟨U+202E⟩") {
		t.Errorf("%q", got)
	}
	if err := log.WriteList(sick{}); !errors.Is(err, errSick) {
		t.Errorf("error %v, want the writer's", err)
	}
}

// sick fails to write.
type sick struct{}

var errSick = errors.New("disk full")

func (sick) Write([]byte) (int, error) { return 0, errSick }

func TestEndings(t *testing.T) {
	for _, c := range []struct {
		events [][2]string // type and result
		want   Outcome
	}{
		{[][2]string{{"run_start", ""}}, Unended},
		{[][2]string{{"run_start", ""}, {"run_end", "success"}}, Succeeded},
		{[][2]string{{"run_start", ""}, {"recovery_attempt", "success"}, {"run_end", "success"}}, Recovered},
		{
			[][2]string{
				{"autocorrect_recovered", "success"}, {"fallback_attempt", "success"}, {"run_end", "success"},
			}, FellBack,
		},
		{[][2]string{{"autocorrect_recovered", "success"}, {"run_end", "cancelled"}}, Cancelled},
		{[][2]string{{"autocorrect_attempt", "failed"}}, Failed},
		{[][2]string{{"autocorrect_attempt", "retrying"}, {"autocorrect_recovered", "success"}}, Recovered},
		{[][2]string{{"autocorrect_attempt", "retrying"}, {"autocorrect_stopped", "deadline"}}, Failed},
		{[][2]string{{"autocorrect_attempt", "retrying"}, {"autocorrect_stopped", "cancelled"}}, Cancelled},
		{[][2]string{{"autocorrect_attempt", "retrying"}, {"autocorrect_stopped", "retrying"}}, Failed}, // by a panic
		{[][2]string{{"autocorrect_attempt", "failed"}, {"autocorrect_stopped", "failed"}}, Failed},     // likewise
		{[][2]string{{"autocorrect_attempt", "retrying"}}, Unended},
		{[][2]string{{"phase_start", ""}}, ""},
	} {
		log := ""
		for _, e := range c.events {
			log += fmt.Sprintf(
				`{"timestamp": "2026-11-23T19:11:43Z", "session_id": "s", "type": %q, "details": {"result": %q}}`+
					"\n", e[0], e[1])
		}
		l, err := Open(write(t, "events.jsonl", log))
		if err != nil {
			t.Fatal(err)
		}
		if got := l.Sessions[0].Outcome; got != c.want {
			t.Errorf("%v: %q, want %q", c.events, got, c.want)
		}
	}
}
