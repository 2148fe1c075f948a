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

// follow counts records as the verbs do.
func follow(c *eventquery.CallCounter) func(*events.Line) {
	return func(l *events.Line) {
		if note := eventquery.AppendCallNote(nil, l); note != nil {
			c.Add(note)
		}
	}
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
		Time: start.Add(time.Duration(second) * time.Second), Session: "s-1", Type: events.TypeAttempt,
		Phase: "data/first",
		Level: events.LevelWarning, Message: "Autocorrect attempt", TraceID: [16]byte{0xab}, SpanID: [8]byte{1},
		Details: []events.Field{
			events.Int(events.KeyAttemptNumber, number),
			events.String(events.KeyReason, "Error in "+operation+": why: and how"),
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
			Time: start.Add(3 * time.Second), Session: "s-2", Type: events.TypeRunEnd,
			Level: events.LevelInfo, Message: "load",
			Service: "billing", Host: "web-1", PID: 4711,
		},
		events.Record{
			Time: start.Add(4 * time.Second), Session: "4786a9a2-c5bf-41ca-a26e-e1ae5d01f41c",
			Type: events.TypeTally, Level: events.LevelInfo,
		},
		events.Record{
			Time: start.Add(4 * time.Second), Session: "4786a9a2-0000-41ca-a26e-e1ae5d01f41c",
			Type: events.TypeTally, Level: events.LevelInfo,
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
		"everything":            {eventquery.Filter{}, 6},
		"type":                  {eventquery.Filter{Types: []string{events.TypeAttempt}}, 3},
		"two types":             {eventquery.Filter{Types: []string{events.TypeAttempt, events.TypeRunEnd}}, 4},
		"unknown type":          {eventquery.Filter{Types: []string{"attempt"}}, 0},
		"operation, not text":   {eventquery.Filter{Operations: []string{"load"}}, 2},
		"operation with quotes": {eventquery.Filter{Operations: []string{`say "hi"`}}, 1},
		"phase with slash":      {eventquery.Filter{Phases: []string{"data/first"}}, 3},
		"no phase":              {eventquery.Filter{Phases: []string{""}}, 3},
		"result":                {eventquery.Filter{Results: []string{"failed"}}, 1},
		"level":                 {eventquery.Filter{Levels: []string{"info"}}, 3},
		"session":               {eventquery.Filter{Sessions: []string{"s-2"}}, 1},
		"trace":                 {eventquery.Filter{Traces: []string{"ab000000000000000000000000000000"}}, 3},
		"trace in capitals":     {eventquery.Filter{Traces: []string{"AB000000000000000000000000000000"}}, 3},
		"beginning of a UUID":   {eventquery.Filter{Sessions: []string{"4786a9a2"}}, 2},
		"all of a UUID":         {eventquery.Filter{Sessions: []string{"4786a9a2-c5bf-41ca-a26e-e1ae5d01f41c"}}, 1},
		"too little of a UUID":  {eventquery.Filter{Sessions: []string{"478"}}, 0},
		"beginning of a name":   {eventquery.Filter{Sessions: []string{"s-"}}, 0},
		"no trace":              {eventquery.Filter{Traces: []string{""}}, 3},
		"no result":             {eventquery.Filter{Results: []string{""}}, 3},
		"since":                 {eventquery.Filter{Since: start.Add(time.Second)}, 5},
		"until":                 {eventquery.Filter{Until: start.Add(time.Second)}, 1},
		"between": {
			eventquery.Filter{Since: start.Add(time.Second), Until: start.Add(3 * time.Second)}, 2,
		},
		"in another zone":      {eventquery.Filter{Since: start.Add(time.Second).In(time.FixedZone("", 5*3600))}, 5},
		"two fields":           {eventquery.Filter{Operations: []string{"load"}, Results: []string{"retrying"}}, 1},
		"where number":         {where("attempt_number=2"), 1},
		"where a spelling":     {where("attempt_number=2.0"), 1},
		"where delay":          {where("delay=0"), 2},
		"where more":           {where("delay>0.5"), 1},
		"where at least":       {where("delay>=1"), 1},
		"where less":           {where("details.delay<1"), 2},
		"where at most":        {where("delay<=1e0"), 3},
		"where not":            {where("error_type!=503"), 5},
		"where another number": {where("attempt_number!=1"), 4},
		"where some":           {where("error_type!="), 3},
		"where none":           {where("error_type="), 3},
		"where it matches":     {where("error_type~^t[iï]me"), 2},
		"where it does not":    {where("error_type!~^t[iï]me"), 4},
		"where equals in it":   {where("message~=|load"), 1},
		"where escaped":        {where("error_type=tïmeout"), 1},
		"where details":        {where("details.error_type=503"), 1},
		"where absent":         {where("details.nothing=503"), 0},
		"where message":        {where("message=load"), 1},
		"where service":        {where("service=billing"), 1},
		"where host":           {where("host=web-1"), 1},
		"where pid":            {where("pid=4711"), 1},
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
		"colour=red": `key "colour" is unknown, want one of after, allowed, attempt_number, budget, command, count,`,
		"colour!=5":  `key "colour" is unknown`,
		"colour": `"colour" is no condition, want a key, one of = != < <= > >= ~ !~, and a value, ` +
			`for example error_type=timeout`,
		"=red":       `"=red" is no condition`,
		"":           `"" is no condition`,
		"delay=soon": `delay is a number, and "soon" is none`, "delay>": `delay is a number, and "" is none`,
		"details.delay=soon": `delay is a number, and "soon" is none`, "pid!=x": `pid is a number, and "x" is none`,
		"details.mine<x": `mine is a number, and "x" is none`,
		"error_type<5":   `error_type is no number, so that < cannot compare it; want = != ~ !~`,
		"timestamp>5":    `timestamp is no number, so that > cannot compare it; want --since or --until`,
		"dry_run>=1":     `dry_run is no number, so that >= cannot compare it; want = or !=`,
		"delay~4":        `delay is no text, so that ~ cannot match it; want = != < <= > >=`,
		"dry_run!~t":     `dry_run is no text, so that !~ cannot match it; want = or !=`,
		"dry_run=yes":    `dry_run is true or false, and not "yes"`,
		"error~(":        `"(" is no regular expression: error parsing regexp: missing closing ): `,
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
		"0":                         "2026-11-23T16:30:00Z",
		"1w":                        "2026-11-16T16:30:00Z",
		"1d12h":                     "2026-11-22T04:30:00Z",
		"1h5d":                      "2026-11-18T15:30:00Z",
		"1w1d1h1m1s500ms":           "2026-11-15T15:28:58.5Z",
		"now":                       "2026-11-23T16:30:00Z",
		"today":                     "2026-11-22T22:00:00Z",
		"yesterday":                 "2026-11-21T22:00:00Z",
		"1795453200":                "2026-11-23T17:00:00Z",
		"1795453200.25":             "2026-11-23T17:00:00.25Z",
		"18:30":                     "2026-11-23T16:30:00Z", // now
		"18:31":                     "2026-11-22T16:31:00Z", // the last one
		"23:00":                     "2026-11-22T21:00:00Z",
	} {
		got, err := eventquery.ParseTime(text, now)
		if err != nil || got.UTC().Format(time.RFC3339Nano) != want {
			t.Errorf("%q: %v, %v, want %s", text, got.UTC(), err, want)
		}
	}
	for _, text := range []string{
		"", "-5m", "5x", "2026-13-01", "25:00", "d", "300000d", "-1d", "-200000d",
		"NaNd", "9999-12-31T23:59:59-01:00", "0000-01-01T00:00:00+01:00",
	} {
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
		{
			eventquery.Filter{
				Types: eventquery.Types, Levels: eventquery.Levels, Results: eventquery.Results,
				Traces: []string{id, ""},
			}, "",
		},
		{eventquery.Filter{Phases: []string{"?"}, Operations: []string{"?"}, Sessions: []string{"?"}}, ""},
		{
			eventquery.Filter{Levels: []string{"info", "eror"}},
			`level is "eror", want one of info, warning, error (did you mean error?)`,
		},
		{eventquery.Filter{Levels: []string{""}}, `level is "", want one of info`},
		{
			eventquery.Filter{Types: []string{"autocorect_attempt"}},
			`type is "autocorect_attempt", want one of autocorrect_attempt, `,
		},
		{eventquery.Filter{Types: []string{""}}, `type is "", want one of `},
		{
			eventquery.Filter{Results: []string{"succes"}},
			`result is "succes", want one of retrying, failed, success, cancelled, deadline, skipped (did you mean success?)`,
		},
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
		return events.Record{
			Time: start.Add(time.Duration(second) * time.Second), Type: events.TypeEventsDropped,
			Details: []events.Field{field},
		}
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

// A local time that a change of the clock repeats or leaves out is none that can be meant.
func TestTimesOfAChangeOfTheClock(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 10, 25, 9, 0, 0, 0, berlin)
	for text, want := range map[string]string{
		"2026-10-25 02:30": `"2026-10-25 02:30" happened twice, as the clocks were set back: ` +
			`want "2026-10-25 02:30:00+02:00" or "2026-10-25 02:30:00+01:00"`,
		"02:30":                     `"2026-10-25 02:30:00" happened twice, `,
		"2026-03-29 02:30":          `"2026-03-29 02:30" did not happen: the clocks were set forward over it`,
		"2026-10-25 03:00":          "2026-10-25T02:00:00Z",
		"2026-10-25 01:59:59":       "2026-10-24T23:59:59Z",
		"2026-10-25 02:30:00+01:00": "2026-10-25T01:30:00Z",
		"2026-10-25":                "2026-10-24T22:00:00Z",
		"08:00":                     "2026-10-25T07:00:00Z",
		"09:01":                     "2026-10-24T07:01:00Z",
	} {
		at, err := eventquery.ParseTime(text, now)
		got := at.UTC().Format(time.RFC3339)
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

func TestParseRange(t *testing.T) {
	now := time.Date(2026, 11, 23, 1, 46, 0, 0, time.UTC)
	for _, c := range []struct{ since, until, want string }{
		{"23:00", "", "22 23:00 - 01 00:00"},
		{"23:00", "01:00", "22 23:00 - 23 01:00"},
		{"01:00", "23:00", "23 01:00 - 23 23:00"}, // until later today
		{"2h", "1h", "22 23:46 - 23 00:46"},
		{"1h", "2h", `--until "2h" is not after --since "1h", so nothing is in between`},
		{"2026-11-20", "23:00", "20 00:00 - 22 23:00"},
		{"soon", "", `--since: "soon" is no time`},
		{"", "soon", `--until: "soon" is no time`},
	} {
		from, to, err := eventquery.ParseRange(c.since, c.until, now)
		got := from.Format("02 15:04 - ") + to.Format("02 15:04")
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%s to %s: got %s, want %s", c.since, c.until, got, c.want)
		}
	}
}

func TestAPrefixOfSeveralSessionsIsSaid(t *testing.T) {
	session := func(id string) events.Record { return events.Record{Time: start, Session: id, Type: events.TypeRunEnd} }
	text := log(session("4786a9a2-c5bf-41ca-a26e-e1ae5d01f41c"), session("4786a9a2-0000-41ca-a26e-e1ae5d01f41c"))
	for prefix, want := range map[string][]string{"4786a9a2": {"4786a9a2"}, "4786a9a2-c": nil} {
		m := eventquery.Filter{Sessions: []string{prefix}}.Compile()
		lines(t, text, func(l *events.Line) { m.Matches(l) })
		if got := m.Ambiguous(); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", prefix, got, want)
		}
	}
}

func TestSplits(t *testing.T) {
	for text, want := range map[string]string{
		"host=web-1": "", "pid>5": "", "details.operation~load": "where details.operation",
		"error_type=503": "where error_type",
	} {
		c, err := eventquery.ParseCondition(text)
		f := eventquery.Filter{Operations: []string{"load"}, Where: []eventquery.Condition{c}}
		if got := f.Splits(); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", text, got, err, want)
		}
	}
}
