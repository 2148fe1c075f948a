package eventquery_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/internal/eventquery"
)

// call writes what one call of an operation leaves in the log: failed attempts, and how it ended.
func call(operation string, failed int, end string) (records []events.Record) {
	for n := 1; n <= failed; n++ {
		result := "retrying"
		if n == failed && end == "exhausted" {
			result = "failed"
		}
		records = append(records, attempt(len(records), operation, result, [...]string{"timeout", "503"}[n%2], int64(n)))
	}
	switch end {
	case "recovered":
		r := attempt(len(records), operation, "success", "", int64(failed+1))
		r.Type = events.TypeRecovered
		records = append(records, r)
	case "stopped":
		r := attempt(len(records), operation, "cancelled", "timeout", int64(failed))
		r.Type, r.Details = events.TypeStopped, r.Details[:4]
		records = append(records, r)
	}
	return records
}

func stats(t *testing.T, records ...events.Record) eventquery.Stats {
	t.Helper()
	c := eventquery.NewCounter()
	lines(t, log(records...), c.Add)
	return c.Stats()
}

func TestStatsOfOperations(t *testing.T) {
	var records []events.Record
	records = append(records, call("load", 4, "exhausted")...)
	records = append(records, call("load", 2, "recovered")...)
	records = append(records, call("check", 1, "exhausted")...)
	records = append(records, call("fetch", 2, "stopped")...)
	records = append(records, call("once", 1, "stopped")...)
	got := stats(t, records...)
	type want struct {
		name                                                            string
		asked, attempts, failed, retried, recovered, exhausted, stopped int64
		waited, amplification                                           float64
	}
	wants := []want{ // what hurts most first
		{"load", 2, 7, 6, 2, 1, 1, 0, 1 + 2 + 3 + 1 + 2, 3.5},
		{"fetch", 1, 2, 2, 1, 0, 0, 1, 1, 2},
		{"check", 1, 1, 1, 0, 0, 1, 0, 0, 1},
		{"once", 1, 1, 1, 0, 0, 0, 1, 0, 1}, // it was to be retried, and never was
	}
	if len(got.Operations) != len(wants) || got.Sessions != 1 || got.Records != int64(len(records)) {
		t.Fatalf("%+v", got)
	}
	for i, w := range wants {
		o := got.Operations[i]
		if g := (want{o.Name, o.Asked, o.Attempts, o.Failed, o.Retried, o.Recovered, o.Exhausted, o.Stopped, o.Waited, o.Amplification}); g != w {
			t.Errorf("got  %+v\nwant %+v", g, w)
		}
	}
	if e := got.Operations[0].Errors; len(e) != 2 || e[0] != (eventquery.ErrorCount{"503", 3, "why: and how"}) || e[1].Count != 3 {
		t.Errorf("errors %+v", e)
	}
	if o := got.Operations[0]; o.First != "2026-11-23T10:00:00.000000Z" || o.Last != "2026-11-23T10:00:03.000000Z" {
		t.Errorf("seen from %s to %s", o.First, o.Last)
	}
}

func TestStatsOfPhases(t *testing.T) {
	phase := func(kind, name, result string, number int64, delay float64) events.Record {
		return events.Record{Time: start, Session: "s", Type: kind, Phase: name, Details: []events.Field{
			events.Int(events.KeyAttemptNumber, number), events.String(events.KeyReason, "Error in "+name+": down"),
			events.String(events.KeyResult, result), events.Float(events.KeyDelay, delay), events.String(events.KeyErrorType, "timeout"),
		}}
	}
	got := stats(t,
		phase(events.TypePhaseFailed, "data", "retrying", 1, 0),
		phase(events.TypeRecovery, "data", "retrying", 1, 2),
		phase(events.TypeRecovery, "data", "success", 2, 4),
		phase(events.TypePhaseFailed, "report", "failed", 1, 0),
		events.Record{Time: start, Type: events.TypeEventsDropped, Details: []events.Field{events.Int(events.KeyCount, 7)}},
	)
	if got.Dropped != 7 || len(got.Phases) != 2 {
		t.Fatalf("%+v", got)
	}
	lost, saved := got.Phases[0], got.Phases[1]
	if lost.Name != "report" || lost.Lost != 1 || lost.Recoveries != 0 || lost.Recovered != 0 {
		t.Errorf("%+v", lost)
	}
	if saved.Name != "data" || saved.Failed != 1 || saved.Recoveries != 2 || saved.Recovered != 1 || saved.Lost != 0 ||
		saved.Waited != 6 || saved.Errors[0].Count != 2 {
		t.Errorf("%+v", saved)
	}
	var text strings.Builder
	if err := got.Write(&text, time.UTC); err != nil || !strings.Contains(text.String(), "7 events lost while writing") {
		t.Errorf("%v\n%s", err, text.String())
	}
}

// However the records are dealt out to counters, the sum is the same.
func TestMergeIsTheSameAsOne(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	ends := []string{"exhausted", "recovered", "stopped"}
	for range 50 {
		var records []events.Record
		for range random.IntN(30) {
			records = append(records, call(fmt.Sprintf("op%d", random.IntN(4)), 1+random.IntN(4), ends[random.IntN(3)])...)
		}
		whole := stats(t, records...)
		parts := []*eventquery.Counter{eventquery.NewCounter(), eventquery.NewCounter(), eventquery.NewCounter()}
		lines(t, log(records...), func(l *events.Line) { parts[random.IntN(3)].Add(l) })
		sum := eventquery.NewCounter()
		for _, p := range parts {
			sum.Merge(p)
		}
		got, want := asJSON(t, sum.Stats()), asJSON(t, whole)
		if got != want {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A log with endlessly many names must not fill the memory.
func TestNamesAreBounded(t *testing.T) {
	var records []events.Record
	for i := range 11_000 {
		records = append(records, attempt(0, fmt.Sprintf("op %d", i), "failed", fmt.Sprintf("error %d", i), 1))
	}
	for i := range 200 {
		records = append(records, attempt(0, "op 0", "failed", fmt.Sprintf("error %d", i), 1))
	}
	c := eventquery.NewCounter()
	lines(t, log(records...), c.Add)
	s := c.Stats()
	var total int64
	for _, o := range s.Operations {
		total += o.Failed
		if len(o.Errors) > 101 {
			t.Errorf("%d kinds of errors of %s", len(o.Errors), o.Name)
		}
	}
	if len(s.Operations) > 10_001 || total != 11_200 {
		t.Errorf("%d operations with %d failures, want at most 10,001 with 11,200", len(s.Operations), total)
	}
}

func TestDescribeCannotCommandATerminal(t *testing.T) {
	r := attempt(0, "load", "retrying", "timeout", 1)
	r.Message = "a\x1b[31mred\r\n\u202eturned\u2066 \x00\xff日本\u00ad"
	r.Level = "warn\x07"
	lines(t, log(r), func(l *events.Line) {
		text := eventquery.Style{Zone: time.UTC}.Describe(l)
		for _, c := range text {
			if c < ' ' || c == 0x7f || c == '\u202e' || c == '\u2066' || c == '\u00ad' {
				t.Errorf("%q has %q", text, c)
			}
		}
		if !strings.Contains(text, "日本") || !strings.HasPrefix(text, "2026-11-23 10:00:00.000  warn\\a") {
			t.Errorf("%q", text)
		}
	})
}
