package checkpoint_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/orchestrator/checkpoint"
	"github.com/backspan/backspan/orchestrator/engine/enginetest"
	"github.com/backspan/backspan/retry"
)

// untilStarted are the records up to the n-th attempt of a phase that was started.
func untilStarted(t *testing.T, records [][]byte, phase string, n int) [][]byte {
	t.Helper()
	for i, record := range records {
		if f := parse(t, record); f.Started != nil && f.Started.Phase == phase {
			if n--; n == 0 {
				return records[:i+1]
			}
		}
	}
	t.Fatalf("%s was not started so often", phase)
	return nil
}

func one(phases ...orchestrator.Phase) orchestrator.Pipeline {
	return orchestrator.Pipeline{Name: "nightly", Phases: phases}
}

// dies runs p in processes that die in each attempt of phase until the run ends, and counts the attempts.
func dies(t *testing.T, p orchestrator.Pipeline, opts orchestrator.Options, phase string) (
	orchestrator.Report, error, int, []sdktrace.ReadOnlySpan,
) {
	t.Helper()
	_, _, store, _, _ := whole(t, p, opts)
	records := untilStarted(t, store.records(), phase, 1)
	for n := 1; n < 50; n++ {
		var report orchestrator.Report
		var err error
		var spans []sdktrace.ReadOnlySpan
		store := newMemory(records...)
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(10 * time.Minute)
			ctx, rec := recorded(t.Context())
			report, err = checkpoint.Resume(ctx, p, runID, orchestrator.Options{}, checkpoint.Options{Store: store})
			spans = rec.Ended()
		})
		again := false
		for i, record := range store.records()[len(records):] {
			if f := parse(t, record); f.Started != nil && f.Started.Phase == phase {
				records, again = store.records()[:len(records)+i+1], true
				break
			}
		}
		if !again {
			return report, err, n, spans
		}
	}
	t.Fatal("the phase is never given up")
	return orchestrator.Report{}, nil, 0, nil
}

// A phase that kills its process is given up after as many attempts as one that fails, and after two at least.
func TestAPhaseThatKillsItsProcessIsGivenUp(t *testing.T) {
	only := func(policy retry.Policy) orchestrator.Phase {
		return orchestrator.Phase{Name: "a", Run: does(time.Second, 0), Recovery: &policy}
	}
	notLost := retry.Policy{Retryable: func(err error) bool { return !errors.Is(err, orchestrator.ErrLost) }}
	for _, c := range []struct {
		name     string
		phase    orchestrator.Phase
		opts     orchestrator.Options
		attempts int
		reason   string
	}{
		{"with 3 retries", only(retry.Policy{MaxRetries: 3}), recovering, 4, "retries exhausted"},
		{"with 1 retry", only(retry.Policy{MaxRetries: 1}), recovering, 2, "retries exhausted"},
		{"without retries", only(retry.Policy{MaxRetries: retry.Never}), recovering, 2, "retries exhausted"},
		{"without recovery", only(retry.Policy{}), orchestrator.Options{RunID: runID}, 2, "recovery is off"},
		{"that must not be made again", only(notLost), recovering, 1, "not retryable"},
	} {
		report, err, attempts, spans := dies(t, one(c.phase), c.opts, "a")
		equal(t, c.name+": attempts", attempts, c.attempts)
		equal(t, c.name+": status", report.Status, orchestrator.Failed)
		equal(t, c.name+": reason", report.Phases[0].Reason, c.reason)
		if !strings.HasPrefix(report.Phases[0].Error, "attempt lost: its process ended before it did") {
			t.Errorf("%s: error %q", c.name, report.Phases[0].Error)
		}
		if c.attempts > 1 && !strings.Contains(report.Phases[0].Error, fmt.Sprintf("as %d times", c.attempts)) {
			t.Errorf("%s: error %q does not say how often", c.name, report.Phases[0].Error)
		}
		if err == nil || len(spans) != 3 { // the last lost attempt, the phase, the run
			t.Errorf("%s: error %v, %d spans", c.name, err, len(spans))
		}
	}

	fallback := only(retry.Policy{MaxRetries: 1})
	fallback.Fallback = does(time.Second, 0)
	report, err, _, _ := dies(t, one(fallback), recovering, "a")
	if err == nil || report.Phases[0].Fallback == nil { // the fallback of dies dies too
		t.Errorf("error %v, fallback %v; want it called, and lost twice", err, report.Phases[0].Fallback)
	}
}

// Time in which no process has the run counts for waits, and not for timeouts and MaxElapsed.
func TestTimeWithoutAProcess(t *testing.T) {
	p := one(orchestrator.Phase{
		Name: "a", Run: does(2*time.Second, 2), Timeout: 30 * time.Second,
		Recovery: &retry.Policy{
			MaxRetries: 3, BaseDelay: 10 * time.Second, Multiplier: 1, MaxElapsed: 28 * time.Second,
		},
	})
	report, err, store, _, _ := whole(t, p, recovering)
	if err != nil {
		t.Fatal(err)
	}
	// It is 2s of work, a wait of 10s, 2s of work, a wait of 10s, 2s of work.
	records := store.records()
	for _, c := range []struct {
		name   string
		cut    [][]byte
		after  time.Duration // from the beginning of the run
		takes  time.Duration
		status orchestrator.Status
	}{
		{"in the middle of the wait", records[:3], 7 * time.Second, 19 * time.Second, orchestrator.Success},
		{"after the wait", records[:3], time.Hour, 14 * time.Second, orchestrator.Success},
		{"in the second attempt", untilStarted(t, records, "a", 2), time.Hour, 14 * time.Second, orchestrator.Success},
	} {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(c.after)
			began := time.Now()
			again, err := checkpoint.Resume(t.Context(), p, runID, orchestrator.Options{},
				checkpoint.Options{Store: newMemory(c.cut...)})
			equal(t, c.name+": took", time.Since(began), c.takes)
			equal(t, c.name+": report", enginetest.ReportText(again), enginetest.ReportText(report))
			if err != nil || again.Started != report.Started || !again.Ended.Equal(time.Now()) {
				t.Errorf("%s: error %v, from %v to %v", c.name, err, again.Started, again.Ended)
			}
		})
	}

	// What was used up of the timeout before stays used up: 12s of 30s, so that 18s are left.
	slow := one(orchestrator.Phase{Name: "a", Run: func(ctx context.Context, in orchestrator.Input) (any, error) {
		if in.Attempt == 1 {
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}
		return does(2*time.Second, 2)(ctx, in)
	}, Timeout: 30 * time.Second, Recovery: p.Phases[0].Recovery})
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Hour)
		began := time.Now()
		report, err := checkpoint.Resume(t.Context(), slow, runID, orchestrator.Options{},
			checkpoint.Options{Store: newMemory(untilStarted(t, records, "a", 2)...)})
		equal(t, "took", time.Since(began), 18*time.Second)
		if err == nil || !strings.Contains(err.Error(), "phase timeout of 30s") {
			t.Errorf("%v, %+v; want the phase's timeout", err, report)
		}
	})
}

// A run that was stopped goes on: what it made in its grace counts, what was cancelled is made again and is no loss.
func TestAStoppedRunGoesOn(t *testing.T) {
	calls := map[string]int{}
	stubborn := func(_ context.Context, in orchestrator.Input) (any, error) {
		calls[in.Phase]++
		time.Sleep(3 * time.Second)
		return "made in the grace", nil
	}
	cleans := func(_ context.Context, in orchestrator.Input) (any, error) {
		calls[in.Phase]++
		return nil, nil
	}
	p := one(
		orchestrator.Phase{Name: "stubborn", Run: stubborn, Needs: []string{}},
		orchestrator.Phase{
			Name: "heeds", Run: does(10*time.Second, 0), Recovery: &retry.Policy{MaxRetries: retry.Never},
		},
		orchestrator.Phase{Name: "waits", Run: does(time.Millisecond, 1)},
		orchestrator.Phase{
			Name: "next", Run: does(time.Second, 0, "stubborn"), Needs: []string{"stubborn", "heeds", "waits"},
		},
		orchestrator.Phase{Name: "clean", Run: cleans, Needs: []string{"next"}, If: orchestrator.Always},
	)
	var want string
	synctest.Test(t, func(t *testing.T) {
		report, err := p.Run(t.Context(), recovering)
		if err != nil {
			t.Fatal(err)
		}
		want = enginetest.ReportText(report)
	})
	clear(calls)
	store := newMemory()
	var all []sdktrace.ReadOnlySpan
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := recorded(t.Context())
		ctx, cancel := context.WithCancelCause(ctx)
		time.AfterFunc(time.Second, func() { cancel(errors.New("SIGTERM")) })
		opts := recovering
		opts.Cleanup = t.Context()
		report, err := checkpoint.Run(ctx, p, opts, checkpoint.Options{Store: store})
		if !errors.Is(err, context.Canceled) || report.Status != orchestrator.Cancelled {
			t.Errorf("%v, status %s", err, report.Status)
		}
		all = rec.Ended()
	})
	for info, err := range checkpoint.Runs(t.Context(), store) {
		if err != nil || info.State != checkpoint.Stopped || info.Reason != "the run was cancelled: SIGTERM" {
			t.Errorf("%+v, error %v", info, err)
		}
		equal(t, "done", fmt.Sprint(info.Done), "[stubborn]")
		equal(t, "at", fmt.Sprint(info.At[0].Phase, info.At[1].Phase, len(info.At)), fmt.Sprint("heeds", "waits", 2))
		equal(t, "cleaned", fmt.Sprint(info.Cleaned), "[clean]")
	}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Hour)
		ctx, rec := recorded(t.Context())
		report, err := checkpoint.Resume(ctx, p, runID, orchestrator.Options{}, checkpoint.Options{Store: store})
		equal(t, "error", err, nil)
		equal(t, "report", enginetest.ReportText(report), want)
		all = append(all, rec.Ended()...)
	})
	equal(t, "calls", fmt.Sprint(calls), "map[clean:2 stubborn:1]")
	traces := map[string]bool{}
	for _, s := range all {
		traces[s.SpanContext().TraceID().String()] = true
	}
	equal(t, "traces", len(traces), 1)
	if got := tree(t, all); strings.Contains(got, "an orphan") ||
		!strings.Contains(got, "run nightly > run nightly success") {
		t.Errorf("the spans are no tree with the run that goes on below the one that was stopped:\n%s", got)
	}
}

// A changed plan is refused with what changed. Force keeps the results and begins the rest anew.
func TestAChangedPlan(t *testing.T) {
	p := one(
		orchestrator.Phase{Name: "a", Run: does(time.Second, 1)},
		orchestrator.Phase{Name: "b", Run: does(time.Second, 1, "a")},
		orchestrator.Phase{Name: "c", Run: does(time.Second, 0, "b")},
	)
	var store *memory
	synctest.Test(t, func(t *testing.T) {
		store = newMemory()
		_, err := checkpoint.Run(t.Context(), p, recovering,
			checkpoint.Options{Store: store, Facts: map[string]string{"x": "1", "y": "1"}})
		if err != nil {
			t.Fatal(err)
		}
	})
	records := untilStarted(t, store.records(), "b", 2)
	called := map[string]int{}
	changed := one(
		orchestrator.Phase{
			Name: "a", Run: func(context.Context, orchestrator.Input) (any, error) { called["a"]++; return nil, nil },
		},
		orchestrator.Phase{
			Name: "b", Timeout: time.Minute,
			Run: func(ctx context.Context, in orchestrator.Input) (any, error) {
				called["b"]++
				return does(time.Second, 1, "a")(ctx, in)
			},
		},
		orchestrator.Phase{Name: "d", Run: does(time.Second, 0, "b")},
	)
	store = newMemory(records...)
	opts := checkpoint.Options{Store: store, Facts: map[string]string{"x": "2", "z": "1"}}
	_, err := checkpoint.Resume(t.Context(), changed, runID, orchestrator.Options{}, opts)
	change, ok := errors.AsType[*checkpoint.ChangedError](err)
	if !ok {
		t.Fatalf("%v, want a ChangedError", err)
	}
	equal(t, "changes", strings.Join(change.Changes, "\n"), strings.Join([]string{
		`phase "b": timeout: 1m0s (was 0s)`, `phase "d" is new`, `phase "c" is gone`, "x is another one",
		"y is gone", "z is new",
	}, "\n"))
	equal(t, "records of the refused run", len(store.records()), len(records))

	opts.Force = true
	var want string
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Hour)
		ctx, rec := recorded(t.Context())
		report, err := checkpoint.Resume(ctx, changed, runID, orchestrator.Options{}, opts)
		equal(t, "error", err, nil)
		equal(t, "calls", fmt.Sprint(called), "map[b:2]")
		var result map[string]any
		if err := report.Phases[0].Output(&result); err != nil || result["key"] == nil {
			t.Errorf("the result of a is %s, want the one from before", report.Phases[0].Result)
		}
		tree(t, rec.Ended())
		want = enginetest.ReportText(report)
	})
	// Dead again at every moment, it goes on with the new plan, and needs no force.
	opts.Force = false
	forced := store.records()
	for n := len(records) + 2; n <= len(forced); n++ {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(2 * time.Hour)
			opts.Store = newMemory(forced[:n]...)
			report, err := checkpoint.Resume(t.Context(), changed, runID, orchestrator.Options{}, opts)
			equal(t, "error", err, nil)
			equal(t, fmt.Sprintf("report, dead after record %d", n), enginetest.ReportText(report), want)
		})
	}
	equal(t, "calls of a", called["a"], 0)
}

var errFull = errors.New("no space left on device")

// A journal that cannot be written ends itself, or the run: whichever was asked for. Nothing else does.
func TestAJournalThatCannotBeWritten(t *testing.T) {
	p := one(
		orchestrator.Phase{Name: "a", Run: does(time.Second, 1)},
		orchestrator.Phase{Name: "b", Run: does(time.Second, 0, "a")},
	)
	report, _, store, _, _ := whole(t, p, recovering)
	want, length := enginetest.ReportText(report), len(store.records())
	for n := range length {
		for _, required := range []bool{false, true} {
			name := fmt.Sprintf("full at record %d, required %v", n, required)
			synctest.Test(t, func(t *testing.T) {
				store := newMemory()
				store.appended = func(_ string, at int) error {
					if at == n {
						return errFull
					}
					return nil
				}
				var told []error
				report, err := checkpoint.Run(t.Context(), p, recovering, checkpoint.Options{
					Store: store, Required: required, OnProblem: func(err error) { told = append(told, err) },
				})
				kept := len(store.records())
				switch {
				case !required:
					equal(t, name+": error", err, nil)
					equal(t, name+": report", enginetest.ReportText(report), want)
					equal(t, name+": records left", kept, 0)
					if len(told) != 1 || !errors.Is(told[0], errFull) {
						t.Errorf("%s: told %v", name, told)
					}
				case n == 0:
					if !errors.Is(err, errFull) || report.Status != "" {
						t.Errorf("%s: %v, status %q; want no run", name, err, report.Status)
					}
				case n >= length-3: // b has ended, its span, the run: all has been done
					equal(t, name+": report", enginetest.ReportText(report), want)
					if err != nil || len(told) != 1 || !errors.Is(told[0], errFull) {
						t.Errorf("%s: %v, told %v", name, err, told)
					}
				default:
					if !errors.Is(err, errFull) || report.Status != orchestrator.Cancelled {
						t.Errorf("%s: %v, status %q; want the run stopped by it", name, err, report.Status)
					}
					equal(t, name+": records left", kept, n)
				}
				if store.open[runID] {
					t.Errorf("%s: the journal is open", name)
				}
				store.appended = nil
				if required && n > 0 { // what stands in the journal can be gone on with
					time.Sleep(time.Hour)
					report, err := checkpoint.Resume(t.Context(), p, runID, orchestrator.Options{},
						checkpoint.Options{Store: store})
					equal(t, name+": error of the resumed run", err, nil)
					equal(t, name+": report of the resumed run", enginetest.ReportText(report), want)
				}
			})
		}
	}
}

func TestWhatIsRefused(t *testing.T) {
	p := one(orchestrator.Phase{Name: "a", Run: does(0, 0)})
	store := newMemory()
	opts := checkpoint.Options{Store: store}
	ctx := t.Context()
	_, err := checkpoint.Resume(ctx, p, runID, orchestrator.Options{}, opts)
	if !errors.Is(err, checkpoint.ErrNotFound) {
		t.Errorf("resume of nothing: %v", err)
	}
	if _, err := checkpoint.Run(ctx, p, recovering, opts); err != nil {
		t.Fatal(err)
	}
	if _, err := checkpoint.Run(ctx, p, recovering, opts); !errors.Is(err, checkpoint.ErrExists) {
		t.Errorf("the same run again: %v", err)
	}
	store.open[runID] = true
	_, resumeErr := checkpoint.Resume(ctx, p, runID, orchestrator.Options{}, opts)
	_, runErr := checkpoint.Run(ctx, p, recovering, opts)
	if !errors.Is(resumeErr, checkpoint.ErrLocked) || !errors.Is(runErr, checkpoint.ErrLocked) {
		t.Errorf("a run that another process has: %v, %v", resumeErr, runErr)
	}
	store.open[runID] = false
	_, err = checkpoint.Resume(ctx, one(orchestrator.Phase{Name: "b", Run: does(0, 0)}), runID, orchestrator.Options{},
		checkpoint.Options{Store: store, Force: true})
	if err == nil || !strings.Contains(err.Error(), "has ended") {
		t.Errorf("another plan for a run that has ended: %v", err)
	}
	for name, c := range map[string]struct {
		ctx  context.Context
		p    orchestrator.Pipeline
		opts checkpoint.Options
	}{
		"ctx":           {nil, p, opts},
		"Options.Store": {ctx, p, checkpoint.Options{}},
		"Options.Note":  {ctx, p, checkpoint.Options{Store: store, Note: json.RawMessage("{")}},
		"Pipeline.Name": {ctx, orchestrator.Pipeline{Phases: p.Phases}, opts},
	} {
		for _, err := range []error{
			second(checkpoint.Run(c.ctx, c.p, recovering, c.opts)),
			second(checkpoint.Resume(c.ctx, c.p, runID, orchestrator.Options{}, c.opts)),
		} {
			if bad, ok := errors.AsType[*orchestrator.FieldError](err); !ok || bad.Field != name {
				t.Errorf("%v, want a FieldError about %s", err, name)
			}
		}
	}
	records := store.records()
	for name, c := range map[string]struct {
		records [][]byte
		want    string
	}{
		"another version": {
			[][]byte{[]byte(`{"at":"2026-01-01T00:00:00Z","head":{"format":2}}`)},
			`:1: its format is 2, want 1: another version of Backspan wrote it`,
		},
		"no head": {records[1:2], ":1: the first record is not the one that a run begins with"},
		"no record": {
			[][]byte{records[0], []byte(`{"at":"2026-01-01T00:00:00Z"}`)}, ":2: the record says nothing",
		},
		"an unknown record": {[][]byte{records[0], []byte(`{"new":1}`)}, `:2: json: unknown field "new"`},
		"no JSON": {
			[][]byte{records[0], []byte(`x`)}, ":2: invalid character 'x' looking for beginning of value",
		},
		"after the end": {
			append(append([][]byte{}, records...), records[1]),
			fmt.Sprintf(":%d: a record follows the end of the run", len(records)+1),
		},
		"that does not fit": {
			[][]byte{
				records[0],
				[]byte(`{"at":"2026-01-01T00:00:00Z","timer":{"phase":"a","attempt":3,"delay":0,"reason":""}}`),
			}, "its journal does not fit",
		},
		"an end that is not": {
			[][]byte{records[0], records[len(records)-1]}, "its journal ends before the run has ended",
		},
	} {
		_, err := checkpoint.Resume(ctx, p, runID, orchestrator.Options{},
			checkpoint.Options{Store: newMemory(c.records...)})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// What a function notes is found by the process that makes its attempt again.
func TestNotes(t *testing.T) {
	notes := &checkpoint.Notes{}
	notes.Put("nowhere", json.RawMessage("1"))
	p := one(orchestrator.Phase{Name: "a", Run: func(ctx context.Context, in orchestrator.Input) (any, error) {
		notes.Put("cursor", json.RawMessage("1"))
		notes.Put("cursor", json.RawMessage(`{"row":2}`))
		notes.Put("begun", json.RawMessage("true"))
		return does(time.Second, 0)(ctx, in)
	}})
	store := newMemory()
	synctest.Test(t, func(t *testing.T) {
		_, err := checkpoint.Run(t.Context(), p, recovering, checkpoint.Options{Store: store, Notes: notes})
		if err != nil {
			t.Error(err)
		}
	})
	records := store.records()[:len(store.records())-3] // without the end of a, its span and the end of the run
	var found []string
	notes = &checkpoint.Notes{Found: func(key string, value json.RawMessage) error {
		found = append(found, key+" "+string(value))
		return nil
	}}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Hour)
		opts := checkpoint.Options{Store: newMemory(records...), Notes: notes}
		if _, err := checkpoint.Resume(t.Context(), p, runID, orchestrator.Options{}, opts); err != nil {
			t.Error(err)
		}
	})
	equal(t, "found", strings.Join(found, ", "), `begun true, cursor {"row":2}`)
	notes.Found = func(string, json.RawMessage) error { return errFull }
	opts := checkpoint.Options{Store: newMemory(records...), Notes: notes}
	if _, err := checkpoint.Resume(t.Context(), p, runID, orchestrator.Options{}, opts); !errors.Is(err, errFull) {
		t.Errorf("notes that cannot be used: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }
