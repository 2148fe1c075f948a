package e2e

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

// The test harness: a trace that was sent can be read back at once and complete, and searches find only it.
func TestJaegerGivesBackWhatItWasSent(t *testing.T) {
	const (
		service = "harness"
		traceID = "0102030405060708090a0b0c0d0e0f10"
	)
	start := time.Now().Add(-time.Second)
	nanos := func(after time.Duration) string { return fmt.Sprint(start.Add(after).UnixNano()) }

	span := func(id, parent, name string, after time.Duration, more m) m {
		s := m{
			"traceId": traceID, "spanId": id, "parentSpanId": parent, "name": name, "kind": 1,
			"startTimeUnixNano": nanos(after), "endTimeUnixNano": nanos(after + time.Millisecond),
		}
		for k, v := range more {
			s[k] = v
		}
		return s
	}
	sendOTLP(t, m{"resourceSpans": []m{{
		"resource": m{"attributes": []m{{"key": "service.name", "value": m{"stringValue": service}}}},
		"scopeSpans": []m{{
			"scope": m{"name": "a scope"},
			"spans": []m{
				// The children come before their parents and in reverse order; the tree must be right all the same.
				span("0000000000000003", "0000000000000001", "attempt 2", 20*time.Millisecond, nil),
				span("0000000000000002", "0000000000000001", "attempt 1", 0,
					m{"status": m{"code": 2, "message": "refused"}}),
				span("0000000000000001", "", "load", 0, m{
					"attributes": []m{
						{"key": "a.string", "value": m{"stringValue": "exhausted"}},
						{"key": "a.bool", "value": m{"boolValue": true}},
						{"key": "an.int", "value": m{"intValue": "4"}},
						{"key": "a.float", "value": m{"doubleValue": 0.25}},
					},
					"events": []m{{"name": "retry.scheduled", "timeUnixNano": nanos(time.Millisecond)}},
				}),
			},
		}},
	}}})

	load, err := collector.Trace(t.Context(), traceID)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := load.Tree(), "load\n  attempt 1\n  attempt 2\n"; got != want {
		t.Errorf("tree:\n%swant:\n%s", got, want)
	}
	if load.Service != service || load.Scope != "a scope" || load.Kind != 1 || load.Failed() {
		t.Errorf("root = %+v", load)
	}
	for key, want := range map[string]any{
		"a.string": "exhausted", "a.bool": true, "an.int": int64(4), "a.float": 0.25,
	} {
		if got := load.Attributes[key]; got != want {
			t.Errorf("attribute %s = %v (%T), want %v (%T)", key, got, got, want, want)
		}
	}
	if len(load.Events) != 1 || load.Events[0].Name != "retry.scheduled" {
		t.Errorf("events = %+v", load.Events)
	}
	if first := load.Children[0]; !first.Failed() || first.Status.Description != "refused" {
		t.Errorf("attempt 1: failed %v, description %q", first.Failed(), first.Status.Description)
	}

	for _, search := range []struct {
		tags  map[string]string
		found int
	}{
		{map[string]string{"a.string": "exhausted"}, 1},
		{map[string]string{"a.bool": "true"}, 1},
		{map[string]string{"a.string": "recovered"}, 0},
		{map[string]string{"a.bool": "false"}, 0},
	} {
		ids, err := collector.Search(t.Context(), service, search.tags)
		if err != nil {
			t.Fatal(err)
		}
		if len(ids) != search.found {
			t.Errorf("search %v found %v, want %d traces", search.tags, ids, search.found)
		}
	}
	if _, err := collector.Trace(t.Context(), "f0000000000000000000000000000000"); err == nil {
		t.Error("a trace that was never sent was found")
	}
}

// sendOTLP posts traces in OTLP JSON to Jaeger, which has stored them when this returns.
func sendOTLP(t *testing.T, traces any) {
	t.Helper()
	body, err := json.Marshal(traces)
	if err != nil {
		t.Fatal(err)
	}
	if err := collector.Send(t.Context(), body); err != nil {
		t.Fatal(err)
	}
}
