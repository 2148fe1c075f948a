package checkpoint_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/orchestrator/checkpoint"
	"github.com/backspan/backspan/orchestrator/engine/enginetest"
	"github.com/backspan/backspan/retry"
)

var errRefused = errors.New("connection refused")

// does is a phase function that takes d, fails the first attempts, and then returns what it has read.
func does(d time.Duration, failures int, reads ...string) orchestrator.PhaseFunc {
	return func(ctx context.Context, in orchestrator.Input) (any, error) {
		select {
		case <-time.After(d):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if in.Attempt < failures {
			return nil, fmt.Errorf("attempt %d: %w", in.Attempt, errRefused)
		}
		result := map[string]any{"key": in.IdempotencyKey, "large": int64(1) << 60}
		for _, phase := range reads {
			var v any
			if err := in.Output(phase, &v); err != nil {
				return nil, err
			}
			result[phase] = v
		}
		return result, nil
	}
}

func panics(context.Context, orchestrator.Input) (any, error) { panic("a bug") }

// pipelines are runs of all kinds, by what they show.
func pipelines() map[string]orchestrator.Pipeline {
	quick := &retry.Policy{MaxRetries: 2, BaseDelay: time.Second}
	never := &retry.Policy{MaxRetries: retry.Never}
	type phases = []orchestrator.Phase
	return map[string]orchestrator.Pipeline{
		"sequence": {Name: "nightly", Phases: phases{
			{Name: "a", Run: does(time.Second, 1), Recovery: quick},
			{Name: "b", Run: does(time.Second, 0, "a"), Recovery: quick},
			{Name: "c", Run: does(time.Second, 2, "b"), Timeout: time.Hour},
		}},
		"parallel": {Name: "nightly", Phases: phases{
			{Name: "a", Run: does(3*time.Second, 0)},
			{
				Name: "b", Run: does(time.Second, 2),
				Recovery: &retry.Policy{Jitter: retry.FullJitter, MaxElapsed: time.Hour},
			},
			{Name: "c", Run: does(2*time.Second, 1), Recovery: quick},
			{Name: "d", Run: does(time.Second, 0, "a", "b"), Needs: []string{"a", "b"}},
			{Name: "e", Run: does(time.Second, 0, "c"), Needs: []string{"c", "d"}, Recovery: never},
		}},
		"failures": {Name: "nightly", Phases: phases{
			{Name: "a", Run: does(time.Second, 0)},
			{Name: "b", Run: does(time.Second, 9, "a"), Recovery: quick},
			{Name: "c", Run: does(time.Second, 0, "b")},
			{Name: "told", Run: does(time.Second, 0), If: orchestrator.OnFailure},
			{Name: "clean", Run: does(time.Second, 1), If: orchestrator.Always, IfBegan: "b", Recovery: quick},
		}},
		"fallback, panic and skip": {Name: "nightly", Phases: phases{
			{Name: "a", Run: does(time.Second, 9), Recovery: quick, Fallback: does(time.Second, 0)},
			{Name: "b", Run: panics, AllowFailure: true},
			{
				Name: "c", Run: func(context.Context, orchestrator.Input) (any, error) {
					return nil, orchestrator.Skip("nothing to do")
				},
			},
			{Name: "d", Run: does(time.Second, 0), If: orchestrator.Always},
			{Name: "e", Run: func(context.Context, orchestrator.Input) (any, error) { return func() {}, nil }},
		}},
	}
}

// whole runs p without a kill, and returns the report, the spans, and after each record how many had ended before it.
func whole(t *testing.T, p orchestrator.Pipeline, opts orchestrator.Options) (
	report orchestrator.Report, err error, store *memory, spans []sdktrace.ReadOnlySpan, before []int,
) {
	t.Helper()
	store = newMemory()
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := recorded(t.Context())
		store.appended = func(string, int) error {
			before = append(before, len(rec.Ended()))
			return nil
		}
		report, err = checkpoint.Run(ctx, p, opts, checkpoint.Options{Store: store})
		spans = rec.Ended()
	})
	return report, err, store, spans, append(before, len(spans))
}

// A run that dies between any two records goes on to the same report and the same spans, and what had succeeded does
// not run again. So does one that dies again on the way.
func TestEveryMomentOfDeath(t *testing.T) {
	for name, p := range pipelines() {
		opts := recovering
		opts.ContinueOnError = true
		t.Run(name, func(t *testing.T) {
			report, runErr, first, spans, before := whole(t, p, opts)
			want, wantTree := enginetest.ReportText(report), tree(t, spans)
			inProcess := ""
			synctest.Test(t, func(t *testing.T) {
				report, err := p.Run(t.Context(), opts)
				equal(t, "error", fmt.Sprint(runErr), fmt.Sprint(err))
				inProcess = enginetest.ReportText(report)
			})
			equal(t, "report", want, inProcess)
			records := first.records()
			for n := 1; n <= len(records); n++ {
				cut := newMemory(records[:n]...)
				more, moreBefore := resume(t, p, cut, want, fmt.Sprint(runErr), fmt.Sprintf("dead after record %d", n))
				all := append(append([]sdktrace.ReadOnlySpan{}, spans[:before[n]]...), more...)
				if n == len(records) {
					all = spans // the run had ended, and nobody writes its spans again
					equal(t, "spans of the end", len(more), 0)
				}
				equal(t, fmt.Sprintf("spans, dead after record %d", n), tree(t, all), wantTree)
				if len(p.Phases) > 3 {
					continue
				}
				second := cut.records()
				for m := n + 1; m < len(second); m++ {
					again := newMemory(second[:m]...)
					last, _ := resume(t, p, again, want, fmt.Sprint(runErr),
						fmt.Sprintf("dead after records %d and %d", n, m))
					all := append(append([]sdktrace.ReadOnlySpan{}, spans[:before[n]]...), more[:moreBefore[m-n]]...)
					equal(t, fmt.Sprintf("spans, dead after records %d and %d", n, m),
						tree(t, append(all, last...)), wantTree)
				}
			}
		})
	}
}

// resume goes on with the run in store, a minute after its last record.
func resume(t *testing.T, p orchestrator.Pipeline, store *memory, want, wantErr, what string) (
	spans []sdktrace.ReadOnlySpan, before []int,
) {
	t.Helper()
	succeeded := map[string]bool{}
	for _, record := range store.records() {
		if f := parse(t, record); f.Done != nil && f.Done.Status == orchestrator.AttemptSuccess {
			succeeded[f.Done.Phase] = true
		}
	}
	phases := p.Phases
	p.Phases = nil
	for _, phase := range phases {
		watch := func(f orchestrator.PhaseFunc) orchestrator.PhaseFunc {
			return func(ctx context.Context, in orchestrator.Input) (any, error) {
				if succeeded[in.Phase] {
					t.Errorf("%s: phase %s runs again", what, in.Phase)
				}
				return f(ctx, in)
			}
		}
		phase.Run = watch(phase.Run)
		if phase.Fallback != nil {
			phase.Fallback = watch(phase.Fallback)
		}
		p.Phases = append(p.Phases, phase)
	}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(10 * time.Minute) // after all that stands in the journal
		ctx, rec := recorded(t.Context())
		store.appended = func(string, int) error {
			before = append(before, len(rec.Ended()))
			return nil
		}
		report, err := checkpoint.Resume(ctx, p, runID, orchestrator.Options{},
			checkpoint.Options{Store: store, Required: true})
		equal(t, what+": error", fmt.Sprint(err), wantErr)
		equal(t, what+": report", enginetest.ReportText(report), want)
		spans = rec.Ended()
	})
	if store.open[runID] {
		t.Errorf("%s: the journal is open", what)
	}
	return spans, append(before, len(spans))
}
