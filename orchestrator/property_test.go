package orchestrator_test

import (
	"context"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/orchestrator/engine"
	"github.com/backspan/backspan/orchestrator/internal/scenario"
	"github.com/backspan/backspan/retry/retrytest"
)

// inBubble runs a pipeline in a bubble of its own.
func inBubble(t *testing.T, run func(context.Context) (orchestrator.Report, error)) (
	report orchestrator.Report, err error,
) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { report, err = run(t.Context()) })
	return report, err
}

// runScenario runs s in the process, and holds the report against the spans and the event log.
func runScenario(t *testing.T, s *scenario.Scenario) orchestrator.Report {
	t.Helper()
	report, err := inBubble(t, func(ctx context.Context) (orchestrator.Report, error) {
		ctx, rec := retrytest.Record(t, ctx)
		log := logEvents(ctx)
		runCtx, cancel := s.Context(ctx)
		defer cancel()
		report, err := s.Pipeline.Run(runCtx, s.Options)
		s.End()
		<-time.After(time.Minute) // what a call that was abandoned does in the end changes nothing
		synctest.Wait()
		checkSpans(t, report, rec)
		log.check(t, report)
		return report, err
	})
	equal(t, "error", err == nil, report.Status == success)
	return report
}

// driveScenario runs s on the engine of engine_test.go, with its own clock and nothing but JSON in between.
func driveScenario(t *testing.T, s *scenario.Scenario) orchestrator.Report {
	t.Helper()
	e := newEngine(t, s.Pipeline)
	e.takes = func(task engine.Task) time.Duration { return s.Takes[task.Phase][task.Attempt] }
	if s.Stop > 0 {
		e.stopAt(s.Stop, engine.Stop{Cause: scenario.ErrSignal.Error()})
	}
	report, err := e.plan.Drive(e, s.Options)
	equal(t, "error", err == nil, report.Status == success)
	checkReplay(t, e, s.Pipeline, s.Options, report)
	return report
}

// FuzzRuns makes random graphs whose phases fail at random, are cancelled, skipped, or fall back: whatever happens,
// the report is complete, agrees with the spans, and comes out the same again, in the process as on another engine.
func FuzzRuns(f *testing.F) {
	for seed := range uint64(150) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		first, second, third := scenario.New(seed), scenario.New(seed), scenario.New(seed)
		report := runScenario(t, first)
		first.Check(t, report)
		_, want := through(t, report)
		_, again := through(t, runScenario(t, second))
		equal(t, "the same run again", again, want)
		driven := driveScenario(t, third)
		third.Check(t, driven)
		_, got := through(t, driven)
		equal(t, "the same run on another engine", got, want)
	})
}

// TestWildRuns makes graphs of up to 12 phases with every field of a policy, timeouts, panics, functions that hang,
// fallbacks, dry runs and cleaning up, which are cancelled or run out of time: report, spans and event log say the
// same.
func TestWildRuns(t *testing.T) {
	runs := uint64(500)
	if os.Getenv("CI") != "" || os.Getenv("BACKSPAN_FULL") != "" {
		runs = 10_000
	}
	for seed := range runs {
		s := scenario.NewWild(seed)
		s.Check(t, runScenario(t, s))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}
