package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/backspan/backspan/e2e/internal/jaeger"
	"github.com/backspan/backspan/e2e/internal/program"
)

// Every scenario, as Jaeger shows it: the tree agrees with the report and with the events, and the searches of a
// person on call find what they should and nothing else.
func TestDemoInJaeger(t *testing.T) {
	for _, c := range []struct {
		scenario string
		code     int
		found    []string // the searches that find it
	}{
		{"healthy", 0, nil},
		{
			"flaky", 0, []string{
				"retry.outcome=exhausted", "retry.outcome=recovered", "retry.retried=true", "recovery.success=true",
			},
		},
		{"outage", 1, []string{"retry.outcome=exhausted", "retry.retried=true", "recovery.success=false"}},
		{"permanent", 1, []string{"retry.outcome=permanent"}},
		{"slow", 0, []string{"retry.outcome=recovered", "retry.retried=true"}},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			t.Parallel()
			r := runDemo(t, c.code, toJaeger(), "--scenario", c.scenario)
			id := r.traceID(t)
			root, err := collector.Trace(t.Context(), id)
			if err != nil {
				t.Fatalf("%v\n%v", err, r.Result)
			}
			checkTrace(t, r, root)
			checkEvents(t, r, root)
			checkGreps(t, r, root)
			if got := root.Tree(); c.scenario == "flaky" && got != flakyTree {
				t.Errorf("tree:\n%swant:\n%s", got, flakyTree)
			}
			if t.Failed() {
				t.Logf("trace:\n%s%v", root.Tree(), r.Result)
			}
			for _, search := range []string{
				"retry.outcome=exhausted", "retry.outcome=permanent", "retry.outcome=recovered",
				"retry.retried=true", "recovery.success=true", "recovery.success=false",
			} {
				key, value, _ := strings.Cut(search, "=")
				ids, err := collector.Search(t.Context(), service, map[string]string{key: value})
				if err != nil {
					t.Fatal(err)
				}
				if got, want := slices.Contains(ids, id), slices.Contains(c.found, search); got != want {
					t.Errorf("the search for %s finds the trace: %v, want %v", search, got, want)
				}
			}
		})
	}
}

// The whole tree of the flaky demo, which the README shows.
const flakyTree = `co2_report
  data_preparation
    attempt 1
      fetch_catalog
        attempt 1
      fetch_page
        attempt 1
      fetch_page
        attempt 1
        attempt 2
      fetch_page
        attempt 1
        attempt 2
      fetch_page
        attempt 1
      fetch_page
        attempt 1
      fetch_page
        attempt 1
      fetch_page
        attempt 1
        attempt 2
        attempt 3
  analysis
    attempt 1
      fetch_baseline
        attempt 1
        attempt 2
        attempt 3
        attempt 4
    recovery 1
      fetch_baseline
        attempt 1
  report
    attempt 1
`

// checkTrace checks every span of a run by the guide's tables, and the tree by the report.
func checkTrace(t *testing.T, r run, root *jaeger.Span) {
	t.Helper()
	if root.Name != r.report.Pipeline || root.Attributes["backspan.kind"] != "run" {
		t.Errorf("root is %q of kind %v, want the run %q", root.Name, root.Attributes["backspan.kind"],
			r.report.Pipeline)
	}
	if root.Failed() != (r.report.Status != "success") {
		t.Errorf("run span failed: %v, report: %s", root.Failed(), r.report.Status)
	}
	for _, s := range root.All() {
		checkSpan(t, r, s)
		for _, c := range s.Children {
			if c.Start.Before(s.Start.Time) || c.End.After(s.End.Time) {
				t.Errorf("%s lies outside its parent %s", c.Name, s.Name)
			}
		}
	}
	phases := map[string]*jaeger.Span{}
	for _, s := range root.Children {
		phases[s.Name] = s
	}
	for _, p := range r.report.Phases {
		s := phases[p.Phase]
		if s == nil {
			if p.Status != "skipped" {
				t.Errorf("phase %s (%s) has no span", p.Phase, p.Status)
			}
			continue
		}
		checkPhase(t, p, s)
	}
}

// checkSpan checks what holds for one span, whatever it stands for, and the rules of operations.
func checkSpan(t *testing.T, r run, s *jaeger.Span) {
	t.Helper()
	kind := s.Attributes["backspan.kind"]
	at := fmt.Sprintf("%v %q", kind, s.Name)
	if s.Service != service || s.Scope != "github.com/backspan/backspan" || s.Kind != 1 {
		t.Errorf("%s: service %q, scope %q, kind %d", at, s.Service, s.Scope, s.Kind)
	}
	if s.Attributes["session.id"] != r.report.SessionID {
		t.Errorf("%s: session.id = %v, the report's is %s", at, s.Attributes["session.id"], r.report.SessionID)
	}
	if _, ok := s.Attributes["phase.name"].(string); ok == (kind == "run") {
		t.Errorf("%s: phase.name = %v", at, s.Attributes["phase.name"])
	}
	if _, ok := s.Attributes["error.type"].(string); ok != s.Failed() || (s.Status.Description != "") != s.Failed() {
		t.Errorf("%s: failed %v, error.type %v, description %q",
			at, s.Failed(), s.Attributes["error.type"], s.Status.Description)
	}
	switch kind {
	case "operation":
		checkOperation(t, s)
	case "attempt", "recovery":
		if _, ok := s.Attributes["retry.attempt"].(int64); !ok {
			t.Errorf("%s: retry.attempt = %v", at, s.Attributes["retry.attempt"])
		}
		if failed := s.Attributes["retry.result"] != "success"; failed != s.Failed() {
			t.Errorf("%s: retry.result = %v, failed %v", at, s.Attributes["retry.result"], s.Failed())
		}
	}
}

func checkOperation(t *testing.T, s *jaeger.Span) {
	t.Helper()
	attempts := s.Children
	if len(attempts) == 0 {
		t.Fatalf("operation %q has no attempt", s.Name)
	}
	for i, a := range attempts {
		if want := fmt.Sprintf("attempt %d", i+1); a.Name != want || a.Attributes["retry.attempt"] != int64(i+1) {
			t.Errorf("operation %q: attempt %d is %q with number %v",
				s.Name, i+1, a.Name, a.Attributes["retry.attempt"])
		}
		if a.Attributes["retry.operation"] != s.Name {
			t.Errorf("operation %q: its attempt belongs to %v", s.Name, a.Attributes["retry.operation"])
		}
	}
	waited := checkWaits(t, s, attempts)
	retried := len(attempts) > 1
	outcome := "success"
	switch last := attempts[len(attempts)-1]; {
	case !last.Failed() && retried:
		outcome = "recovered"
	case last.Failed() && int64(len(attempts)) > s.Attributes["retry.max_retries"].(int64):
		outcome = "exhausted"
	case last.Failed():
		outcome = "permanent"
	}
	want := map[string]any{
		"retry.operation": s.Name, "retry.attempts": int64(len(attempts)), "retry.outcome": outcome,
		"retry.retried": retried, "retry.total_delay_seconds": waited,
	}
	if outcome == "success" { // what went well at first says no more
		want["retry.retried"], want["retry.total_delay_seconds"], want["retry.max_retries"] = nil, nil, nil
	}
	for key, want := range want {
		if got := s.Attributes[key]; got != want {
			t.Errorf("operation %q: %s = %v, want %v", s.Name, key, got, want)
		}
	}
	checkGaveUp(t, s, outcome)
	if s.Failed() != (outcome == "exhausted" || outcome == "permanent") {
		t.Errorf("operation %q: %s, failed %v", s.Name, outcome, s.Failed())
	}
}

// checkGaveUp checks that the log of a failed operation ends with its last failure, and only that of a failed one.
func checkGaveUp(t *testing.T, s *jaeger.Span, outcome string) {
	t.Helper()
	last := ""
	for _, e := range s.Events {
		last = e.Name
	}
	if gaveUp := last == "retry.gave_up"; gaveUp != s.Failed() {
		t.Errorf("operation %q: %s, failed %v, its last event is %q", s.Name, outcome, s.Failed(), last)
	}
}

// checkWaits checks the waits between siblings, the first two announced by an event of their parent, and returns their
// sum in seconds.
func checkWaits(t *testing.T, parent *jaeger.Span, attempts []*jaeger.Span) (sum float64) {
	t.Helper()
	for i, a := range attempts {
		delay, ok := a.Attributes["retry.delay_seconds"].(float64)
		if !ok || (i == 0 && delay != 0) {
			t.Errorf("%q, %s: retry.delay_seconds = %v", parent.Name, a.Name, a.Attributes["retry.delay_seconds"])
		}
		sum += delay
		next, announced := a.Attributes["retry.next_delay_seconds"].(float64)
		if last := i == len(attempts)-1; last == announced {
			t.Errorf("%q, %s: last %v, retry.next_delay_seconds = %v",
				parent.Name, a.Name, last, a.Attributes["retry.next_delay_seconds"])
		}
		if i+1 < len(attempts) {
			if then := attempts[i+1].Attributes["retry.delay_seconds"]; next != then {
				t.Errorf("%q, %s: announced a wait of %vs, and the next says %vs", parent.Name, a.Name, next, then)
			}
			gap := attempts[i+1].Start.Sub(a.End.Time)
			if least := time.Duration(next * float64(time.Second)); gap < least || gap > least+2*time.Second {
				t.Errorf("%q, %s: the gap after it is %v, want %v", parent.Name, a.Name, gap, least)
			}
		}
	}
	scheduled := 0
	for _, e := range parent.Events {
		if e.Name == "retry.scheduled" {
			scheduled++
		}
	}
	if want := min(2, max(0, len(attempts)-1)); scheduled != want {
		t.Errorf("%q: %d retry.scheduled events, want %d", parent.Name, scheduled, want)
	}
	return sum
}

// checkPhase compares the span of a phase with its result in the report.
func checkPhase(t *testing.T, p phase, s *jaeger.Span) {
	t.Helper()
	if s.Attributes["backspan.kind"] != "phase" || s.Attributes["phase.name"] != p.Phase ||
		s.Attributes["phase.status"] != p.Status {
		t.Errorf("phase %s (%s): attributes %v", p.Phase, p.Status, s.Attributes)
	}
	if s.Failed() != (p.Status == "failed") {
		t.Errorf("phase %s: failed %v, report: %s", p.Phase, s.Failed(), p.Status)
	}
	for i, c := range s.Children {
		if want := fmt.Sprintf("recovery %d", i); (i == 0 && c.Name != "attempt 1") || (i > 0 && c.Name != want) {
			t.Errorf("phase %s: child %d is %q", p.Phase, i, c.Name)
		}
	}
	checkWaits(t, s, s.Children)
	if p.Recovery == nil {
		if len(s.Children) > 1 || s.Attributes["recovery.success"] != nil || s.Attributes["recovery.result"] != nil {
			t.Errorf("phase %s: the report has no recovery, the span %v", p.Phase, s.Attributes)
		}
		return
	}
	for key, want := range map[string]any{
		"recovery.attempted": true, "recovery.success": p.Recovery.Success, "recovery.message": p.Recovery.Message,
		"recovery.attempts": int64(len(p.Recovery.Attempts)),
	} {
		if got := s.Attributes[key]; got != want {
			t.Errorf("phase %s: %s = %v, want %v", p.Phase, key, got, want)
		}
	}
	text, _ := s.Attributes["recovery.result"].(string)
	var onSpan recovery
	if err := json.Unmarshal([]byte(text), &onSpan); err != nil {
		t.Errorf("phase %s: recovery.result: %v: %s", p.Phase, err, text)
	}
	if got, want := fmt.Sprint(onSpan), fmt.Sprint(*p.Recovery); got != want {
		t.Errorf("phase %s: recovery.result = %s, the report has %s", p.Phase, got, want)
	}
}

// checkEvents compares the event log with the spans: each record has its span, and none is missing.
func checkEvents(t *testing.T, r run, root *jaeger.Span) {
	t.Helper()
	spans, want := map[string]*jaeger.Span{}, map[string]int{}
	for _, s := range root.All() {
		spans[s.ID] = s
		operation := s.Attributes["retry.operation"] != nil
		switch kind := s.Attributes["backspan.kind"]; {
		case kind == "run":
			want["run_start"]++
			want["run_end"]++
		case kind == "phase":
			if s.Attributes["phase.status"] != "skipped" { // which never began
				want["phase_start"]++
			}
			want["phase_end"]++
		case kind == "recovery":
			want["recovery_attempt"]++
		case kind == "fallback":
			want["fallback_attempt"]++
		case kind == "attempt" && s.Failed() && operation:
			want["autocorrect_attempt"]++
		case kind == "attempt" && s.Failed():
			want["phase_attempt_failed"]++
		case kind == "attempt" && operation && s.Attributes["retry.attempt"] != int64(1):
			want["autocorrect_recovered"]++
		}
	}
	got := map[string]int{}
	for _, e := range r.events {
		got[e.Type]++
		s := spans[e.SpanID]
		if s == nil {
			t.Errorf("event %s %q names the span %s, which is not in the trace", e.Type, e.Message, e.SpanID)
			continue
		}
		if e.SessionID != r.report.SessionID {
			t.Errorf("event %s has session %s, the report %s", e.Type, e.SessionID, r.report.SessionID)
		}
		if phase, _ := s.Attributes["phase.name"].(string); e.Phase != phase {
			t.Errorf("event %s %q has phase %q, its span %q", e.Type, e.Message, e.Phase, phase)
		}
		if number := e.Details["attempt_number"]; number != nil &&
			fmt.Sprint(number) != fmt.Sprint(s.Attributes["retry.attempt"]) {
			t.Errorf("event %s %q has attempt %v, its span %v",
				e.Type, e.Message, number, s.Attributes["retry.attempt"])
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("events %v, the spans ask for %v", got, want)
	}
}

// checkGreps types the guide's own two commands as they stand, and one more for phases, and compares what they count
// with the spans and the report.
func checkGreps(t *testing.T, r run, root *jaeger.Span) {
	t.Helper()
	var failed, givenUp, recoveries int
	for _, s := range root.All() {
		switch {
		case s.Attributes["backspan.kind"] == "operation" && s.Failed():
			givenUp++
		case s.Attributes["backspan.kind"] == "attempt" && s.Attributes["retry.operation"] != nil && s.Failed():
			failed++
		}
	}
	for _, p := range r.report.Phases {
		if p.Recovery != nil {
			recoveries += len(p.Recovery.Attempts)
		}
	}
	for _, c := range []struct {
		script string
		want   int
	}{
		{`grep '"type": "autocorrect_attempt"' data/session/events.jsonl | wc -l`, failed},
		{`grep '"type": "autocorrect_attempt"' data/session/events.jsonl | grep '"result": "failed"' | wc -l`, givenUp},
		{`grep '"type": "recovery_attempt"' data/session/events.jsonl | wc -l`, recoveries},
	} {
		shell := must(t, program.Command{Path: "sh", Args: []string{"-c", c.script}, Dir: r.dir})
		if got := strings.TrimSpace(shell.Stdout); got != strconv.Itoa(c.want) {
			t.Errorf("%s prints %s, want %d", c.script, got, c.want)
		}
	}
}
