package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// A record leads to its trace, by OpenTelemetry's fields and by the attributes alike.
func TestRecordsLeadToTheTrace(t *testing.T) {
	t.Setenv("EVENTS", filepath.Join(t.TempDir(), "events.jsonl"))
	t.Setenv("OTEL_TRACES_EXPORTER", "none")
	var out bytes.Buffer
	if err := run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	var told []string
	traces := map[string]bool{}
	for decoder := json.NewDecoder(&out); decoder.More(); {
		var record struct {
			SeverityText string
			Body         struct{ Value string }
			Attributes   []struct {
				Key   string
				Value struct{ Value any }
			}
			TraceID, SpanID string
		}
		if err := decoder.Decode(&record); err != nil {
			t.Fatal(err)
		}
		told = append(told, record.SeverityText+" "+record.Body.Value)
		if record.Body.Value == "imported" {
			continue
		}
		traces[record.TraceID] = true
		for _, a := range record.Attributes {
			if a.Key == "trace_id" && a.Value.Value != record.TraceID ||
				a.Key == "span_id" && a.Value.Value != record.SpanID {
				t.Errorf("%s is %v, beside %s and %s", a.Key, a.Value.Value, record.TraceID, record.SpanID)
			}
		}
	}
	want := "DEBUG attempt 1 of load_prices failed\nDEBUG attempt 2 of load_prices failed\n" +
		"INFO load_prices recovered at attempt 3\nINFO imported"
	if got := strings.Join(told, "\n"); got != want {
		t.Errorf("told\n%s\nwant\n%s", got, want)
	}
	if len(traces) != 1 || traces[""] {
		t.Errorf("traces %v, want one", traces)
	}
}
