package drawn

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/backspan/backspan/cmd/backspan/internal/page"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
)

// line is an event as the program writes it, at ms after a begin.
func line(at float64, kind, phase, message, details string, ids ...int) string {
	s := fmt.Sprintf(
		`{"timestamp": "2026-11-23T19:11:%09.6fZ", "session_id": %q, "type": %q, "phase": %q, "level": "warning", `+
			`"message": %q, "details": {%s}`, 10+at/1000, nightlyID, kind, phase, message, details)
	if len(ids) > 0 {
		s += fmt.Sprintf(`, "trace_id": "%032x", "span_id": "%016x"`, 7, ids[0])
	}
	return s + "}\n"
}

func attempt(at float64, operation string, n int, result string, more string, ids ...int) string {
	kind := "autocorrect_attempt"
	if result == "success" {
		kind = "autocorrect_recovered"
	}
	return line(at, kind, "load", fmt.Sprintf("Autocorrect attempt %d: Error in %s: timeout", n, operation),
		fmt.Sprintf(
			`"attempt_number": %d, "error": "timeout", "result": %q, "operation": %q%s`, n, result, operation, more),
		ids...)
}

// panicked is the end of an operation whose attempt n had ended with result.
func panicked(at float64, operation string, n int, result string, id int) string {
	return line(at, "autocorrect_stopped", "load", "",
		fmt.Sprintf(`"attempt_number": %d, "error": "panic: hook", "error_type": "panic", `+
			`"result": %q, "outcome": "panic", "operation": %q`, n, result, operation), id)
}

func TestRebuild(t *testing.T) {
	for _, c := range []struct {
		name, log, want string
		note            string // one of the notes holds it
	}{
		{
			"the Python system's own event, without ids, operation and delays",
			`{"timestamp": "2025-10-10T19:11:43.482629", "session_id": "4786a9a2-c5bf-41ca-a26e-e1ae5d01f41c", ` +
				`"type": "autocorrect_attempt", "phase": "data_phase", "level": "warning", "message": "Autocorrect attempt 1: ` +
				`Error in data_load: Connection timeout", "details": {"attempt_number": 1, "reason": "Error in data_load: ` +
				`Connection timeout", "result": "retrying"}}` + "\n",
			"operation data_load: open, begin unknown, not ended\n" +
				"  attempt attempt 1: retrying, begin unknown, \"Error in data_load: Connection timeout\"\n",
			"do not say how long was waited",
		},
		{
			"two operations of a name side by side are told apart by their delays",
			attempt(0, "get", 1, "retrying", `, "delay": 0, "next_delay": 1`, 1) +
				attempt(10, "get", 1, "retrying", `, "delay": 0, "next_delay": 0.5`, 2) +
				attempt(1100, "get", 2, "success", `, "delay": 0.5`, 3) +
				attempt(1200, "get", 2, "failed", `, "delay": 1`, 4),
			"operation get: failed, begin unknown, says \"failed, 2 attempts\", \"timeout\"\n" +
				"  attempt attempt 1: retrying, begin unknown, waits 1s of 1s, \"timeout\"\n" +
				"  attempt attempt 2: failed, begin unknown, \"timeout\"\n" +
				"operation get: recovered, begin unknown, says \"recovered, 2 attempts\"\n" +
				"  attempt attempt 1: retrying, begin unknown, waits 500ms of 500ms, \"timeout\"\n" +
				"  attempt attempt 2: success, begin unknown\n",
			"side by side",
		},
		{
			"an operation that ran twice, one after the other",
			attempt(0, "get", 1, "retrying", `, "next_delay": 1`, 1) +
				attempt(1100, "get", 2, "success", `, "delay": 1`, 2) +
				attempt(2000, "get", 1, "failed", "", 3),
			"operation get: recovered, begin unknown, says \"recovered, 2 attempts\"\n" +
				"  attempt attempt 1: retrying, begin unknown, waits 1s of 1s, \"timeout\"\n" +
				"  attempt attempt 2: success, begin unknown\n" +
				"operation get: failed, begin unknown, \"timeout\"\n",
			"",
		},
		{
			"an operation whose first lines are lost",
			attempt(0, "get", 3, "success", `, "delay": 2`, 1),
			"operation get: recovered, begin unknown, says \"recovered, 3 attempts\"\n  attempt attempt 3: success, begin unknown\n",
			"first attempts of some operations are missing",
		},
		{
			"an operation that was cancelled in a wait",
			attempt(0, "get", 1, "retrying", `, "next_delay": 4`, 1) +
				line(500, "autocorrect_stopped", "load", "",
					`"attempt_number": 1, "error": "context canceled", "result": "cancelled", "operation": "get"`, 9),
			"operation get: cancelled, begin unknown, \"context canceled\"\n" +
				"  attempt attempt 1: retrying, begin unknown, waits 500ms of 4s, \"timeout\"\n",
			"",
		},
		{
			"an operation that was cancelled in a wait, and all that is left is that",
			line(500, "autocorrect_stopped", "load", "",
				`"attempt_number": 2, "error": "context canceled", "result": "cancelled", "operation": "get"`, 9),
			"operation get: cancelled, begin unknown, says \"cancelled, 2 attempts\", \"context canceled\"\n",
			"first attempts of some operations are missing",
		},
		{
			"operations that ended by a panic after an attempt: before a wait, after the last one, and after a success",
			attempt(0, "get", 1, "retrying", `, "next_delay": 4`, 1) + panicked(1, "get", 1, "retrying", 2) +
				attempt(10, "put", 1, "failed", `, "outcome": "exhausted"`, 3) + panicked(11, "put", 1, "failed", 4) +
				attempt(20, "head", 1, "retrying", `, "next_delay": 0`, 5) + attempt(30, "head", 2, "success", "", 6) +
				panicked(31, "head", 2, "success", 7) +
				panicked(40, "post", 1, "success", 8),
			"operation get: panic, begin unknown, \"panic: hook\" (panic)\n" +
				"  attempt attempt 1: retrying, begin unknown, waits 1ms of 4s, \"timeout\"\n" +
				"operation put: panic, begin unknown, \"panic: hook\" (panic)\n" +
				"  attempt attempt 1: failed, begin unknown, \"timeout\"\n" +
				"operation head: panic, begin unknown, says \"panicked, 2 attempts\", \"panic: hook\" (panic)\n" +
				"  attempt attempt 1: retrying, begin unknown, \"timeout\"\n" +
				"  attempt attempt 2: success, begin unknown\n" +
				"operation post: panic, begin unknown, \"panic: hook\" (panic)\n",
			"",
		},
		{
			"a run and a phase whose starts are lost",
			line(3000, "phase_end", "load", "Phase load ended: success", `"result": "success", "duration": 2.5`, 2) +
				line(4000, "run_end", "", "Run nightly ended: success",
					`"pipeline": "nightly", "result": "success", "duration": 4`, 1),
			"run nightly: success, at 0s for 4s\n  phase load: success, at 500ms for 2.5s\n",
			"",
		},
		{
			"a run that never ended",
			line(0, "run_start", "", "Run nightly started", `"pipeline": "nightly"`, 1) +
				line(10, "phase_start", "load", "Phase load started", "", 2) +
				attempt(100, "get", 1, "retrying", `, "next_delay": 9`, 3),
			"run nightly: open, at 0s for 100ms, not ended\n  phase load: open, at 10ms for 90ms, not ended\n" +
				"    operation get: open, begin unknown, not ended\n      attempt attempt 1: retrying, begin unknown, \"timeout\"\n",
			"",
		},
		{
			"lines of two processes, out of order",
			line(10, "phase_start", "load", "Phase load started", "", 2) +
				line(0, "run_start", "", "Run nightly started", `"pipeline": "nightly"`, 1) +
				line(30, "run_end", "", "Run nightly ended: success", `"pipeline": "nightly", "result": "success"`, 1) +
				line(20, "phase_end", "load", "Phase load ended: success", `"result": "success"`, 2),
			"run nightly: success, at 0s for 30ms\n  phase load: success, at 10ms for 10ms\n",
			"",
		},
		{
			"events that could not be written, and lines that are no events",
			line(0, "run_start", "", "Run nightly started", `"pipeline": "nightly"`, 1) + "{\"timestamp\": \"2026\n" +
				"hello\n" +
				line(10, "events_dropped", "", "", `"count": 41`),
			"run nightly: open, at 0s for 0s, not ended\n",
			"41 events were lost",
		},
		{
			"a phase that its fallback saves, which calls an operation, in a log without durations",
			line(0, "run_start", "", "", `"pipeline": "nightly"`, 1) + line(0, "phase_start", "load", "", "", 2) +
				line(100, "phase_attempt_failed", "load", "",
					`"attempt_number": 1, "error": "down", "result": "failed"`, 3) +
				attempt(200, "get", 1, "retrying", `, "next_delay": 0.1`, 4) +
				attempt(310, "get", 2, "success", `, "delay": 0.1`, 5) +
				line(320, "fallback_attempt", "load", "", `"attempt_number": 1, "result": "success"`, 6) +
				line(330, "phase_end", "load", "", `"result": "success", "fallback": true`, 2) +
				line(330, "run_end", "", "", `"pipeline": "nightly", "result": "success"`, 1),
			"run nightly: success, at 0s for 330ms\n" +
				"  phase load: fell_back, at 0s for 330ms\n" +
				"    attempt attempt 1: failed, begin unknown, \"down\"\n" +
				"    fallback fallback: success, begin unknown\n" +
				"      operation get: recovered, begin unknown, says \"recovered, 2 attempts\"\n" +
				"        attempt attempt 1: retrying, begin unknown, waits 100ms of 100ms, \"timeout\"\n" +
				"        attempt attempt 2: success, begin unknown\n",
			"Waits are as long as they were planned",
		},
		{
			"the same with durations: what is known of the phase's own attempts is told",
			line(0, "run_start", "", "", `"pipeline": "nightly"`, 1) + line(0, "phase_start", "load", "", "", 2) +
				line(100, "phase_attempt_failed", "load", "",
					`"attempt_number": 1, "error": "down", "result": "failed", "duration": 0.09`, 3) +
				attempt(200, "get", 1, "retrying", `, "next_delay": 0.1, "duration": 0.05`, 4) +
				attempt(310, "get", 2, "success", `, "delay": 0.1, "duration": 0.005`, 5) +
				line(320, "fallback_attempt", "load", "",
					`"attempt_number": 1, "result": "success", "duration": 0.2`, 6) +
				line(330, "phase_end", "load", "", `"result": "success", "fallback": true, "duration": 0.33`, 2) +
				line(330, "run_end", "", "", `"pipeline": "nightly", "result": "success"`, 1),
			"run nightly: success, at 0s for 330ms\n" +
				"  phase load: fell_back, at 0s for 330ms\n" +
				"    attempt attempt 1: failed, at 10ms for 90ms, \"down\"\n" +
				"    fallback fallback: success, at 120ms for 200ms\n" +
				"      operation get: recovered, at 150ms for 160ms, says \"recovered, 2 attempts\"\n" +
				"        attempt attempt 1: retrying, at 150ms for 50ms, waits 105ms of 100ms, \"timeout\"\n" +
				"        attempt attempt 2: success, at 305ms for 5ms\n",
			"",
		},
		{
			"operations in the attempts of another, which they name",
			attempt(40, "in", 1, "failed",
				`, "outcome": "permanent", "duration": 0.03, "max_retries": 3, "depth": 1, "parent_operation": "out"`,
				1) +
				attempt(50, "out", 1, "retrying", `, "next_delay": 0.1, "duration": 0.05, "max_retries": 3`, 2) +
				attempt(190, "in", 1, "failed",
					`, "outcome": "permanent", "duration": 0.03, "max_retries": 3, "depth": 1, "parent_operation": "out"`, 3) +
				attempt(200, "out", 2, "failed", `, "outcome": "exhausted", "duration": 0.05, "max_retries": 3`, 4),
			"operation out: exhausted, at 0s for 200ms, says \"exhausted, 2 attempts\", \"timeout\"\n" +
				"  attempt attempt 1: retrying, at 0s for 50ms, waits 100ms of 100ms, \"timeout\"\n" +
				"    operation in: permanent, at 10ms for 30ms, \"timeout\"\n" +
				"  attempt attempt 2: failed, at 150ms for 50ms, \"timeout\"\n" +
				"    operation in: permanent, at 160ms for 30ms, \"timeout\"\n",
			"",
		},
		{
			"an operation that names another, of which two attempts ran side by side",
			attempt(40, "in", 1, "failed",
				`, "outcome": "permanent", "duration": 0.02, "max_retries": 3, "depth": 1, "parent_operation": "out"`,
				1) +
				attempt(50, "out", 1, "failed", `, "outcome": "permanent", "duration": 0.045, "max_retries": 3`, 2) +
				attempt(60, "out", 1, "failed", `, "outcome": "permanent", "duration": 0.05, "max_retries": 3`, 3),
			"operation out: permanent, at 0s for 45ms, \"timeout\"\n" +
				"operation out: permanent, at 5ms for 50ms, \"timeout\"\n" +
				"operation in: permanent, at 15ms for 20ms, \"timeout\"\n",
			"",
		},
		{
			"an operation that was cancelled in its attempt, in a log without outcomes",
			attempt(0, "get", 1, "failed", `, "error_type": "cancelled"`, 1),
			"operation get: cancelled, begin unknown, \"timeout\" (cancelled)\n",
			"",
		},
		{
			"numbers that are none",
			attempt(0, "get", 1, "retrying", `, "next_delay": 1e300`, 1) +
				attempt(10, "get", 2, "retrying", `, "next_delay": -1, "delay": "x"`, 2) +
				line(20, "recovery_attempt", "load", "", `"attempt_number": -5, "result": "success", "delay": null`, 3),
			"",
			"less than a trace",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "events.jsonl")
			if err := os.WriteFile(path, []byte(c.log), 0o600); err != nil {
				t.Fatal(err)
			}
			s := openSession(t, path)
			if got := outline(t, s); got != c.want && c.want != "" {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			if c.want != "" {
				listed(t, path, s)
			}
			if notes := strings.Join(s.Notes, "\n"); !strings.Contains(notes, c.note) {
				t.Errorf("notes %q, want %q among them", notes, c.note)
			}
		})
	}
}

// listed fails the test unless the list tells of s what s does.
func listed(t *testing.T, path string, s *session.Session) {
	t.Helper()
	log, err := session.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := log.Sessions[0].Title(), s.Name(); !strings.HasPrefix(got, want+", ") {
		t.Errorf("the list names it %q, want %q", got, want)
	}
	if got, want := log.Sessions[0].Outcome, s.Outcome(); got != want {
		t.Errorf("the list says that it %q, want %q", got, want)
	}
}

// Whatever is in a file, it is an error or a page.
func FuzzLog(f *testing.F) {
	f.Add([]byte(oneSpan))
	f.Add([]byte(line(0, "run_start", "", "Run nightly started", `"pipeline": "nightly"`, 1) +
		attempt(1, "get", 1, "retrying", `, "next_delay": 1`, 2) +
		attempt(1100, "get", 2, "success", `, "delay": 1`, 3) +
		line(2000, "phase_end", "load", "", `"duration": 1e9`, 4) +
		line(0, "recovery_attempt", "load", "", `"attempt_number": 3`) +
		line(0, "autocorrect_stopped", "load", "", `"operation": "get"`)))
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		log, err := session.Open(path)
		if err != nil {
			return
		}
		for _, e := range log.Sessions {
			s, err := log.Session(e.ID)
			if err != nil {
				continue // ids that begin alike
			}
			if err := page.Write(io.Discard, s); err != nil && len(s.Roots) > 0 {
				t.Errorf("session %q: %v", e.ID, err)
			}
		}
	})
}
