package eventquery_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/backspan/backspan/cmd/backspan/internal/eventquery"
	"github.com/backspan/backspan/events"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// log is what a Writer would write of the records.
func log(records ...events.Record) []byte {
	var text []byte
	for i := range records {
		text = records[i].Append(text)
	}
	return text
}

// lines calls each for every record of text.
func lines(t *testing.T, text []byte, each func(*events.Line)) {
	t.Helper()
	r := events.NewReader(bytes.NewReader(text))
	for r.Next() {
		each(r.Line())
	}
	if tally := r.Tally(); r.Err() != nil || tally.Unreadable != 0 {
		t.Fatalf("%v, %+v", r.Err(), tally)
	}
}

func count(t *testing.T, text []byte, f eventquery.Filter) (n int) {
	t.Helper()
	m := f.Compile()
	lines(t, text, func(l *events.Line) {
		if m.Matches(l) {
			n++
		}
	})
	return n
}

var start = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

func attempt(second int, operation, result, errorType string, number int64) events.Record {
	return events.Record{
		Time: start.Add(time.Duration(second) * time.Second), Session: "s-1", Type: events.TypeAttempt, Phase: "data/first",
		Level: events.LevelWarning, Message: "Autocorrect attempt", TraceID: [16]byte{0xab}, SpanID: [8]byte{1},
		Details: []events.Field{
			events.Int(events.KeyAttemptNumber, number), events.String(events.KeyReason, "Error in "+operation+": why: and how"),
			events.String(events.KeyResult, result), events.String(events.KeyOperation, operation),
			events.String(events.KeyError, "why: and how"), events.String(events.KeyErrorType, errorType),
			events.Float(events.KeyDelay, float64(number-1)),
		},
	}
}

func TestFilters(t *testing.T) {
	text := log(
		attempt(0, "load", "retrying", "timeout", 1),
		attempt(1, "load", "failed", "503", 2),
		attempt(2, `say "hi"`, "retrying", "tïmeout", 1),
		events.Record{
			Time: start.Add(3 * time.Second), Session: "s-2", Type: events.TypeRunEnd, Level: events.LevelInfo, Message: "load",
			Service: "billing", Host: "web-1", PID: 4711,
		},
	)
	where := func(text string) eventquery.Filter {
		c, err := eventquery.ParseCondition(text)
		if err != nil {
			t.Fatal(err)
		}
		return eventquery.Filter{Where: []eventquery.Condition{c}}
	}
	for name, c := range map[string]struct {
		filter eventquery.Filter
		want   int
	}{
		"everything":            {eventquery.Filter{}, 4},
		"type":                  {eventquery.Filter{Types: []string{events.TypeAttempt}}, 3},
		"two types":             {eventquery.Filter{Types: []string{events.TypeAttempt, events.TypeRunEnd}}, 4},
		"unknown type":          {eventquery.Filter{Types: []string{"attempt"}}, 0},
		"operation, not text":   {eventquery.Filter{Operations: []string{"load"}}, 2},
		"operation with quotes": {eventquery.Filter{Operations: []string{`say "hi"`}}, 1},
		"phase with slash":      {eventquery.Filter{Phases: []string{"data/first"}}, 3},
		"no phase":              {eventquery.Filter{Phases: []string{""}}, 1},
		"result":                {eventquery.Filter{Results: []string{"failed"}}, 1},
		"level":                 {eventquery.Filter{Levels: []string{"info"}}, 1},
		"session":               {eventquery.Filter{Sessions: []string{"s-2"}}, 1},
		"trace":                 {eventquery.Filter{Traces: []string{"ab000000000000000000000000000000"}}, 3},
		"trace in capitals":     {eventquery.Filter{Traces: []string{"AB000000000000000000000000000000"}}, 3},
		"no trace":              {eventquery.Filter{Traces: []string{""}}, 1},
		"no result":             {eventquery.Filter{Results: []string{""}}, 1},
		"since":                 {eventquery.Filter{Since: start.Add(time.Second)}, 3},
		"until":                 {eventquery.Filter{Until: start.Add(time.Second)}, 1},
		"between":               {eventquery.Filter{Since: start.Add(time.Second), Until: start.Add(3 * time.Second)}, 2},
		"in another zone":       {eventquery.Filter{Since: start.Add(time.Second).In(time.FixedZone("", 5*3600))}, 3},
		"two fields":            {eventquery.Filter{Operations: []string{"load"}, Results: []string{"retrying"}}, 1},
		"where number":          {where("attempt_number=2"), 1},
		"where escaped":         {where("error_type=tïmeout"), 1},
		"where details":         {where("details.error_type=503"), 1},
		"where absent":          {where("details.nothing=503"), 0},
		"where message":         {where("message=load"), 1},
		"where service":         {where("service=billing"), 1},
		"where host":            {where("host=web-1"), 1},
		"where pid":             {where("pid=4711"), 1},
	} {
		if got := count(t, text, c.filter); got != c.want {
			t.Errorf("%s: %d records, want %d", name, got, c.want)
		}
	}
}

// A name counts as it is, however it is spelled in the log.
func TestFiltersKnowEveryName(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	words := []string{"load", "lo\"ad", "l\\oad", "läd", "a/b", "<&>", "\x00", "", "load\n", "\xff", "日本"}
	for range 2000 {
		operation, wanted := words[random.IntN(len(words))], words[random.IntN(len(words))]
		text := log(attempt(0, operation, "retrying", "timeout", 1))
		want := 0
		lines(t, text, func(l *events.Line) {
			if l.Detail(events.KeyOperation).Text() == wanted {
				want = 1
			}
		})
		if got := count(t, text, eventquery.Filter{Operations: []string{wanted}}); got != want {
			t.Fatalf("operation %q, filter %q: %d records, want %d\n%s", operation, wanted, got, want, text)
		}
	}
}

func TestParseConditionNamesWhatThereIs(t *testing.T) {
	for text, want := range map[string]string{
		"colour=red": `key "colour" is unknown, want one of after, allowed, attempt_number, command, count,`,
		"colour":     `"colour" is no key=value, want for example error_type=timeout`,
		"=red":       `"=red" is no key=value`,
		"":           `"" is no key=value`,
	} {
		if _, err := eventquery.ParseCondition(text); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q:\ngot  %v\nwant %s", text, err, want)
		}
	}
	if !slices.IsSorted(eventquery.Keys()) {
		t.Error("the keys are not sorted")
	}
}

func TestParseTime(t *testing.T) {
	zone := time.FixedZone("", 2*3600)
	now := time.Date(2026, 11, 23, 18, 30, 0, 0, zone)
	for text, want := range map[string]string{
		"2026-11-23T17:00:00Z":      "2026-11-23T17:00:00Z",
		"2026-11-23T17:00:00+01:00": "2026-11-23T16:00:00Z",
		"2026-11-23T17:00:00.5":     "2026-11-23T15:00:00.5Z",
		"2026-11-23 17:00":          "2026-11-23T15:00:00Z",
		"2026-11-23 17:00:01":       "2026-11-23T15:00:01Z",
		"2026-11-23 17:00:01.250":   "2026-11-23T15:00:01.25Z", // as list prints it
		"2026-11-23T17:00":          "2026-11-23T15:00:00Z",
		"2026-11-23T17:00Z":         "2026-11-23T17:00:00Z",
		"2026-11-23 17:00:01Z":      "2026-11-23T17:00:01Z",
		"2026-11-23 17:00+01:00":    "2026-11-23T16:00:00Z",
		"2026-11-23":                "2026-11-22T22:00:00Z",
		"17:00":                     "2026-11-23T15:00:00Z",
		"17:00:05":                  "2026-11-23T15:00:05Z",
		"90m":                       "2026-11-23T15:00:00Z",
		"2d":                        "2026-11-21T16:30:00Z",
		"1.5d":                      "2026-11-22T04:30:00Z",
		"0s":                        "2026-11-23T16:30:00Z",
	} {
		got, err := eventquery.ParseTime(text, now)
		if err != nil || got.UTC().Format(time.RFC3339Nano) != want {
			t.Errorf("%q: %v, %v, want %s", text, got.UTC(), err, want)
		}
	}
	for _, text := range []string{"", "yesterday", "-5m", "5x", "2026-13-01", "25:00", "d", "300000d", "-1d", "-200000d", "1h5d", "NaNd", "9999-12-31T23:59:59-01:00", "0000-01-01T00:00:00+01:00"} {
		if got, err := eventquery.ParseTime(text, now); err == nil {
			t.Errorf("%q: %v, want an error", text, got)
		} else if !strings.HasPrefix(err.Error(), fmt.Sprintf("%q is no time, want for example", text)) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestCheckNamesWhatThereIs(t *testing.T) {
	id := strings.Repeat("0aF1", 8)
	for _, c := range []struct {
		filter eventquery.Filter
		want   string // the beginning; empty: fine
	}{
		{eventquery.Filter{}, ""},
		{eventquery.Filter{Types: eventquery.Types, Levels: eventquery.Levels, Results: eventquery.Results, Traces: []string{id, ""}}, ""},
		{eventquery.Filter{Phases: []string{"?"}, Operations: []string{"?"}, Sessions: []string{"?"}}, ""},
		{eventquery.Filter{Levels: []string{"info", "eror"}}, `level is "eror", want one of info, warning, error (did you mean error?)`},
		{eventquery.Filter{Levels: []string{""}}, `level is "", want one of info`},
		{eventquery.Filter{Types: []string{"autocorect_attempt"}}, `type is "autocorect_attempt", want one of autocorrect_attempt, `},
		{eventquery.Filter{Types: []string{""}}, `type is "", want one of `},
		{eventquery.Filter{Results: []string{"succes"}}, `result is "succes", want one of retrying, failed, success, cancelled, deadline, skipped (did you mean success?)`},
		{eventquery.Filter{Traces: []string{id[:31]}}, `trace is "` + id[:31] + `", want 32 hex digits`},
		{eventquery.Filter{Traces: []string{id[:31] + "g"}}, `trace is "` + id[:31] + `g", want 32 hex digits`},
	} {
		err := c.filter.Check()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)) {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
	}
}

// That lines were lost matters whatever is asked for, but for the time.
func TestDropped(t *testing.T) {
	dropped := func(second int, field events.Field) events.Record {
		return events.Record{Time: start.Add(time.Duration(second) * time.Second), Type: events.TypeEventsDropped, Details: []events.Field{field}}
	}
	text := log(
		dropped(0, events.Int(events.KeyCount, 2)), dropped(1, events.Int(events.KeyCount, 3)),
		attempt(1, "load", "failed", "timeout", 1),
		dropped(1, events.Float(events.KeyCount, 1e300)), dropped(1, events.Int(events.KeyCount, -5)),
		dropped(1, events.String(events.KeyCount, "7")),
	)
	for _, c := range []struct {
		filter eventquery.Filter
		want   int64
	}{
		{eventquery.Filter{}, 5 + 1e15},
		{eventquery.Filter{Operations: []string{"load"}}, 5 + 1e15},
		{eventquery.Filter{Until: start.Add(time.Second)}, 2},
	} {
		m, got := c.filter.Compile(), int64(0)
		lines(t, text, func(l *events.Line) { got += m.Dropped(l) })
		if got != c.want {
			t.Errorf("%+v: %d, want %d", c.filter, got, c.want)
		}
	}
}
