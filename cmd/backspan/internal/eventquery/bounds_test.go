package eventquery_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/eventquery"
	"github.com/backspan/backspan/events"
)

// A log with endlessly many calls, operations and lengths must not fill the memory.
func TestCallsAreBounded(t *testing.T) {
	c := eventquery.NewCallCounter()
	for round := range 50 {
		var records []events.Record
		for i := range 1000 {
			n := round*1000 + i
			r := attempt(n, "load", "retrying", "timeout", 1)
			r.TraceID = [16]byte{byte(n), byte(n >> 8), byte(n >> 16)}
			r.Details = append(r.Details, events.Float(events.KeyDuration, float64(n)/7),
				events.Int(events.KeyDepth, 1))
			other := attempt(n, strings.Repeat("long ", 50)+fmt.Sprint(n), "failed", "timeout", 1)
			other.Details = append(other.Details, events.Int(events.KeyDepth, int64(n%5)))
			records = append(records, r, other)
		}
		lines(t, log(records...), follow(c))
	}
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	if mib := memory.HeapAlloc >> 20; mib > 40 {
		t.Errorf("%d MiB are in use", mib)
	}
	if l := c.Loops(); l.Unknown == 0 || int64(len(l.Loops))+l.Unknown < 50_000 {
		t.Errorf("%d loops and %d without room", len(l.Loops), l.Unknown)
	}
}

func TestATimelineIsBounded(t *testing.T) {
	timeline := eventquery.NewTimeline(time.Second, time.UTC)
	first, last := attempt(0, "load", "failed", "", 1), attempt(eventquery.MaxPieces, "load", "failed", "", 1)
	lines(t, log(first, last), timeline.Add)
	if _, err := timeline.Pieces(); !errors.Is(err, eventquery.ErrTooManyPieces) {
		t.Errorf("%v", err)
	}
	timeline = eventquery.NewTimeline(time.Second, time.UTC)
	long := attempt(0, "load", "failed", "timeout", 2)
	for i, f := range long.Details {
		if f.Key == events.KeyDelay {
			long.Details[i] = events.Float(f.Key, 1e9)
		}
	}
	lines(t, log(long), timeline.Add)
	if _, err := timeline.Pieces(); !errors.Is(err, eventquery.ErrTooManyPieces) {
		t.Errorf("%v", err)
	}
}

func TestParseComparison(t *testing.T) {
	now := start.Add(time.Hour)
	for _, c := range []struct {
		since time.Time
		to    string
		want  string // of the time before, or the error
	}{
		{start, "1d", "22 10:00 - 23 10:00"},
		{start, "2026-11-20..2026-11-21", "20 00:00 - 21 00:00"},
		{time.Time{}, "1d", "--compare-to needs --since"},
		{now.Add(time.Hour), "1d", "--since is in the future"},
		{start, "soon", `--compare-to: "soon" is neither a length of time nor TIME..TIME`},
		{start, "0s", `--compare-to: "0s" is neither`},
		{start, "soon..now", `--compare-to: --since: "soon" is no time`},
		{start, "..now", `--compare-to "..now" lacks a time`},
		{start, "yesterday..now", "--compare-to overlaps"},
	} {
		_, before, err := eventquery.ParseComparison(c.since, time.Time{}, c.to, now)
		got := before.From.Format("02 15:04 - ") + before.Until.Format("02 15:04")
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: got %s, want %s", c.to, got, c.want)
		}
	}
}
