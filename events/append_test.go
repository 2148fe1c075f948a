package events

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func sample() *Record {
	return &Record{
		Time:    time.Date(2026, 11, 23, 19, 11, 43, 482629999, time.UTC),
		Session: "4786a9a2-c5bf-41ca-a26e-e1ae5d01f41c",
		Type:    TypeAttempt,
		Phase:   "data_phase",
		Level:   LevelWarning,
		Message: "Autocorrect attempt 1: Error in data_load: Connection timeout",
		Details: []Field{
			Int(KeyAttemptNumber, 1),
			String(KeyReason, "Error in data_load: Connection timeout"),
			String(KeyResult, "retrying"),
			String(KeyOperation, "data_load"),
			Float(KeyDelay, 0),
			Float(KeyNextDelay, 1),
			String(KeyErrorType, "timeout"),
		},
		TraceID: [16]byte{1, 2, 3, 15: 255},
		SpanID:  [8]byte{9, 7: 1},
	}
}

// The line of the design, byte for byte.
func TestAppendIsTheDocumentedLine(t *testing.T) {
	got := string(sample().Append(nil))
	want := `{"timestamp": "2026-11-23T19:11:43.482629Z", "session_id": "4786a9a2-c5bf-41ca-a26e-e1ae5d01f41c", ` +
		`"type": "autocorrect_attempt", "phase": "data_phase", "level": "warning", ` +
		`"message": "Autocorrect attempt 1: Error in data_load: Connection timeout", ` +
		`"details": {"attempt_number": 1, "reason": "Error in data_load: Connection timeout", "result": "retrying", ` +
		`"operation": "data_load", "delay": 0, "next_delay": 1, "error_type": "timeout"}, ` +
		`"trace_id": "010203000000000000000000000000ff", "span_id": "0900000000000001"}` + "\n"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// check fails the test when line is not one clean line within the limits, and decodes it.
func check(t *testing.T, line []byte) map[string]any {
	t.Helper()
	if len(line) > MaxLine {
		t.Errorf("the line has %d bytes, want at most %d", len(line), MaxLine)
	}
	body, ended := strings.CutSuffix(string(line), "\n")
	if !ended {
		t.Error("the line does not end with a newline")
	}
	for i := range len(body) {
		if body[i] < ' ' || body[i] > '~' {
			t.Fatalf("byte %d is %#x, want printable ASCII", i, body[i])
		}
	}
	if n := strings.Count(body, marker); n != 1 || !strings.HasPrefix(body, marker) {
		t.Errorf("%q is %d times in the line, want once, at its beginning: %.200s", marker, n, body)
	}
	var decoded map[string]any
	if err := json.Unmarshal(line, &decoded); err != nil {
		t.Fatalf("the line is no JSON: %v", err)
	}
	return decoded
}
