package enginetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/orchestrator/internal/scenario"
	"github.com/backspan/backspan/retry"
)

// A Case is one run. It can be made any number of times, and is the same each time.
type Case struct {
	Name  string
	begin func() run
}

// A run is a Case that is made.
type run struct {
	pipeline orchestrator.Pipeline
	options  orchestrator.Options
	stop     func(context.Context) (context.Context, context.CancelFunc) // nil: nothing ends the run's context
	end      func(*testing.T, orchestrator.Report)                       // may be nil
}

func (r *run) context(ctx context.Context) (context.Context, context.CancelFunc) {
	if r.stop == nil {
		return context.WithCancel(ctx)
	}
	return r.stop(ctx)
}

// Suite is the whole suite: every case by name, and 100 random ones, or 2000 where BACKSPAN_FULL is set.
func Suite() []Case {
	random := 100
	if os.Getenv("BACKSPAN_FULL") != "" {
		random = 2000
	}
	return append(Named(), Random(random)...)
}

// Random are n random runs: graphs of up to 30 phases, with fallbacks, cleaning up and dry runs, some of which are
// cancelled.
func Random(n int) []Case {
	cases := make([]Case, n)
	for seed := range cases {
		cases[seed] = Case{fmt.Sprint("random/", seed), func() run {
			s := scenario.New(uint64(seed))
			return run{s.Pipeline, s.Options, s.Context, s.Check}
		}}
	}
	return cases
}

const runID = "4786a9a2-c5bf-41ca-a26e-e1ae5d01f41c"

var (
	errRefused = errors.New("connection refused")
	recovering = orchestrator.Options{RunID: runID, EnableRecovery: true}
)

// Named are the cases that are not random.
func Named() []Case {
	return []Case{
		of("recovery", recovering, nil,
			orchestrator.Phase{Name: "load", Run: flaky(2), Recovery: &retry.Policy{Jitter: retry.FullJitter}},
			orchestrator.Phase{Name: "sum", Run: reads("load")},
			orchestrator.Phase{Name: "publish", Run: fails(retry.After(3*time.Second, errRefused))},
		),
		of("fallback", orchestrator.Options{RunID: runID, EnableRecovery: true, ContinueOnError: true}, nil,
			orchestrator.Phase{
				Name: "fresh", Run: fails(errRefused), Fallback: tellsFailure, Recovery: &retry.Policy{MaxRetries: 1},
			},
			orchestrator.Phase{Name: "stale", Run: fails(retry.Permanent(errRefused)), Fallback: fails(errRefused)},
			orchestrator.Phase{Name: "alarm", Run: tellsFailure, If: orchestrator.OnFailure},
		),
		of("cleanup after a failure", recovering, nil,
			orchestrator.Phase{Name: "rent", Run: ok("machine")},
			orchestrator.Phase{Name: "use", Run: fails(retry.Permanent(errRefused))},
			orchestrator.Phase{
				Name: "return", Run: tellsFailure, If: orchestrator.Always, IfBegan: "rent", Uses: []string{"rent"},
			},
		),
		of("cleanup after a cancel", recovering, cleansUp,
			orchestrator.Phase{Name: "rent", Run: ok("machine")},
			orchestrator.Phase{Name: "use", Run: takes(time.Hour)},
			orchestrator.Phase{
				Name: "return", Run: tellsFailure, If: orchestrator.Always, IfBegan: "rent", Uses: []string{"rent"},
			},
			orchestrator.Phase{
				Name: "tell", Run: fails(errRefused), If: orchestrator.Always, Fallback: ok("not called"),
			},
		),
		of("dry run", orchestrator.Options{RunID: runID, EnableRecovery: true, DryRun: true}, nil,
			orchestrator.Phase{Name: "load", Run: ok("not called"), DryRun: flaky(1)},
			orchestrator.Phase{Name: "publish", Run: ok("not called")},
			orchestrator.Phase{Name: "alarm", Run: ok("not called"), If: orchestrator.OnFailure},
		),
		of("panic", orchestrator.Options{RunID: runID, EnableRecovery: true, ContinueOnError: true}, nil,
			orchestrator.Phase{Name: "once", Run: panics, Needs: []string{}},
			orchestrator.Phase{
				Name: "retried", Run: panics,
				Recovery: &retry.Policy{MaxRetries: 1, Retryable: func(error) bool { return true }},
			},
		),
		of("a result of 250 KB", recovering, nil,
			orchestrator.Phase{Name: "load", Run: ok(strings.Repeat("row; ", 50_000))},
			orchestrator.Phase{Name: "count", Run: reads("load")},
		),
		of("a result that is no JSON", recovering, nil,
			orchestrator.Phase{Name: "load", Run: ok(make(chan int)), Fallback: ok(1)},
			orchestrator.Phase{Name: "broken", Run: ok("\xff")},
		),
		of("large numbers", recovering, nil,
			orchestrator.Phase{Name: "load", Run: ok(map[string]int64{"n": 1<<62 + 1})},
			orchestrator.Phase{Name: "read", Run: reads("load")},
		),
		of("cancelled in an attempt", recovering, stopsAfter(time.Second),
			orchestrator.Phase{Name: "load", Run: takes(time.Hour), Fallback: ok("not called")},
			orchestrator.Phase{Name: "publish", Run: ok("not called")},
		),
		of("cancelled in a wait", recovering, stopsAfter(time.Second),
			orchestrator.Phase{Name: "load", Run: fails(errRefused), Fallback: ok("not called")},
			orchestrator.Phase{Name: "publish", Run: ok("not called")},
		),
		of("out of time in an attempt", recovering, deadlineAfter(time.Second),
			orchestrator.Phase{Name: "load", Run: takes(time.Hour)},
			orchestrator.Phase{Name: "publish", Run: ok("not called")},
		),
		of("out of time in a wait", recovering, deadlineAfter(time.Second),
			orchestrator.Phase{Name: "load", Run: fails(errRefused)},
			orchestrator.Phase{Name: "publish", Run: ok("not called")},
		),
		of("timeout of a phase", recovering, nil,
			orchestrator.Phase{
				Name: "load", Run: takes(3 * time.Second), Timeout: 2 * time.Second, Fallback: ok("not called"),
			},
		),
		of("timeout of a phase in a wait", recovering, nil,
			orchestrator.Phase{Name: "load", Run: fails(errRefused), Timeout: time.Second},
		),
		of("timeout of an attempt", recovering, nil,
			orchestrator.Phase{
				Name: "load", Run: takes(time.Minute),
				Recovery: &retry.Policy{MaxRetries: 2, AttemptTimeout: time.Second},
			},
		),
		of("no time for another wait", recovering, nil,
			orchestrator.Phase{
				Name: "load", Run: fails(errRefused),
				Recovery: &retry.Policy{MaxRetries: 9, MaxElapsed: 10 * time.Second},
			},
		),
		of("a call that is abandoned",
			orchestrator.Options{RunID: runID, EnableRecovery: true, Grace: 3 * time.Second}, nil,
			orchestrator.Phase{Name: "load", Run: heedsNothing, Timeout: time.Second, Fallback: ok("not called")},
		),
		of("nothing to do", recovering, nil,
			orchestrator.Phase{Name: "load", Run: fails(orchestrator.Skip("no new rows"))},
			orchestrator.Phase{Name: "publish", Run: ok("not called"), Needs: []string{"load"}},
		),
		of("a failure that is allowed", orchestrator.Options{RunID: runID}, nil,
			orchestrator.Phase{Name: "lint", Run: fails(errRefused), AllowFailure: true},
			orchestrator.Phase{Name: "test", Run: ok(1)},
		),
		of("operations in an attempt", recovering, nil,
			orchestrator.Phase{Name: "load", Run: func(ctx context.Context, in orchestrator.Input) (any, error) {
				policy := retry.Policy{MaxRetries: 1, BaseDelay: time.Second}
				return nil, retry.Do(ctx, "query", policy, func(context.Context) error {
					if in.Attempt == 0 {
						return errRefused
					}
					return nil
				})
			}},
		),
	}
}

type stop = func(*run) func(context.Context) (context.Context, context.CancelFunc)

func of(name string, options orchestrator.Options, stop stop, phases ...orchestrator.Phase) Case {
	return Case{name, func() run {
		r := run{pipeline: orchestrator.Pipeline{Name: "nightly", Phases: phases}, options: options}
		if stop != nil {
			r.stop = stop(&r)
		}
		return r
	}}
}

func stopsAfter(d time.Duration) stop {
	return func(*run) func(context.Context) (context.Context, context.CancelFunc) {
		return func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			timer := time.AfterFunc(d, func() { cancel(scenario.ErrSignal) })
			return ctx, func() { timer.Stop(); cancel(nil) }
		}
	}
}

func deadlineAfter(d time.Duration) stop {
	return func(*run) func(context.Context) (context.Context, context.CancelFunc) {
		return func(ctx context.Context) (context.Context, context.CancelFunc) { return context.WithTimeout(ctx, d) }
	}
}

// cleansUp stops the run after a second, and has it clean up.
func cleansUp(r *run) func(context.Context) (context.Context, context.CancelFunc) {
	return func(ctx context.Context) (context.Context, context.CancelFunc) {
		r.options.Cleanup = ctx //nolint:fatcontext // it is set once
		return stopsAfter(time.Second)(r)(ctx)
	}
}

func ok(result any) orchestrator.PhaseFunc {
	return func(context.Context, orchestrator.Input) (any, error) { return result, nil }
}

func fails(err error) orchestrator.PhaseFunc {
	return func(context.Context, orchestrator.Input) (any, error) { return nil, err }
}

// flaky fails n times and then succeeds.
func flaky(n int) orchestrator.PhaseFunc {
	return func(_ context.Context, in orchestrator.Input) (any, error) {
		if in.Attempt < n {
			return nil, errRefused
		}
		return map[string]any{"status": "success", "key": in.IdempotencyKey}, nil
	}
}

// reads succeeds with the output of another phase, and its size.
func reads(phase string) orchestrator.PhaseFunc {
	return func(_ context.Context, in orchestrator.Input) (any, error) {
		var output any
		if err := in.Output(phase, &output); err != nil {
			return nil, err
		}
		text := fmt.Sprint(output)
		return fmt.Sprintf("%d bytes: %.99s", len(text), text), nil
	}
}

// takes takes d and heeds its context.
func takes(d time.Duration) orchestrator.PhaseFunc {
	return func(ctx context.Context, _ orchestrator.Input) (any, error) {
		select {
		case <-time.After(d):
			return d.String(), nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// heedsNothing goes on for a while after its context has ended.
func heedsNothing(context.Context, orchestrator.Input) (any, error) {
	<-time.After(6 * time.Second)
	return "too late", nil
}

func panics(context.Context, orchestrator.Input) (any, error) { panic(errRefused) }

// tellsFailure succeeds with what it is told of the failure before it.
func tellsFailure(_ context.Context, in orchestrator.Input) (any, error) {
	return []string{string(in.RunStatus), in.FailedPhase, in.FailedError}, nil
}
