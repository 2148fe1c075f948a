package orchestrator_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrytest"
)

// The guide's own example of a phase result, key for key.
func TestGuidesPhaseResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pipeline(orchestrator.Phase{Name: "data_preparation", Run: flaky(2, errRefused)})
		report, err := p.Run(t.Context(), recovering)
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(report.Phases[0])
		if err != nil {
			t.Fatal(err)
		}
		want := `{"phase":"data_preparation","status":"success","result":{"status":"success"},"error":"Connection refused",` +
			`"recovery":{"attempted":true,"success":true,"message":"Recovery successful on attempt 2","attempts":[` +
			`{"attempt":1,"delay":2,"status":"error","error":"Connection refused"},` +
			`{"attempt":2,"delay":4,"status":"success","result":{"status":"success"}}]}}`
		equal(t, "phase result", string(got), want)
	})
}

func TestRecovery(t *testing.T) {
	unavailable := errors.New("unavailable")
	policy := func(p retry.Policy) *retry.Policy { return &p }
	for _, c := range []struct {
		name    string
		phase   orchestrator.Phase
		options orchestrator.Options
		status  orchestrator.Status
		error   string
		reason  string
		message string // "": no recovery
		delays  []time.Duration
		took    time.Duration
		is      error
	}{
		{
			name: "first try succeeds", phase: orchestrator.Phase{Run: ok(nil)}, options: recovering,
			status: success,
		},
		{
			name: "recovered at once", phase: orchestrator.Phase{Run: flaky(1, unavailable)}, options: recovering,
			status: success, error: "unavailable", message: "Recovery successful on attempt 1",
			delays: []time.Duration{2 * time.Second},
			took:   2 * time.Second,
		},
		{
			name: "spent", phase: orchestrator.Phase{Run: fails(unavailable)}, options: recovering,
			status: failed, error: "unavailable", reason: "retries exhausted",
			message: "Recovery failed after 3 recovery attempts",
			delays:  []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second}, took: 14 * time.Second,
			is: retry.ErrExhausted,
		},
		{
			name:    "the cap",
			phase:   orchestrator.Phase{Run: fails(unavailable), Recovery: policy(retry.Policy{MaxRetries: 6})},
			options: recovering,
			status:  failed, error: "unavailable", reason: "retries exhausted",
			message: "Recovery failed after 6 recovery attempts",
			delays:  []time.Duration{2e9, 4e9, 8e9, 16e9, 30e9, 30e9}, took: 90 * time.Second, is: retry.ErrExhausted,
		},
		{
			name: "off", phase: orchestrator.Phase{Run: flaky(1, unavailable), Fallback: ok("a fallback")},
			status: failed, error: "unavailable", reason: "recovery is off", is: unavailable,
		},
		{
			name: "never", options: recovering,
			phase: orchestrator.Phase{
				Run: flaky(1, unavailable), Recovery: policy(retry.Policy{MaxRetries: retry.Never}),
			},
			status: failed, error: "unavailable", reason: "retries exhausted", is: unavailable,
		},
		{
			name: "permanent", phase: orchestrator.Phase{Run: fails(retry.Permanent(unavailable))}, options: recovering,
			status: failed, error: "unavailable", reason: "permanent error", is: retry.ErrPermanent,
		},
		{
			name: "permanent at the second recovery", options: recovering,
			phase: orchestrator.Phase{Run: func(_ context.Context, in orchestrator.Input) (any, error) {
				if in.Attempt == 2 {
					return nil, retry.Permanent(errors.New("bad schema"))
				}
				return nil, unavailable
			}},
			status: failed, error: "unavailable", reason: "permanent error",
			message: "Recovery failed after 2 recovery attempts",
			delays:  []time.Duration{2e9, 4e9}, took: 6 * time.Second, is: retry.ErrPermanent,
		},
		{
			name: "not retryable", options: recovering,
			phase: orchestrator.Phase{Run: fails(unavailable), Recovery: policy(retry.Policy{
				Retryable: func(err error) bool { return !errors.Is(err, unavailable) },
			})},
			status: failed, error: "unavailable", reason: "not retryable", is: retry.ErrNotRetryable,
		},
		{
			name: "explicit fields win", options: recovering,
			phase: orchestrator.Phase{Run: fails(unavailable), Recovery: policy(retry.Policy{
				MaxRetries: 2, BaseDelay: 100 * time.Millisecond, Multiplier: 3,
			})},
			status: failed, error: "unavailable", reason: "retries exhausted",
			message: "Recovery failed after 2 recovery attempts",
			delays:  []time.Duration{100e6, 300e6}, took: 400 * time.Millisecond, is: retry.ErrExhausted,
		},
		{
			name: "no delay", options: recovering,
			phase: orchestrator.Phase{
				Run: flaky(3, unavailable), Recovery: policy(retry.Policy{BaseDelay: retry.NoDelay}),
			},
			status: success, error: "unavailable", message: "Recovery successful on attempt 3",
			delays: []time.Duration{0, 0, 0},
		},
		{
			name: "the server says when", phase: orchestrator.Phase{
				Run: flaky(1, retry.After(7*time.Second, unavailable)),
			}, options: recovering,
			status: success, error: "unavailable", message: "Recovery successful on attempt 1",
			delays: []time.Duration{7e9}, took: 7 * time.Second,
		},
		{
			name: "elapsed", options: recovering,
			phase: orchestrator.Phase{
				Run: fails(unavailable), Recovery: policy(retry.Policy{MaxElapsed: 10 * time.Second}),
			},
			status: failed, error: "unavailable", reason: "deadline reached",
			message: "Recovery failed after 2 recovery attempts",
			delays:  []time.Duration{2e9, 4e9}, took: 6 * time.Second, is: context.DeadlineExceeded,
		},
		{
			name: "attempt timeout", options: recovering,
			phase: orchestrator.Phase{Run: func(ctx context.Context, in orchestrator.Input) (any, error) {
				return work(time.Duration(1-in.Attempt)*time.Hour)(ctx, in) // the first try takes too long
			}, Recovery: policy(retry.Policy{AttemptTimeout: 5 * time.Second})},
			status: success, error: "context deadline exceeded (attempt timeout of 5s)",
			message: "Recovery successful on attempt 1",
			delays:  []time.Duration{2e9}, took: 7 * time.Second,
		},
		{
			name: "phase timeout in an attempt", options: recovering,
			phase:  orchestrator.Phase{Run: work(time.Hour), Timeout: 5 * time.Second, Fallback: ok(1)},
			status: failed, error: "context deadline exceeded (phase timeout of 5s)", reason: "deadline reached",
			took: 5 * time.Second, is: context.DeadlineExceeded,
		},
		{
			name: "phase timeout includes recovery", options: recovering,
			phase:  orchestrator.Phase{Run: fails(unavailable), Timeout: 10 * time.Second},
			status: failed, error: "unavailable", reason: "deadline reached",
			message: "Recovery failed after 2 recovery attempts",
			delays:  []time.Duration{2e9, 4e9}, took: 6 * time.Second, is: context.DeadlineExceeded,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				started := time.Now()
				c.phase.Name = "a"
				report, err := pipeline(c.phase).Run(t.Context(), c.options)
				if (err == nil) != (c.status == success) || c.is != nil && !errors.Is(err, c.is) {
					t.Errorf("error %v, want %v", err, c.is)
				}
				got := report.Phases[0]
				equal(t, "report status", report.Status, c.status)
				equal(t, "status", got.Status, c.status)
				equal(t, "error", got.Error, c.error)
				equal(t, "reason", got.Reason, c.reason)
				equal(t, "time taken", time.Since(started), c.took)
				equal(t, "report's time", report.Ended.Sub(report.Started), c.took)
				equal(t, "recovery attempted", got.Recovery != nil, c.message != "")
				if got.Recovery == nil || c.message == "" {
					return
				}
				equal(t, "message", got.Recovery.Message, c.message)
				equal(t, "recovery success", got.Recovery.Success, c.status == success)
				var delays []time.Duration
				for i, a := range got.Recovery.Attempts {
					equal(t, "number", a.Attempt, i+1)
					delays = append(delays, a.Delay)
				}
				if !slices.Equal(delays, c.delays) {
					t.Errorf("delays: got %v, want %v", delays, c.delays)
				}
			})
		})
	}
}

func TestOneAttemptIsSaidInTheSingular(t *testing.T) {
	p := pipeline(orchestrator.Phase{
		Name: "a", Run: fails(errRefused), Recovery: &retry.Policy{MaxRetries: 1, BaseDelay: retry.NoDelay},
	})
	report, err := p.Run(t.Context(), recovering)
	if err == nil {
		t.Error("no error")
	}
	equal(t, "message", report.Phases[0].Recovery.Message, "Recovery failed after 1 recovery attempt")
}

// What an inner loop gave up for good is not tried again by the outer one; what it gave up otherwise is.
func TestNestedRetries(t *testing.T) {
	for _, c := range []struct {
		name  string
		err   error
		calls int
	}{
		{"permanent", retry.Permanent(errRefused), 1},
		{"exhausted", errRefused, 4 * 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			calls := 0
			p := pipeline(orchestrator.Phase{
				Name: "a",
				Run: func(ctx context.Context, _ orchestrator.Input) (any, error) {
					err := retry.Do(ctx, "data_load", retry.Policy{}, func(ctx context.Context) error {
						calls++
						attempt, _ := retry.AttemptFromContext(ctx)
						equal(t, "depth of the operation below the recovery", attempt.Depth, 1)
						return c.err
					})
					return nil, fmt.Errorf("loading: %w", err)
				},
			})
			_, err := p.Run(retrytest.NoWait(t.Context()), recovering)
			if !errors.Is(err, errRefused) {
				t.Errorf("error %v, want %v", err, errRefused)
			}
			equal(t, "calls", calls, c.calls)
		})
	}
}

func TestDepthCountsOnlyWhatMayBeRepeated(t *testing.T) {
	for _, c := range []struct {
		name    string
		policy  retry.Policy
		options orchestrator.Options
		depth   int
	}{
		{"recovery", retry.Policy{}, recovering, 1},
		{"recovery off", retry.Policy{}, orchestrator.Options{}, 0},
		{"never", retry.Policy{MaxRetries: retry.Never}, recovering, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := pipeline(orchestrator.Phase{
				Name: "a", Recovery: &c.policy,
				Run: func(ctx context.Context, _ orchestrator.Input) (any, error) {
					if _, within := retry.AttemptFromContext(ctx); within {
						t.Error("the attempt of the loop around the run was handed on to its phase")
					}
					return nil, retry.Do(ctx, "load", retry.Policy{}, func(ctx context.Context) error {
						attempt, _ := retry.AttemptFromContext(ctx)
						equal(t, "depth", attempt.Depth, 1+c.depth)
						return nil
					})
				},
			})
			err := retry.Do(t.Context(), "outer", retry.Policy{}, func(ctx context.Context) error {
				_, err := p.Run(ctx, c.options)
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFallback(t *testing.T) {
	broken := errors.New("broken too")
	for _, c := range []struct {
		name     string
		run      orchestrator.PhaseFunc
		fallback orchestrator.PhaseFunc
		result   string
		status   orchestrator.Status
		fell     string
		is       []error
	}{
		{"spent", fails(errRefused), ok("stale"), `"stale"`, success, `{"status":"success","result":"stale"}`, nil},
		{
			"permanent", fails(retry.Permanent(errRefused)), ok("stale"), `"stale"`, success,
			`{"status":"success","result":"stale"}`, nil,
		},
		{
			"panic", func(context.Context, orchestrator.Input) (any, error) { panic("a bug") }, ok("stale"), `"stale"`,
			success, `{"status":"success","result":"stale"}`, nil,
		},
		{
			"fails too", fails(errRefused), fails(broken), ``, failed, `{"status":"error","error":"broken too"}`,
			[]error{errRefused, broken, retry.ErrExhausted},
		},
		{"not needed", ok("fresh"), ok("stale"), `"fresh"`, success, `null`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var calls []int
				p := pipeline(orchestrator.Phase{
					Name: "a", Run: c.run,
					Fallback: func(ctx context.Context, in orchestrator.Input) (any, error) {
						calls = append(calls, in.Attempt)
						return c.fallback(ctx, in)
					},
				})
				report, err := p.Run(t.Context(), recovering)
				got := report.Phases[0]
				equal(t, "status", got.Status, c.status)
				equal(t, "result", string(got.Result), c.result)
				fell, _ := json.Marshal(got.Fallback)
				equal(t, "fallback", string(fell), c.fell)
				for _, want := range c.is {
					if !errors.Is(err, want) {
						t.Errorf("error %v does not match %v", err, want)
					}
				}
				if len(calls) > 1 {
					t.Errorf("the fallback was called %d times", len(calls))
				}
				if got.Recovery != nil {
					equal(t, "message", got.Recovery.Message, "Recovery failed after 3 recovery attempts")
					equal(t, "the fallback's attempt", calls[0], 4)
				}
			})
		})
	}
}

// Jitter comes from the run's id, the phase and the attempt: it spreads, and repeats.
func TestJitterIsRepeatable(t *testing.T) {
	delays := func(runID string) string {
		var phases []orchestrator.Phase
		for i := range 20 {
			phases = append(phases, orchestrator.Phase{Name: fmt.Sprint("p", i), Run: fails(errRefused)})
		}
		p := orchestrator.Pipeline{Name: "nightly", Phases: phases, Recovery: retry.Policy{Jitter: retry.FullJitter}}
		report, _ := p.Run(retrytest.NoWait(t.Context()),
			orchestrator.Options{EnableRecovery: true, ContinueOnError: true, RunID: runID})
		var b strings.Builder
		seen := map[time.Duration]bool{}
		for _, phase := range report.Phases {
			for i, a := range phase.Recovery.Attempts {
				if limit := 2 * time.Second << i; a.Delay < 0 || a.Delay > limit {
					t.Errorf("delay %v is not within %v", a.Delay, limit)
				}
				seen[a.Delay] = true
				fmt.Fprint(&b, a.Delay, " ")
			}
			if a := phase.Recovery.Attempts; a[1].Delay == 2*a[0].Delay {
				t.Errorf("%s draws the same number for each attempt", phase.Phase)
			}
		}
		if len(seen) != 60 {
			t.Errorf("%d different delays, want 60", len(seen))
		}
		return b.String()
	}
	first := delays("one")
	equal(t, "the same run's delays", delays("one"), first)
	if delays("two") == first {
		t.Error("different runs waited the same")
	}
}

// Decorrelated jitter grows from the wait that was: after two of them it may pass 3 × BaseDelay, from the start never.
func TestJitterKnowsTheWaitBefore(t *testing.T) {
	var phases []orchestrator.Phase
	for i := range 20 {
		phases = append(phases, orchestrator.Phase{Name: fmt.Sprint("p", i), Run: fails(errRefused)})
	}
	p := orchestrator.Pipeline{
		Name: "nightly", Phases: phases, Recovery: retry.Policy{Jitter: retry.DecorrelatedJitter},
	}
	report, _ := p.Run(retrytest.NoWait(t.Context()),
		orchestrator.Options{EnableRecovery: true, ContinueOnError: true, RunID: "id"})
	longest := time.Duration(0)
	for _, phase := range report.Phases {
		a := phase.Recovery.Attempts
		if a[0].Delay > 6*time.Second || a[1].Delay > 3*a[0].Delay || a[2].Delay > 3*a[1].Delay {
			t.Errorf("%s waits %v, %v, %v", phase.Phase, a[0].Delay, a[1].Delay, a[2].Delay)
		}
		longest = max(longest, a[2].Delay)
	}
	if longest <= 6*time.Second {
		t.Errorf("no third wait of 20 is longer than %v", longest)
	}
}

func TestNoWaitCountsTheWaitsItPassesOver(t *testing.T) {
	p := pipeline(orchestrator.Phase{Name: "a", Run: fails(errRefused), Timeout: 10 * time.Second})
	started := time.Now()
	report, err := p.Run(retrytest.NoWait(t.Context()), recovering)
	if !errors.Is(err, retry.ErrDeadline) {
		t.Errorf("error %v, want %v: 2s and 4s and 8s do not fit in 10s", err, retry.ErrDeadline)
	}
	equal(t, "message", report.Phases[0].Recovery.Message, "Recovery failed after 2 recovery attempts")
	if took := time.Since(started); took > time.Second {
		t.Errorf("it waited: %v", took)
	}
}

// A ring is an error that wraps itself: whoever asks errors.Is of it never gets an answer.
type ring struct{}

func (*ring) Error() string   { return "ring" }
func (r *ring) Unwrap() error { return r }

func TestAnErrorThatWrapsItselfIsRecoveredLikeAnyOther(t *testing.T) {
	p := pipeline(orchestrator.Phase{Name: "load", Run: flaky(1, &ring{})})
	report, err := p.Run(retrytest.NoWait(t.Context()), recovering)
	if err != nil || report.Status != orchestrator.Success || len(report.Phases[0].Recovery.Attempts) != 1 {
		t.Errorf("report %+v, error %v", report, err)
	}
}
