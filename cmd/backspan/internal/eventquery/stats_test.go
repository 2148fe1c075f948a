package eventquery_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/eventquery"
	"github.com/backspan/backspan/events"
)

// call writes what one call of an operation leaves in the log: failed attempts, and how it ended.
func call(operation string, failed int, end string) (records []events.Record) {
	for n := 1; n <= failed; n++ {
		result := "retrying"
		if n == failed && end == "exhausted" {
			result = "failed"
		}
		records = append(records, attempt(len(records), operation, result,
			[...]string{"timeout", "503"}[n%2], int64(n)))
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
	c := eventquery.NewCounter(eventquery.ByOperation)
	lines(t, log(records...), c.Add)
	return c.Stats()
}

// A panic after the last attempt is a second event of an operation's end, which counts once.
func TestAPanicAfterTheLastAttemptCountsOnce(t *testing.T) {
	panicked := func(result string, number int64) events.Record {
		r := attempt(9, "load", result, "panic", number)
		r.Type = events.TypeStopped
		r.Details = append(r.Details, events.String(events.KeyOutcome, "panic"))
		return r
	}
	for result, want := range map[string]map[string]int64{
		"failed":   {"failed": 1},
		"retrying": {"panic": 1},
		"success":  {"panic": 1},
	} {
		records := []events.Record{panicked(result, 1)}
		if result != "success" {
			records = append([]events.Record{attempt(0, "load", result, "timeout", 1)}, records...)
		}
		got := stats(t, records...).Operations[0]
		if got.GivenUp != 1 || got.Stopped != 1 || !maps.Equal(got.Outcomes, want) {
			t.Errorf("after %s: %d given up, %v, %d stopped, want %v",
				result, got.GivenUp, got.Outcomes, got.Stopped, want)
		}
	}
	got := stats(t, append(call("load", 1, "recovered"), panicked("success", 2))...).Operations[0]
	if got.GivenUp != 0 || got.Recovered != 1 || got.Stopped != 1 {
		t.Errorf("after a recovery: %d given up, %d recovered, %d stopped", got.GivenUp, got.Recovered, got.Stopped)
	}
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
		if g := (want{
			o.Name, o.Asked, o.Attempts, o.Failed, o.Retried, o.Recovered, o.GivenUp - o.Stopped, o.Stopped,
			o.Waited, o.Amplification,
		}); g != w {
			t.Errorf("got  %+v\nwant %+v", g, w)
		}
	}
	want503 := eventquery.ErrorCount{Error: "and how", Type: "503", Count: 3, Example: "why: and how"}
	if e := got.Operations[0].Errors; len(e) != 2 || e[0] != want503 || e[1].Count != 3 {
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
			events.String(events.KeyResult, result), events.Float(events.KeyDelay, delay),
			events.String(events.KeyErrorType, "timeout"),
		}}
	}
	got := stats(t,
		phase(events.TypePhaseFailed, "data", "retrying", 1, 0),
		phase(events.TypeRecovery, "data", "retrying", 1, 2),
		phase(events.TypeRecovery, "data", "success", 2, 4),
		phase(events.TypePhaseEnd, "data", "success", 1, 0),
		phase(events.TypePhaseFailed, "report", "failed", 1, 0),
		phase(events.TypePhaseEnd, "report", "failed", 1, 0),
		phase(events.TypePhaseEnd, "other", "skipped", 1, 0),
	)
	if len(got.Phases) != 2 {
		t.Fatalf("%+v", got)
	}
	lost, saved := got.Phases[0], got.Phases[1]
	if lost.Name != "report" || lost.GivenUp != 1 || lost.Recoveries != 0 || lost.Recovered != 0 {
		t.Errorf("%+v", lost)
	}
	if saved.Name != "data" || saved.Failed != 1 || saved.Recoveries != 2 || saved.Recovered != 1 ||
		saved.GivenUp != 0 ||
		saved.Waited != 6 || saved.Errors[0].Count != 2 {
		t.Errorf("%+v", saved)
	}
	c := eventquery.NewCounter(eventquery.ByOperation)
	c.AddDropped(3)
	other := c.Fork()
	other.AddDropped(4)
	c.Merge(other)
	var text strings.Builder
	counted := c.Stats()
	err := counted.Write(&text, eventquery.Style{})
	if err != nil || !strings.Contains(text.String(), "7 events lost while writing") {
		t.Errorf("%v\n%s", err, text.String())
	}
}

// However the records are dealt out to counters, the sum is the same: its examples, too, some of which are as old.
func TestMergeIsTheSameAsOne(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	ends := []string{"exhausted", "recovered", "stopped"}
	for range 50 {
		var records []events.Record
		for range random.IntN(30) {
			records = append(records, call(fmt.Sprintf("op%d", random.IntN(4)), 1+random.IntN(4),
				ends[random.IntN(3)])...)
		}
		for i := range records {
			reason := &records[i].Details[1]
			*reason = events.String(reason.Key, fmt.Sprintf("reason %d", i))
		}
		whole := stats(t, records...)
		sum := eventquery.NewCounter(eventquery.ByOperation)
		parts := []*eventquery.Counter{sum.Fork(), sum.Fork(), sum.Fork()}
		lines(t, log(records...), func(l *events.Line) { parts[random.IntN(3)].Add(l) })
		for _, p := range parts {
			sum.Merge(p)
		}
		got, want := asJSON(t, sum.Stats()), asJSON(t, whole)
		if got != want {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	}
}

func TestTheExampleIsTheEarliest(t *testing.T) {
	reason := func(second int, text string) events.Record {
		r := attempt(second, "load", "retrying", "timeout", 1)
		r.Details[4] = events.String(events.KeyError, text)
		return r
	}
	for _, order := range [][]events.Record{
		{reason(2, "shard 2"), reason(1, "shard 1"), reason(3, "shard 3")},
		{reason(1, "shard 1"), reason(2, "shard 2")},
		{reason(1, "shard 10"), reason(1, "shard 1")},
	} {
		got := stats(t, order...).Operations[0].Errors
		if len(got) != 1 || got[0].Example != "shard 1" || got[0].Count != int64(len(order)) {
			t.Errorf("got %+v", got)
		}
	}
}

// A log without its beginning, as after a rotation or with --since, and delays that nothing waits.
func TestStatsOfPartsOfALog(t *testing.T) {
	odd := attempt(0, "odd", "retrying", "timeout", 1)
	for i, f := range odd.Details {
		if f.Key == events.KeyDelay {
			odd.Details[i] = events.Float(f.Key, 1e300)
		}
	}
	got := stats(t, append(call("load", 3, "recovered")[2:], call("fetch", 1, "stopped")[1], odd)...)
	type want struct {
		name                                         string
		asked, attempts, retried, recovered, stopped int64
		waited, amplification                        float64
	}
	wants := []want{{"fetch", 0, 0, 0, 0, 1, 0, 0}, {"load", 0, 2, 0, 1, 0, 2 + 3, 0}, {"odd", 1, 1, 0, 0, 0, 0, 1}}
	for i, w := range wants {
		o := got.Operations[i]
		g := (want{o.Name, o.Asked, o.Attempts, o.Retried, o.Recovered, o.Stopped, o.Waited, o.Amplification})
		if g != w {
			t.Errorf("got  %+v\nwant %+v", g, w)
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

// A log with endlessly many names must not fill the memory, and everything in it counts all the same.
func TestNamesAreBounded(t *testing.T) {
	sum := eventquery.NewCounter(eventquery.ByOperation)
	const rounds, each = 40, 1000
	for round := range rounds { // as files with workers of their own
		part := sum.Fork()
		var records []events.Record
		for i := range each {
			name := strings.Repeat("long name ", 20) + fmt.Sprint(round*each+i)
			records = append(records, attempt(0, name, "failed", name, 1), attempt(0, "op 0", "failed", name, 1))
		}
		lines(t, log(records...), part.Add)
		sum.Merge(part)
	}
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	s := sum.Stats()
	var total, classes int64
	for _, o := range s.Operations {
		total += o.Failed
		if len(o.Errors) > 101 {
			t.Errorf("%d kinds of errors of %s", len(o.Errors), o.Name)
		}
		for _, e := range o.Errors {
			classes += e.Count
		}
	}
	if total != 2*rounds*each || classes != total {
		t.Errorf("%d failures of %d classes, want %d", total, classes, 2*rounds*each)
	}
	if mib := memory.HeapAlloc >> 20; mib > 12 {
		t.Errorf("%d MiB are in use", mib)
	}
}

// What many files have in common takes room once, and no operation takes that of all others.
func TestRoomIsForAll(t *testing.T) {
	sum := eventquery.NewCounter(eventquery.ByOperation)
	for range 10 {
		part := sum.Fork()
		var records []events.Record
		for i := range 1000 {
			records = append(records, attempt(0, fmt.Sprintf("op %d", i), "failed", "timeout", 1))
		}
		for i := range 9000 {
			records = append(records, attempt(0, "noisy", "failed", fmt.Sprintf("error %d", i), 1))
		}
		lines(t, log(append(records, attempt(0, "quiet", "failed", "timeout", 1))...), part.Add)
		sum.Merge(part)
	}
	named := 0
	for _, o := range sum.Stats().Operations {
		if o.Name == eventquery.Others || o.Name != "noisy" && o.Failed != 10 {
			t.Fatalf("%s failed %d times", o.Name, o.Failed)
		}
		named++
	}
	if named != 1002 {
		t.Errorf("%d operations, want 1002", named)
	}
}

// However the records are dealt out to goroutines, the counts and the examples are those of one that saw all in order.
func TestValuesOfForksAreThoseOfOne(t *testing.T) {
	var text []byte
	for i := range 300 {
		r := attempt(i/2, "load", "failed", "timeout", 1) // two of each moment
		for j := range r.Details {
			if r.Details[j].Key == events.KeyError {
				r.Details[j] = events.String(events.KeyError,
					fmt.Sprintf("%s %d is gone", []string{"disk", "shard"}[i%2], 700-i))
			}
		}
		text = r.Append(text)
	}
	for _, key := range []eventquery.Key{eventquery.ByError, "timestamp", "details.error"} {
		one, random := eventquery.NewValues(), rand.New(rand.NewPCG(1, 2))
		lines(t, text, func(l *events.Line) { one.Add(l, key) })
		want, _ := one.Sorted()
		for range 10 {
			all := eventquery.NewValues()
			forks := []*eventquery.Values{all.Fork(), all.Fork(), all.Fork()}
			lines(t, text, func(l *events.Line) { forks[random.IntN(3)].Add(l, key) })
			for _, fork := range forks {
				all.Merge(fork)
			}
			if got, others := all.Sorted(); others != 0 || !slices.Equal(got, want) {
				t.Fatalf("--by %s: got %+v and %d others, want %+v", key, got, others, want)
			}
		}
	}
}

func TestValuesAreBounded(t *testing.T) {
	v := eventquery.NewValues()
	var text []byte
	for i := range 120_000 {
		for _, key := range []events.Field{
			events.String("k", fmt.Sprintf("%032d", i)), events.String("k", "often\x01"), events.Int("k", 7),
		} {
			r := events.Record{Time: start, Details: []events.Field{key}}
			text = r.Append(text)
		}
	}
	lines(t, text, func(l *events.Line) { v.Add(l, "details.k") })
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	list, others := v.Sorted()
	total := others
	for _, c := range list {
		total += c.Count
	}
	if total != 360_000 || others == 0 || list[0] != (eventquery.ValueCount{Value: "7", Count: 120_000}) ||
		list[1] != (eventquery.ValueCount{Value: "often\x01", Count: 120_000}) {
		t.Errorf("%d in all, %d others, first %+v", total, others, list[:2])
	}
	if n := len(list); n < 60_000 || n > 120_000 {
		t.Errorf("%d values", n)
	}
	if mib := memory.HeapAlloc >> 20; mib > 20 {
		t.Errorf("%d MiB are in use", mib)
	}
}

// Every record of a phase says which phase it is of, once, whatever else its message holds.
func TestDescribeNamesThePhase(t *testing.T) {
	for _, c := range []struct{ kind, message, want string }{
		{events.TypeAttempt, "Autocorrect attempt 1: Error in fetch: refused", " (phase e)"},
		{events.TypeRecovery, "Recovery successful on attempt 1", " (phase e)"},
		{events.TypePhaseStart, "Phase e started", ""},
		{events.TypePhaseEnd, "Phase e ended: success", ""},
		{events.TypePhaseFailed, "Phase attempt 1: Error in e: refused", ""},
	} {
		r := events.Record{Time: start, Type: c.kind, Phase: "e", Level: events.LevelInfo, Message: c.message}
		lines(t, log(r), func(l *events.Line) {
			want := "2026-11-23 10:00:00.000Z  info     " + c.message + c.want
			if got := (eventquery.Style{}).Describe(l); got != want {
				t.Errorf("%s: got %q, want %q", c.kind, got, want)
			}
		})
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
		if !strings.Contains(text, "日本") || !strings.HasPrefix(text, "2026-11-23 10:00:00.000Z  warn␇") {
			t.Errorf("%q", text)
		}
	})
}

// Tallies give the rate of success of operations that failed too. What never failed is not listed.
func TestStatsKnowSuccessRates(t *testing.T) {
	tally := func(operation string, successes int64) events.Record {
		return events.Record{
			Time: start, Session: "s-1", Type: events.TypeTally, Level: events.LevelInfo,
			Details: []events.Field{
				events.String(events.KeyOperation, operation), events.Int(events.KeySuccesses, successes),
			},
		}
	}
	records := append(call("load", 4, "exhausted"), call("load", 1, "recovered")...)
	records = append(records, call("check", 1, "exhausted")...)
	records = append(records, tally("load", 90), tally("load", 8), tally("fine", 7), tally("check", -5))
	// Many goroutines count, as events stats does.
	all, text := eventquery.NewCounter(eventquery.ByOperation), log(records...)
	other := all.Fork()
	add := []*eventquery.Counter{all, other}
	n := 0
	lines(t, text, func(l *events.Line) { add[n%2].Add(l); n++ })
	all.Merge(other)
	got := all.Stats()
	if len(got.Operations) != 2 || got.Operations[0].Name != "load" && got.Operations[1].Name != "load" {
		t.Fatalf("%+v", got.Operations)
	}
	for _, o := range got.Operations {
		switch {
		case o.Name == "check" && (o.SuccessRate != nil || o.Succeeded != 0):
			t.Errorf("check, of which nothing is known: %+v", o)
		case o.Name == "load" && (o.SuccessRate == nil || *o.SuccessRate != 0.99 || o.Succeeded != 98):
			t.Errorf("load: %+v, want 98 and a rate of 0.99", o)
		}
	}
	if encoded, err := json.Marshal(got); err != nil || strings.Count(string(encoded), `"succeeded":`) != 1 {
		t.Errorf("%s, %v: want successes of load and none of check, of which they are not known", encoded, err)
	}
	var table strings.Builder
	if err := got.Write(&table, eventquery.Style{}); err != nil {
		t.Fatal(err)
	}
	if rows := strings.Split(table.String(), "\n"); !slices.ContainsFunc(rows, func(r string) bool {
		return strings.HasPrefix(r, "load ") && strings.Contains(r, "  99.00%  ")
	}) || strings.Count(table.String(), "%") != 1 {
		t.Errorf("%s", table.String())
	}
}
