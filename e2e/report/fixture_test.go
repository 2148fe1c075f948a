package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/backspan/backspan/e2e/internal/program"
)

// A trace builds a trace file. The tests write the format themselves, without the packages that write it in the
// program. Times are in milliseconds after the trace's start.
type trace struct {
	session string
	begin   time.Time
	spans   []span
}

type span struct {
	parent     int // index of another span; -1: none
	name, kind string
	from, to   float64
	err        string
	attributes map[string]any
}

func newTrace() *trace {
	return &trace{
		session: "4786a9a2-c5bf-41ca-a26e-e1ae5d01f41c",
		begin:   time.Date(2026, 11, 23, 19, 11, 43, 0, time.UTC),
	}
}

// add adds a span and returns its index.
func (t *trace) add(parent int, kind, name string, from, to float64, err string, attributes map[string]any) int {
	t.spans = append(t.spans, span{parent, name, kind, from, to, err, attributes})
	return len(t.spans) - 1
}

// A call is one attempt of an operation.
type call struct {
	took, wait float64 // wait: before the next one
	err        string
}

// operation adds an operation with its attempts, and returns when it ended.
func (t *trace) operation(parent int, name string, at float64, outcome string, calls ...call) float64 {
	op := t.add(parent, "operation", name, at, at, "", nil)
	delay, total := 0.0, 0.0
	for i, c := range calls {
		result := map[bool]string{true: "success", false: "retrying"}[c.err == ""]
		attributes := map[string]any{
			"retry.operation": name, "retry.attempt": i + 1, "retry.delay_seconds": delay / 1000,
			"retry.result": result,
		}
		if c.err != "" && i == len(calls)-1 {
			attributes["retry.result"] = "failed"
		}
		if c.wait > 0 {
			attributes["retry.next_delay_seconds"] = c.wait / 1000
		}
		if c.err != "" {
			attributes["error.type"] = "timeout"
		}
		t.add(op, "attempt", "attempt "+strconv.Itoa(i+1), at, at+c.took, c.err, attributes)
		at += c.took + c.wait
		delay = c.wait
		total += delay
	}
	t.spans[op].to = at
	last := calls[len(calls)-1].err
	if last != "" {
		t.spans[op].err = fmt.Sprintf("gave up after %d attempts: %s", len(calls), last)
	}
	t.spans[op].attributes = map[string]any{
		"retry.operation": name, "retry.outcome": outcome, "retry.attempts": len(calls),
		"retry.retried": len(calls) > 1, "retry.total_delay_seconds": total / 1000,
	}
	if last != "" {
		t.spans[op].attributes["error.type"] = "timeout"
	}
	return at
}

// json is the trace in OTLP's JSON, a span a line.
func (t *trace) json() []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	for i, s := range t.spans {
		nanos := func(ms float64) string {
			return strconv.FormatInt(t.begin.Add(time.Duration(ms*float64(time.Millisecond))).UnixNano(), 10)
		}
		one := map[string]any{
			"traceId": "00000000000000000000000000000abc", "spanId": fmt.Sprintf("%016x", i+1), "name": s.name,
			"startTimeUnixNano": nanos(s.from), "endTimeUnixNano": nanos(s.to), "status": map[string]any{},
			"attributes": s.keyValues(t.session),
		}
		if s.parent >= 0 {
			one["parentSpanId"] = fmt.Sprintf("%016x", s.parent+1)
		}
		if s.err != "" {
			one["status"] = map[string]any{"code": 2, "message": s.err}
		}
		line := map[string]any{
			"resourceSpans": []any{map[string]any{"scopeSpans": []any{map[string]any{"spans": []any{one}}}}},
		}
		if err := encoder.Encode(line); err != nil {
			panic(err)
		}
	}
	return out.Bytes()
}

func (s *span) keyValues(session string) []any {
	all := map[string]any{"backspan.kind": s.kind, "session.id": session}
	for k, v := range s.attributes {
		all[k] = v
	}
	var list []any
	for k, v := range all {
		value := map[string]any{}
		switch v := v.(type) {
		case string:
			value["stringValue"] = v
		case bool:
			value["boolValue"] = v
		case int:
			value["intValue"] = strconv.Itoa(v)
		case float64:
			value["doubleValue"] = v
		}
		list = append(list, map[string]any{"key": k, "value": value})
	}
	return list
}

// pageOf makes the page of the log and returns its path.
func pageOf(t *testing.T, name string, log []byte) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), log, 0o600); err != nil {
		t.Fatal(err)
	}
	result := run(t, dir, "report", name, "-o", "page.html")
	if result.Code != 0 {
		t.Fatalf("backspan report: %v", result)
	}
	return filepath.Join(dir, "page.html")
}

// run runs the program in dir to its end.
func run(t *testing.T, dir string, args ...string) program.Result {
	t.Helper()
	result, err := program.Command{
		Path: backspan, Args: args, Dir: dir, Env: map[string]string{"OTEL_TRACES_EXPORTER": "none"},
	}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// nightly is a typical run: one operation succeeds at once, one recovers, one is given up in a phase that is
// recovered.
func nightly() *trace {
	t := newTrace()
	run := t.add(-1, "run", "nightly", 0, 6100, "", map[string]any{"run.status": "success"})
	load := t.add(run, "phase", "load", 0, 1600, "", map[string]any{"phase.status": "success"})
	first := t.add(load, "attempt", "attempt 1", 0, 1600, "",
		map[string]any{"retry.attempt": 1, "retry.result": "success"})
	at := t.operation(first, "list_files", 0, "success", call{took: 100})
	t.operation(first, "data_load", at, "recovered", call{200, 250, "GET /prices: 503 Service Unavailable"},
		call{200, 500, "read tcp 127.0.0.1:9: connection reset by peer"}, call{took: 350})
	sum := t.add(run, "phase", "summary", 1600, 6100, "", map[string]any{
		"phase.status": "success", "recovery.attempted": true, "recovery.success": true, "recovery.attempts": 1,
	})
	failed := t.add(sum, "attempt", "attempt 1", 1600, 3900, "rates: gave up after 3 attempts: timeout", map[string]any{
		"retry.attempt": 1, "retry.result": "retrying", "retry.next_delay_seconds": 2.0, "error.type": "timeout",
	})
	t.operation(failed, "rates", 1600, "exhausted", call{100, 1000, "timeout"}, call{100, 1000, "timeout"},
		call{100, 0, "timeout"})
	again := t.add(sum, "recovery", "recovery 1", 5900, 6100, "", map[string]any{
		"retry.attempt": 1, "retry.result": "success", "retry.delay_seconds": 2.0,
	})
	t.operation(again, "rates", 5900, "success", call{took: 150})
	return t
}

// large is a run of at least n spans.
func large(n int) *trace {
	t := newTrace()
	run := t.add(-1, "run", "backfill", 0, 0, "", map[string]any{"run.status": "success"})
	at := 0.0
	for i := 0; len(t.spans) < n; i++ {
		phase := t.add(run, "phase", fmt.Sprintf("day_%03d", i), at, at, "", map[string]any{"phase.status": "success"})
		for k := range 20 {
			name := fmt.Sprintf("fetch_%02d", k)
			switch {
			case k == 7 && i%3 == 0:
				at = t.operation(phase, name, at, "recovered",
					call{5, 250, "GET /prices: 503 Service Unavailable"}, call{took: 4})
			case k == 11 && i%10 == 0:
				at = t.operation(phase, name, at, "exhausted", call{3, 250, "connection refused"},
					call{3, 500, "connection refused"}, call{3, 0, fmt.Sprintf("needle %d: connection refused", i)})
			default:
				at = t.operation(phase, name, at, "success", call{took: 6})
			}
		}
		t.spans[phase].to = at
	}
	t.spans[run].to = at
	return t
}

func nightlyPage(t *testing.T) string { return pageOf(t, "trace.json", nightly().json()) }

// longErrors is a trace whose errors are longer than any place that shows them in part.
func longErrors(t *testing.T) string {
	tr := newTrace()
	busy := strings.Repeat("the upstream is busy; ", 20)
	tr.operation(-1, "data_load", 0, "recovered",
		call{
			200, 250, "GET http://prices.example/v1/prices?from=2026-01-01&to=2026-12-31: 503 Service Unavailable: " +
				busy + "END",
		},
		call{took: 350})
	tr.operation(-1, "other", 900, "success", call{took: 10})
	return pageOf(t, "trace.json", tr.json())
}
