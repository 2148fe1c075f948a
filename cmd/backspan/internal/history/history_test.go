package history_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/backspan/backspan/cmd/backspan/internal/history"
	"github.com/backspan/backspan/cmd/backspan/internal/logfiles"
	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errDown = errors.New("connection refused")

// logOf is the path of the event log that telemetry writes while story runs, in a bubble whose clock begins at
// 2000-01-01.
func logOf(t *testing.T, story func(ctx context.Context)) string {
	t.Helper()
	t.Setenv("BACKSPAN_SESSION", "")
	path := filepath.Join(t.TempDir(), "events.jsonl")
	synctest.Test(t, func(t *testing.T) {
		tel, err := telemetry.Start(t.Context(), telemetry.Config{Service: "billing", Events: path, Exporter: "none"})
		if err != nil {
			t.Fatal(err)
		}
		ctx, span := tel.TracerProvider().Tracer("test").Start(t.Context(), "test")
		story(ctx)
		span.End()
		if err := tel.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
	return path
}

// read rebuilds what is in the files.
func read(t *testing.T, paths ...string) *history.History {
	t.Helper()
	var files []*logfiles.File
	for _, path := range paths {
		files = append(files, logfiles.Open(path))
	}
	defer logfiles.CloseAll(files)
	c := history.NewCollector()
	if _, err := logfiles.MergeLines(files, history.Reads, c.Add); err != nil {
		t.Fatal(err)
	}
	return c.History()
}

// call is an operation that takes took for each attempt and fails as many times as there are errors.
func call(ctx context.Context, name string, p retry.Policy, took time.Duration, fails ...error) error {
	n := 0
	return retry.Do(ctx, name, p, func(context.Context) error {
		time.Sleep(took)
		if n++; n <= len(fails) {
			return fails[n-1]
		}
		return nil
	})
}

// describe is an operation in one line.
func describe(o *history.Operation) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s +%v", o.Name, o.Start.Sub(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)))
	if o.Parent != "" {
		fmt.Fprintf(&b, " in %s, depth %d", o.Parent, o.Depth)
	}
	for _, a := range o.Attempts {
		fmt.Fprintf(&b, "; %d at %v for %v", a.Number, a.Begin, a.Took)
		if a.Failed {
			fmt.Fprintf(&b, " %s", cmp.Or(a.Error, "?"))
		}
		if a.Asked > 0 {
			fmt.Fprintf(&b, " asked %v", a.Asked)
		}
		if a.NextWait >= 0 {
			fmt.Fprintf(&b, " then %v", a.NextWait)
		}
	}
	fmt.Fprintf(&b, "; max %d, %s after %v", o.MaxRetries, cmp.Or(o.Outcome, "cut"), o.Took)
	if !o.Begun {
		b.WriteString(", lost its beginning")
	}
	return b.String()
}

func checkOperations(t *testing.T, h *history.History, want ...string) {
	t.Helper()
	for i := range max(len(h.Operations), len(want)) {
		g, w := "(none)", "(none)"
		if i < len(h.Operations) {
			g = describe(h.Operations[i])
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Errorf("operation %d\ngot  %s\nwant %s", i, g, w)
		}
	}
}

// story is what the tests read: every way in which an operation can end.
func story(ctx context.Context) {
	_ = call(ctx, "recovers", retry.Policy{}, 100*time.Millisecond, errDown, retry.After(3*time.Second, errDown))
	_ = call(ctx, "exhausts", retry.Policy{MaxRetries: 1}, 0, errDown, errDown)
	_ = call(ctx, "permanent", retry.Policy{}, 0, retry.Permanent(errDown))
	_ = call(ctx, "atOnce", retry.Policy{}, 3*time.Millisecond)
	_ = call(ctx, "atOnce", retry.Policy{}, 100*time.Millisecond)
	short, cancel := context.WithCancel(ctx)
	time.AfterFunc(500*time.Millisecond, cancel)
	_ = call(short, "stopped", retry.Policy{}, 0, errDown)
	_ = retry.Do(ctx, "outer", retry.Policy{MaxRetries: 1}, func(ctx context.Context) error {
		return call(ctx, "inner", retry.Policy{MaxRetries: retry.Never}, 0, errDown)
	})
}

func TestOperations(t *testing.T) {
	h := read(t, logOf(t, story))
	checkOperations(t, h,
		"recovers +0s; 1 at 0s for 100ms connection refused then 1s; 2 at 1.1s for 100ms connection refused asked 3s then 3s; "+
			"3 at 4.2s for 100ms; max 3, recovered after 4.3s",
		"exhausts +4.3s; 1 at 0s for 0s connection refused then 1s; 2 at 1s for 0s connection refused; max 1, exhausted after 1s",
		"permanent +5.3s; 1 at 0s for 0s connection refused; max 3, permanent after 0s",
		"stopped +5.403s; 1 at 0s for 0s connection refused then 1s; max 3, cancelled after 500ms",
		"inner +5.903s in outer, depth 1; 1 at 0s for 0s connection refused; max 0, exhausted after 0s",
		"outer +5.903s; 1 at 0s for 0s inner: gave up after 1 attempt: connection refused then 1s; "+
			"2 at 1s for 0s inner: gave up after 1 attempt: connection refused; max 1, exhausted after 1s",
		"inner +6.903s in outer, depth 1; 1 at 0s for 0s connection refused; max 0, exhausted after 0s",
	)
	first := h.Operations[0]
	if first.Service != "billing" || first.PID != os.Getpid() || first.Session == "" || len(first.Trace) != 32 ||
		first.Host == "" || first.Last().ErrorType != "" || first.Attempts[0].ErrorType != "*errors.errorString" {
		t.Errorf("who did it is lost: %+v", first)
	}
	if len(h.Tallies) != 1 {
		t.Fatalf("%d tallies, want 1", len(h.Tallies))
	}
	if tally := h.Tallies[0]; tally.Name != "atOnce" || tally.Successes != 2 || len(tally.Durations) != 2 ||
		tally.Durations[1] != (history.Count{Length: 13, N: 1}) || tally.Begin.Format("05.000") != "05.303" {
		t.Errorf("got %+v", tally)
	}
}

// Several of one operation may be under way in one trace.
func TestTwinsAreKeptApart(t *testing.T) {
	h := read(t, logOf(t, func(ctx context.Context) {
		done := make(chan struct{})
		for _, base := range []time.Duration{time.Second, 1500 * time.Millisecond} {
			go func() {
				_ = call(ctx, "twin", retry.Policy{BaseDelay: base}, 0, errDown, errDown)
				done <- struct{}{}
			}()
			time.Sleep(10 * time.Millisecond)
		}
		<-done
		<-done
	}))
	checkOperations(t, h,
		"twin +0s; 1 at 0s for 0s connection refused then 1s; 2 at 1s for 0s connection refused then 2s; 3 at 3s for 0s; "+
			"max 3, recovered after 3s",
		"twin +10ms; 1 at 0s for 0s connection refused then 1.5s; 2 at 1.5s for 0s connection refused then 3s; "+
			"3 at 4.5s for 0s; max 3, recovered after 4.5s")
}

// A rotation in the middle of an operation changes nothing when both files are read, and what only one of them knows is
// not made up.
func TestALogThatWasCut(t *testing.T) {
	path := logOf(t, func(ctx context.Context) {
		_ = call(ctx, "load", retry.Policy{}, time.Second, errDown, errDown)
	})
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(text), "\n")
	older, newer := path+".1", path+".2"
	for name, part := range map[string]string{older: lines[0], newer: strings.Join(lines[1:], "")} {
		if err := os.WriteFile(name, []byte(part), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const first, rest = "1 at 0s for 1s connection refused then 1s",
		"at %v for 1s connection refused then 2s; 3 at %v for 1s"
	checkOperations(t, read(t, newer, older),
		"load +0s; "+first+"; 2 "+fmt.Sprintf(rest, 2*time.Second, 5*time.Second)+"; max 3, recovered after 6s")
	checkOperations(t, read(t, older), "load +0s; "+first+"; max 3, cut after 1s")
	checkOperations(t, read(t, newer), "load +2s; 2 "+fmt.Sprintf(rest, 0*time.Second, 3*time.Second)+
		"; max 3, recovered after 4s, lost its beginning")
}

// line is a record of another writer.
func line(kind, at, details string) string {
	return `{"timestamp": "2026-01-01T00:00:` + at + `.000000Z", "session_id": "s", "type": "` + kind +
		`", "level": "info", "message": "m", "details": {` + details + "}}\n"
}

func TestDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	attempt := `"operation": "load", "attempt_number": `
	text := line(events.TypeAttempt, "01",
		attempt+`1, "result": "retrying", "duration": -5, "delay": 1e300, "max_retries": 1e300`) +
		line(events.TypeAttempt, "02", attempt+`-1, "result": "failed"`) +
		line(events.TypeAttempt, "03", attempt+`1, "result": "failed", "dry_run": true`) +
		line(events.TypeStopped, "04", attempt+`0, "result": "cancelled"`) +
		line(events.TypeTally, "05", `"operation": "load", "successes": -3`) +
		line(events.TypeTally, "06", `"operation": "load", "successes": 3, "seconds": 2, "durations": "0:1 77:2"`) +
		line(events.TypeRecovered, "07", attempt+`2, "result": "success"`) +
		line(events.TypeRecovered, "08", attempt+`1, "result": "success"`) +
		line(events.TypeTally, "09", `"operation": "load", "successes": 3, "seconds": -2`) +
		line(events.TypeTally, "10", `"operation": "load", "successes": 3, "seconds": 9e8`)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	h := read(t, path)
	if len(h.Operations) != 1 || h.Operations[0].Outcome != "recovered" || h.Operations[0].MaxRetries != -1 ||
		h.Operations[0].Took != 6*time.Second {
		t.Errorf("got %+v", h.Operations)
	}
	if h.Left != (history.Left{DryRun: 1, Unattempted: 1, Damaged: 5}) {
		t.Errorf("left %+v", h.Left)
	}
	if len(h.Tallies) != 1 || h.Tallies[0].Successes != 3 || h.Tallies[0].Durations != nil {
		t.Errorf("got %+v", h.Tallies)
	}
}

// However many operations never end, few are kept in mind.
func TestManyThatNeverEnd(t *testing.T) {
	var l events.Line
	began := 0
	b := history.Builder{Operation: func(o *history.Operation) {
		began++
		if o.Outcome != "" || !o.Begun {
			t.Errorf("got %s", describe(o))
		}
	}}
	text := []byte(strings.TrimSpace(line(events.TypeAttempt, "01",
		`"operation": "load", "attempt_number": 1, "result": "retrying"`)))
	const n = 50_000
	for range n {
		if !l.Parse(text) {
			t.Fatal("no record")
		}
		b.Add(&l)
	}
	if kept := n - began; kept > 20_000 {
		t.Errorf("%d are kept, want 20,000 at most", kept)
	}
	if b.End(); began != n {
		t.Errorf("%d were handed out, want %d", began, n)
	}
}
