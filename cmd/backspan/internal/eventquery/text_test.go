package eventquery_test

import (
	"strings"
	"testing"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/eventquery"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/events"
)

// However long an error is, a terminal gets a line that fits and says what happened, and a pipe all that grep needs.
func TestDescribeFits(t *testing.T) {
	long := "get prices: " + strings.Repeat("GET https://example.com/a/b/c ", 200) + ": connection refused"
	r := attempt(0, "load prices", "retrying", "timeout", 2)
	r.Message = "Autocorrect attempt 2: Error in load prices: " + long
	r.Service, r.Host, r.PID = "billing", "web-1", 4711
	for i := range r.Details {
		if r.Details[i].Key == events.KeyError {
			r.Details[i] = events.String(events.KeyError, long)
		}
	}
	r.Details = append(r.Details, events.Float(events.KeyDuration, 0.8), events.Float(events.KeyNextDelay, 2))
	raw := strings.TrimSuffix(string(log(r)), "}\n") + `, "truncated": true}` + "\n"
	lines(t, []byte(raw), func(l *events.Line) {
		for width, want := range map[int]string{
			1:  "load prices #2: ",
			80: "2026-11-23 10:00:00.000Z  warning  load prices #2: connection refused",
			160: "load prices #2: connection refused (phase data/first, took 800ms, next in 2s, " +
				"cut when it was written, session s-1)",
		} {
			got := eventquery.Style{Zone: time.UTC, Width: width}.Describe(l)
			if text.Width(got) > max(width, 60) || !strings.Contains(got, want) && width > 1 {
				t.Errorf("%d columns: %q, want %q", width, got, want)
			}
		}
		got := eventquery.Style{}.Describe(l)
		for _, want := range []string{
			"Autocorrect attempt 2: Error in load prices: get prices: ", "connection refused",
			"took 800ms", "next in 2s", "cut when it was written",
			` operation="load prices" session=s-1 trace=ab000000000000000000000000000000`,
			" service=billing host=web-1 pid=4711",
		} {
			if !strings.Contains(got, want) {
				t.Errorf("a pipe gets %q, want %q in it", got, want)
			}
		}
		if len(got) > 3000 {
			t.Errorf("a pipe gets %d bytes", len(got))
		}
	})
}

// What is common to errors is the same whether a page or a table counts them, and a log of endless texts has bounds.
func TestErrorsAreCountedByWhatTheySay(t *testing.T) {
	v := eventquery.NewValues()
	var text []byte
	for i := range 3 {
		r := attempt(i, "load", "failed", "*errors.errorString", 1)
		for j := range r.Details {
			if r.Details[j].Key == events.KeyError {
				r.Details[j] = events.String(events.KeyError, "shard "+string(rune('1'+i))+" is gone")
			}
		}
		text = r.Append(text)
	}
	timeout := attempt(3, "load", "failed", "timeout", 1)
	text = timeout.Append(text)
	start := events.Record{Time: start, Type: events.TypeRunStart}
	text = start.Append(text)
	lines(t, text, func(l *events.Line) { v.Add(l, eventquery.ByError) })
	list, others := v.Sorted()
	want := []eventquery.ValueCount{
		{Value: "shard … is gone", Count: 3, Example: "shard 1 is gone"},
		{Value: "and how (timeout)", Count: 1, Example: "why: and how"},
	}
	if len(list) != 2 || list[0] != want[0] || list[1] != want[1] || others != 0 {
		t.Errorf("got %+v and %d others, want %+v", list, others, want)
	}
}
