package session

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
)

// Parts of lines: what is around spans, and a span with its end missing.
const (
	spansBegin = `{"resourceSpans":[{"scopeSpans":[{"spans":[`
	spansEnd   = "]}]}]}\n"
	noSpanID   = `,{"traceId":"00000000000000000000000000000001"}`
	oneOf      = `{"traceId":"00000000000000000000000000000001","spanId":"0000000000000001","name":"x"`
)

// A few kilobytes that were compressed may hold millions of things. What makes no span costs no memory, and of what
// makes one only so much is kept as a span can need.
func TestWhatIsInNoSpanNeedsNoMemory(t *testing.T) {
	const n = 1 << 18
	many := func(s string) string { return strings.Repeat(s, n) }
	whole, tooMany := spansBegin+oneOf+"}"+spansEnd, LeftOut{Details: n + 1 - maxDetails}
	for _, c := range []struct {
		name, in string
		spans    int
		want     LeftOut
	}{
		{"empty spans", spansBegin + "{}" + many(",{}") + spansEnd, 0, LeftOut{NoID: n + 1}},
		{"spans without a span id", spansBegin + "{}" + many(noSpanID) + spansEnd, 0, LeftOut{NoID: n + 1}},
		{"empty spans, a line each", many(spansBegin + "{}" + spansEnd), 0, LeftOut{NoID: n}},
		{"attributes", spansBegin + oneOf + `,"attributes":[{}` + many(",{}") + "]}" + spansEnd, 1, tooMany},
		{"events", spansBegin + oneOf + `,"events":[{}` + many(",{}") + "]}" + spansEnd, 1, tooMany},
		{
			"those of an event", spansBegin + oneOf + `,"events":[{"attributes":[{}` + many(",{}") + "]}]}" + spansEnd,
			1, tooMany,
		},
		{"links", spansBegin + oneOf + `,"links":[{}` + many(",{}") + "]}" + spansEnd, 1, LeftOut{}},
		{"resources", `{"resourceSpans":[{}` + many(",{}") + "]}\n", 0, LeftOut{}},
		{"scopes", `{"resourceSpans":[{"scopeSpans":[{}` + many(",{}") + "]}]}\n", 0, LeftOut{}},
		{"what nobody knows", `{"resourceSpans":[],"x":[{}` + many(`,{"a":"b"}`) + "]}\n", 0, LeftOut{}},
		{"nesting", spansBegin + oneOf + `,"x":` + many("[") + "}" + spansEnd + whole, 1, LeftOut{Lines: 1}},
		{"nested objects", spansBegin + oneOf + `,"x":` + many(`{"a":`) + "}" + spansEnd + whole, 1, LeftOut{Lines: 1}},
		{"blank lines", whole + many(" \n"), 1, LeftOut{}},
		{"lines of something else", whole + many("{\n"), 1, LeftOut{Lines: n}},
	} {
		in := strings.NewReader(c.in)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		spans, left, err := ReadTraceFile(in)
		runtime.ReadMemStats(&after)
		if len(spans) != c.spans || left != c.want || err != nil {
			t.Errorf("%s: %d spans, %+v, %v; want %d, %+v", c.name, len(spans), left, err, c.spans, c.want)
		}
		// Eight times a line is what holding it costs while it grows.
		longest := len(c.in)
		if at := strings.IndexByte(c.in, '\n'); at < len(c.in)/2 {
			longest = at
		}
		allocated := int(after.TotalAlloc - before.TotalAlloc)
		if most := 8*longest + 1<<20; allocated > most {
			t.Errorf("%s: %d bytes were allocated for %d, want %d at most", c.name, allocated, len(c.in), most)
		}
	}
}

// holdLess bounds what is held in this test, so that it need not read hundreds of megabytes.
func holdLess(t *testing.T) {
	whole := maxHeld
	maxHeld = 16 << 20
	t.Cleanup(func() { maxHeld = whole })
}

// Of more than memory should hold the newest is kept, and that something is missing is told.
func TestTheNewestSpansAreKept(t *testing.T) {
	holdLess(t)
	const size = 1 << 20
	n := maxHeld/size + 10
	var lines []io.Reader
	for i := range n {
		begin := fmt.Sprintf(spansBegin+`{"traceId":"%032x","spanId":"%016x","name":"`, 1, i+1)
		lines = append(lines, strings.NewReader(begin),
			io.LimitReader(zeros{}, size), strings.NewReader(`"}`+spansEnd))
	}
	spans, left, err := ReadTraceFile(io.MultiReader(lines...))
	held := 0
	for i := range spans {
		held += spans[i].cost()
	}
	if err != nil || len(spans)+left.Spans != n || left.Spans == 0 || held > maxHeld || held < maxHeld/2 {
		t.Fatalf("%d spans of %d bytes, %+v, %v; want the rest of %d to be left out", len(spans), held, left, err, n)
	}
	if last := spans[len(spans)-1]; int(last.SpanID[7]) != n {
		t.Errorf("the last span is %v, want the %dth", last.SpanID, n)
	}
	if note := strings.Join(left.notes(), ""); !strings.Contains(note, "left out") {
		t.Errorf("the note is %q", note)
	}
}

func TestRecentKeepsTheNewest(t *testing.T) {
	r := recent[int]{cost: func(*int) int { return maxHeld / 100 }}
	for i := range 1000 {
		r.add(i)
		if n := len(r.items); r.items[n-1] != i || n+r.dropped != i+1 || n > 100 || i >= 100 && n < 74 {
			t.Fatalf("after %d there are %d items to %d, %d were dropped", i, n, r.items[n-1], r.dropped)
		}
	}
	huge := recent[int]{cost: func(*int) int { return 2 * maxHeld }}
	huge.add(1)
	huge.add(2)
	if len(huge.items) != 1 || huge.items[0] != 2 || huge.dropped != 1 {
		t.Errorf("of two that are too large there are %v, want the newer one", huge.items)
	}
}

// Where it is known how much follows, a large slice is made once, a little larger than it has to be, and never larger
// than what is kept.
func TestRecentMakesRoomForWhatFollows(t *testing.T) {
	const n = 100_000
	grown := func(cost int, share func(i int) float64) (times, room int) {
		i := 0
		r := recent[int]{cost: func(*int) int { return cost }, share: func() float64 { return share(i) }}
		for ; i < n; i++ {
			before := cap(r.items)
			if r.add(i); cap(r.items) > before && before > 2000 {
				times++
			}
		}
		return times, cap(r.items)
	}
	for name, c := range map[string]struct {
		cost        int
		share       func(i int) float64
		times, room int
	}{
		"a file":                       {1, func(i int) float64 { return float64(i) / n }, 0, n * 11 / 10},
		"shorter lines at its end":     {1, func(i int) float64 { return math.Sqrt(float64(i) / n) }, 30, n * 5 / 4},
		"a compressed file":            {1, func(i int) float64 { return float64(i) }, 10, 2 * n},
		"an empty file that has grown": {1, func(int) float64 { return math.Inf(1) }, 10, 2 * n},
		"far more than is kept": {
			maxHeld / 5000, func(i int) float64 { return float64(i) / 1e12 }, 0, 5000 * 11 / 10,
		},
	} {
		if times, room := grown(c.cost, c.share); times > c.times || room > c.room {
			t.Errorf("%s: made larger %d times, room for %d; want %d and %d at most",
				name, times, room, c.times, c.room)
		}
	}
}

// The cost of a span must not be less than the memory that it takes by itself.
func TestASpanCostsWhatItTakes(t *testing.T) {
	long := strings.Repeat("x", 100)
	s := Span{Name: long, StatusText: long, Attributes: []attribute.KeyValue{attribute.String(long, long)}}
	s.Events = []Event{{Name: long, Attributes: s.Attributes}, {Name: long}}
	if got, least := s.cost(), 900+8*len(long)+2*64+2*64; got != least {
		t.Errorf("a span costs %d bytes, want %d", got, least)
	}
}

// eventsFile is a compressed events file of n lines.
func eventsFile(t *testing.T, n int, line func(i int) string) string {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if _, err := io.WriteString(w, line(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return write(t, "events.jsonl.gz", b.String())
}

const eventForm = `{"timestamp": "2026-11-23T10:00:00.%06dZ", "session_id": "%s", "type": "autocorrect_attempt", ` +
	`"phase": "", "level": "error", "message": "", "details": {"attempt_number": %d, "result": "retrying", ` +
	`"operation": "get", "error": "%s"}}` + "\n"

func TestTheNewestSessionsOfAnEventsFileAreKept(t *testing.T) {
	long := strings.Repeat("s", 200<<10) // twice: as it is spelled, and as it reads
	holdLess(t)
	n := maxHeld/(400<<10) + 10
	l, err := Open(eventsFile(t, n+1, func(i int) string {
		if i == 0 {
			return fmt.Sprintf(eventForm, i, "first", 1, "")
		}
		return fmt.Sprintf(eventForm, i, fmt.Sprint(i)+long, 1, "")
	}))
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Sessions)+l.Left.Sessions != n+1 || l.Left.Sessions == 0 ||
		!strings.HasPrefix(l.Sessions[0].ID, fmt.Sprint(n)+"s") {
		t.Fatalf("%d sessions, the newest is %.10s, %+v left out", len(l.Sessions), l.Sessions[0].ID, l.Left)
	}
	if _, err := l.Session("first"); err == nil || !strings.Contains(err.Error(), "left out") {
		t.Errorf("of a session that was left out the error is %v, want that something is", err)
	}
}

func TestTheNewestEventsOfASessionAreKept(t *testing.T) {
	long := strings.Repeat("e", 200<<10)
	holdLess(t)
	n := maxHeld/(200<<10) + 10
	l, err := Open(eventsFile(t, n, func(i int) string { return fmt.Sprintf(eventForm, i, "s", i+1, long) }))
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Session("")
	if err != nil || !strings.Contains(strings.Join(s.Notes, ""), "were left out") || l.Sessions[0].Records != n {
		t.Fatalf("%v, %v, %+v; want a note and %d records", err, s.Notes, l.Sessions[0], n)
	}
	if tries := s.Summary().Operations.Attempts; tries < n {
		t.Errorf("%d attempts are known, want those up to the %dth", tries, n)
	}
}
