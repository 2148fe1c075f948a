package eventquery_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/backspan/backspan/cmd/backspan/internal/eventquery"
	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/telemetry"
)

var errDown = errors.New("down")

// statsOf are the statistics of the event log of what do does.
func statsOf(t *testing.T, do func(context.Context)) eventquery.Stats {
	t.Helper()
	path := filepath.Join(t.TempDir(), "events.jsonl")
	w, err := events.Open(path, events.Options{})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(telemetry.NewEventLog(w, "")))
		ctx, span := provider.Tracer("test").Start(t.Context(), "test")
		do(ctx)
		span.End()
		if err := provider.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c := eventquery.NewCounter(eventquery.ByOperation)
	lines(t, text, c.Add)
	return c.Stats()
}

// What a run's report says of its phases is what the statistics of its log say.
func TestStatsOfRealRuns(t *testing.T) {
	fails := func(context.Context, orchestrator.Input) (any, error) { return nil, errDown }
	works := func(context.Context, orchestrator.Input) (any, error) { return "ok", nil }
	permanent := func(context.Context, orchestrator.Input) (any, error) { return nil, retry.Permanent(errDown) }
	hangs := func(ctx context.Context, _ orchestrator.Input) (any, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	flaky := func(_ context.Context, in orchestrator.Input) (any, error) {
		if in.Attempt < 2 {
			return nil, errDown
		}
		return "ok", nil
	}
	type counts struct {
		failed, recoveries, recovered, fellBack, gaveUp int64
		waited                                          float64
	}
	for _, c := range []struct {
		name  string
		phase orchestrator.Phase
		stop  time.Duration // of the run
		want  counts
		ended string // the outcome of what was given up
	}{
		{"healthy", orchestrator.Phase{Run: works}, 0, counts{}, ""},
		{"recovered", orchestrator.Phase{Run: flaky}, 0, counts{1, 2, 1, 0, 0, 2 + 4}, ""},
		{"exhausted", orchestrator.Phase{Run: fails}, 0, counts{1, 3, 0, 0, 1, 2 + 4 + 8}, "exhausted"},
		{"permanent", orchestrator.Phase{Run: permanent}, 0, counts{1, 0, 0, 0, 1, 0}, "permanent"},
		{
			"saved by its fallback",
			orchestrator.Phase{Run: fails, Fallback: works},
			0,
			counts{1, 3, 0, 1, 0, 2 + 4 + 8},
			"",
		},
		{
			"saved at once by its fallback",
			orchestrator.Phase{Run: permanent, Fallback: works},
			0,
			counts{1, 0, 0, 1, 0, 0},
			"",
		},
		{
			"failed with its fallback",
			orchestrator.Phase{Run: fails, Fallback: fails},
			0,
			counts{1, 3, 0, 0, 1, 2 + 4 + 8},
			"exhausted",
		},
		{
			"cancelled in the first try",
			orchestrator.Phase{Run: hangs},
			time.Second,
			counts{1, 0, 0, 0, 1, 0},
			"cancelled",
		},
		{
			"cancelled in the first wait",
			orchestrator.Phase{Run: fails},
			time.Second,
			counts{1, 0, 0, 0, 1, 0},
			"cancelled",
		},
		{
			"cancelled in a later wait",
			orchestrator.Phase{Run: fails, Fallback: works},
			3 * time.Second,
			counts{1, 1, 0, 0, 1, 2},
			"cancelled",
		},
		{
			"cancelled in the fallback",
			orchestrator.Phase{Run: permanent, Fallback: hangs},
			time.Second,
			counts{1, 0, 0, 0, 1, 0},
			"cancelled",
		},
		{
			"out of time in a try",
			orchestrator.Phase{Run: hangs, Timeout: time.Second},
			0,
			counts{1, 0, 0, 0, 1, 0},
			"deadline",
		},
		{
			"out of time for a wait",
			orchestrator.Phase{Run: fails, Timeout: 3 * time.Second},
			0,
			counts{1, 1, 0, 0, 1, 2},
			"deadline",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.phase.Name = "p"
			var status orchestrator.Status
			got := statsOf(t, func(ctx context.Context) {
				if c.stop > 0 {
					stopping, cancel := context.WithCancel(ctx)
					defer cancel()
					defer time.AfterFunc(c.stop, cancel).Stop()
					ctx = stopping
				}
				pipeline := orchestrator.Pipeline{Name: "nightly", Phases: []orchestrator.Phase{c.phase}}
				report, err := pipeline.Run(ctx, orchestrator.Options{EnableRecovery: true})
				status = report.Phases[0].Status
				if (err == nil) != (status == orchestrator.Success) {
					t.Errorf("%s, %v", status, err)
				}
			})
			if (c.want.gaveUp == 0) != (status == orchestrator.Success) {
				t.Fatalf("the report says %s", status)
			}
			if c.want == (counts{}) {
				if len(got.Phases) > 0 {
					t.Errorf("got %+v of a phase that did not fail", got.Phases)
				}
				return
			}
			if len(got.Phases) != 1 {
				t.Fatalf("got %+v, want one phase", got.Phases)
			}
			p := got.Phases[0]
			if g := (counts{p.Failed, p.Recoveries, p.Recovered, p.FellBack, p.GivenUp, p.Waited}); g != c.want {
				t.Errorf("got %+v, want %+v", g, c.want)
			}
			if want := outcomes(c.ended); !maps.Equal(p.Outcomes, want) {
				t.Errorf("outcomes %v, want %v", p.Outcomes, want)
			}
		})
	}
}

// outcomes counts one that ended like this, or with an empty text none.
func outcomes(ended string) eventquery.Outcomes {
	if ended == "" {
		return eventquery.Outcomes{}
	}
	return eventquery.Outcomes{ended: 1}
}

func TestStatsOfRealOperations(t *testing.T) {
	type counts struct {
		asked, attempts, failed, retried, recovered, exhausted, stopped int64
		waited, amplification                                           float64
	}
	policy := retry.Policy{MaxRetries: 3, BaseDelay: time.Second, Jitter: retry.NoJitter}
	for _, c := range []struct {
		name  string
		fails int // attempts
		err   error
		stop  time.Duration
		limit bool // stop is a deadline
		want  counts
		ended string // the outcome of what was given up
	}{
		{"recovered", 2, errDown, 0, false, counts{1, 3, 2, 1, 1, 0, 0, 1 + 2, 3}, ""},
		{"exhausted", 9, errDown, 0, false, counts{1, 4, 4, 1, 0, 1, 0, 1 + 2 + 4, 4}, "exhausted"},
		{"permanent", 9, retry.Permanent(errDown), 0, false, counts{1, 1, 1, 0, 0, 1, 0, 0, 1}, "permanent"},
		{
			"cancelled in the first wait", 9, errDown, time.Second / 2, false,
			counts{1, 1, 1, 0, 0, 0, 1, 0, 1},
			"cancelled",
		},
		{
			"cancelled in a later wait", 9, errDown, 2 * time.Second, false,
			counts{1, 2, 2, 1, 0, 0, 1, 1, 2},
			"cancelled",
		},
		{"no time for another wait", 9, errDown, 2 * time.Second, true, counts{1, 2, 2, 1, 0, 1, 0, 1, 2}, "deadline"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := statsOf(t, func(ctx context.Context) {
				ctx, cancel := context.WithCancel(ctx)
				defer cancel()
				switch {
				case c.limit:
					var done context.CancelFunc
					ctx, done = context.WithTimeout(ctx, c.stop)
					defer done()
				case c.stop > 0:
					defer time.AfterFunc(c.stop, cancel).Stop()
				}
				calls := 0
				err := retry.Do(ctx, "load", policy, func(context.Context) error {
					if calls++; calls <= c.fails {
						return c.err
					}
					return nil
				})
				if (err == nil) != (c.want.recovered > 0) {
					t.Error(err)
				}
			})
			if len(got.Operations) != 1 {
				t.Fatalf("got %+v, want one operation", got.Operations)
			}
			o := got.Operations[0]
			g := counts{
				o.Asked, o.Attempts, o.Failed, o.Retried, o.Recovered, o.GivenUp - o.Stopped, o.Stopped,
				o.Waited, o.Amplification,
			}
			if g != c.want {
				t.Errorf("got %+v, want %+v", g, c.want)
			}
			if want := outcomes(c.ended); !maps.Equal(o.Outcomes, want) {
				t.Errorf("outcomes %v, want %v", o.Outcomes, want)
			}
		})
	}
}

// Calls of one operation in one trace are told apart by when their waits end.
func TestCallsOfOneTraceAreToldApart(t *testing.T) {
	at := func(seconds float64, kind string, number int64, delay, took float64) events.Record {
		return events.Record{
			Time:    start.Add(time.Duration(seconds * float64(time.Second))),
			Session: "s", Type: kind, TraceID: [16]byte{1},
			Details: []events.Field{
				events.Int(events.KeyAttemptNumber, number), events.String(events.KeyResult, "retrying"),
				events.String(events.KeyOperation, "load"), events.Float(events.KeyDelay, delay),
				events.Float(events.KeyDuration, took),
			},
		}
	}
	c := eventquery.NewCallCounter()
	lines(t, log(
		at(1, events.TypeAttempt, 1, 0, 1), at(1.5, events.TypeAttempt, 1, 0, 0.1),
		at(3, events.TypeRecovered, 2, 1, 0.5),  // began at 2.5: the second call, which began at 1.4
		at(12, events.TypeRecovered, 2, 1, 9.9), // the first
	), follow(c))
	got := c.Times().Operations
	if len(got) != 1 || got[0].Recovery == nil || got[0].Recovery.P50 != 1.6 || got[0].Recovery.P99 != 12 {
		t.Errorf("%+v", got)
	}
}
