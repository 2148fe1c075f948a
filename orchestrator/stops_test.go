package orchestrator_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrytest"
)

type requestKey struct{}

func TestAfterAttemptIsCalledForEachTry(t *testing.T) {
	for _, c := range []struct {
		name     string
		run      orchestrator.PhaseFunc
		fallback orchestrator.PhaseFunc
		want     []string
	}{
		{"recovered", flaky(1, errRefused), nil, []string{
			"1s: a 1, 1 left, depth 0, took 1s, after 0s, next 2s: Connection refused, stop <nil>",
			"4s: a 2, 0 left, depth 0, took 1s, after 2s, next 0s: <nil>, stop <nil>",
		}},
		{"falls back", fails(errRefused), ok(1), []string{
			"1s: a 1, 1 left, depth 0, took 1s, after 0s, next 2s: Connection refused, stop <nil>",
			"4s: a 2, 0 left, depth 0, took 1s, after 2s, next 0s: Connection refused, stop retries exhausted",
		}},
		{"panics", func(context.Context, orchestrator.Input) (any, error) { panic("oh") }, nil, []string{
			"1s: a 1, 1 left, depth 0, took 1s, after 0s, next 0s: panic: oh, stop permanent error",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, rec := retrytest.Record(t, context.WithValue(t.Context(), requestKey{}, "r-17"))
				var got []string
				started := time.Now()
				hook := func(ctx context.Context, a retry.Attempt) {
					got = append(got, fmt.Sprintf(
						"%v: %s %d, %d left, depth %d, took %v, after %v, next %v: %v, stop %v", time.Since(started),
						a.Operation, a.Number, a.RetriesLeft, a.Depth, a.Duration, a.Delay, a.NextDelay, a.Err, a.Stop))
					if ctx.Value(requestKey{}) != "r-17" || len(rec.Spans()) != a.Number {
						t.Errorf("attempt %d: request %v, %d ended spans", a.Number,
							ctx.Value(requestKey{}), len(rec.Spans()))
					}
				}
				_, _ = pipeline(orchestrator.Phase{
					Name: "a", Fallback: c.fallback, Recovery: &retry.Policy{MaxRetries: 1, AfterAttempt: hook},
					Run: func(ctx context.Context, in orchestrator.Input) (any, error) {
						<-time.After(time.Second)
						return c.run(ctx, in)
					},
				}).Run(ctx, recovering)
				if !slices.Equal(got, c.want) {
					t.Errorf("got  %q\nwant %q", got, c.want)
				}
			})
		})
	}
}

// What goes wrong in a phase's time says which limit that was.
func TestAPhaseSaysWhichTimeWasUp(t *testing.T) {
	for _, c := range []struct {
		name  string
		phase orchestrator.Phase
		want  string
	}{
		{
			"MaxElapsed",
			orchestrator.Phase{Run: fails(errRefused), Recovery: &retry.Policy{MaxElapsed: time.Second}},
			"a: out of time after 1 attempt (waiting 2s would pass MaxElapsed 1s): Connection refused",
		},
		{
			"the phase's timeout, ahead",
			orchestrator.Phase{Run: fails(errRefused), Timeout: time.Second},
			"a: out of time after 1 attempt (waiting 2s would pass the context's deadline in 1s): Connection refused",
		},
		{
			"the phase's timeout, passed",
			orchestrator.Phase{Run: work(time.Hour), Timeout: time.Second},
			"a: out of time after 1 attempt: context deadline exceeded (phase timeout of 1s)",
		},
		{
			"the server's wait",
			orchestrator.Phase{Run: fails(retry.After(time.Hour, errRefused))},
			"a: told to retry later after 1 attempt (waiting 1h would pass MaxAfter 2m): Connection refused",
		},
		{
			"Retryable",
			orchestrator.Phase{
				Run: fails(errRefused), Recovery: &retry.Policy{Retryable: func(error) bool { return false }},
			},
			"a: not retryable after 1 attempt: Connection refused",
		},
		{
			"a retry's own rule is not the phase's",
			orchestrator.Phase{Run: func(ctx context.Context, in orchestrator.Input) (any, error) {
				if in.Attempt == 2 {
					return nil, errRefused
				}
				never := retry.Policy{Retryable: func(error) bool { return false }}
				return nil, retry.Do(ctx, "load", never, func(context.Context) error { return errRefused })
			}, Recovery: &retry.Policy{MaxRetries: 2}},
			"a: gave up after 3 attempts: Connection refused",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.phase.Name = "a"
				_, err := pipeline(c.phase).Run(t.Context(), recovering)
				failure, ok := errors.AsType[*orchestrator.Error](err)
				if !ok || failure.Phases[0].Error() != c.want {
					t.Errorf("got  %v\nwant %s", err, c.want)
				}
			})
		})
	}
}
