package orchestrator_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrytest"
)

// What cleans up goes on, and begins, although the run was cancelled, until its own context ends, too.
func TestCleanup(t *testing.T) {
	const always = orchestrator.Always
	for _, c := range []struct {
		name    string
		phases  []orchestrator.Phase
		again   time.Duration // after it the context of those that clean up ends; 0: never
		took    time.Duration
		want    string
		recover bool
	}{
		{
			name: "it begins after the end",
			phases: []orchestrator.Phase{
				{Name: "a", Run: work(time.Hour)},
				{Name: "b", Run: ok(1)},
				{Name: "f", Run: ok(1), If: orchestrator.OnFailure},
				{Name: "z", Run: work(time.Minute), If: always},
			},
			took: 61 * time.Second,
			want: "a cancelled, b skipped, f skipped, z success; cancelled",
		},
		{
			name: "it goes on",
			phases: []orchestrator.Phase{
				{Name: "a", Run: fails(errRefused)}, {Name: "z", Run: work(time.Minute), If: always},
			},
			took: time.Minute,
			want: "a failed, z success; cancelled",
		},
		{
			name:   "it goes on when all else is done",
			phases: []orchestrator.Phase{{Name: "a", Run: ok(1)}, {Name: "z", Run: work(time.Minute), If: always}},
			took:   time.Minute,
			want:   "a success, z success; success",
		},
		{
			name: "it is tried once",
			phases: []orchestrator.Phase{
				{Name: "a", Run: work(time.Hour)},
				{Name: "z", Run: fails(errRefused), If: always, Fallback: ok(1)},
			},
			took:    time.Second,
			recover: true,
			want:    "a cancelled, z failed; cancelled",
		},
		{
			name: "it is ended, too, and no other begins",
			phases: []orchestrator.Phase{
				{Name: "a", Run: work(time.Hour)},
				{Name: "y", Run: work(time.Hour), If: always},
				{Name: "z", Run: ok(1), If: always},
			},
			again: 10 * time.Second,
			took:  10 * time.Second,
			want:  "a cancelled, y cancelled, z skipped; cancelled",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cleanup, cancel := context.WithCancel(context.Background())
				defer cancel()
				if c.again > 0 {
					defer time.AfterFunc(c.again, cancel).Stop()
				}
				started := time.Now()
				report, err := pipeline(c.phases...).Run(cancelAfter(t, time.Second), orchestrator.Options{
					Cleanup: cleanup, EnableRecovery: c.recover,
				})
				var got []string
				for _, phase := range report.Phases {
					got = append(got, phase.Phase+" "+string(phase.Status))
				}
				if all := strings.Join(got, ", ") + "; " + string(report.Status); all != c.want {
					t.Errorf("got  %s\nwant %s", all, c.want)
				}
				if (err == nil) != (report.Status == success) {
					t.Errorf("status %s, error %v", report.Status, err)
				}
				if took := time.Since(started); took != c.took {
					t.Errorf("took %v, want %v", took, c.took)
				}
			})
		})
	}
}

type key struct{}

// The context of those that clean up ends for reasons of its own, but what it knows is what a phase's context knows.
func TestCleanupKnowsItsRun(t *testing.T) {
	ctx, _ := retrytest.Record(t, context.WithValue(t.Context(), key{}, "run"))
	traceID := trace.SpanContextFromContext(ctx).TraceID()
	ctx, cancel := context.WithCancelCause(ctx)
	again := errors.New("a second signal")
	cleanup, cancelCleanup := context.WithCancelCause(context.WithValue(context.Background(), key{}, "cleanup"))
	var value any
	var cause error
	var span trace.SpanContext
	z := orchestrator.Phase{
		Name: "z", If: orchestrator.Always,
		Run: func(ctx context.Context, _ orchestrator.Input) (any, error) {
			value, span = ctx.Value(key{}), trace.SpanContextFromContext(ctx)
			cancel(errSignal)
			cancelCleanup(again)
			<-ctx.Done()
			cause = context.Cause(ctx)
			return nil, ctx.Err()
		},
	}
	report, _ := pipeline(z).Run(ctx, orchestrator.Options{Cleanup: cleanup})
	if report.Status != orchestrator.Cancelled || value != "run" || !errors.Is(cause, again) ||
		span.TraceID() != traceID {
		t.Errorf("%s, value %v, cause %v, trace %v; want those of the run, trace %v, and %v",
			report.Status, value, cause, span.TraceID(), traceID, again)
	}
}

// In a run that has ended, what cleans up ends for reasons of its own, and nobody is told of an attempt that does not
// follow.
func TestCleanupTellsWhyItEnded(t *testing.T) {
	failsLater := func(context.Context, orchestrator.Input) (any, error) {
		<-time.After(time.Minute)
		return nil, errRefused
	}
	for _, c := range []struct {
		name    string
		run     orchestrator.PhaseFunc
		timeout time.Duration // the phase's
		expires bool          // the run's time is up, and then what cleans up is cancelled
		status  orchestrator.Status
		reason  string
		is      []error
	}{
		{"failed", failsLater, 0, false, failed, "retries exhausted", []error{retry.ErrExhausted, errRefused}},
		{
			"out of time", work(time.Hour), time.Minute, false, failed, "deadline reached",
			[]error{retry.ErrDeadline, context.DeadlineExceeded},
		},
		{
			"cancelled", work(time.Hour), 0, true, cancelled, "operation cancelled",
			[]error{retry.ErrCancelled, context.Canceled},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cleanup := cancelAfter(t, time.Second), context.Background()
				if c.expires {
					cleanup = cancelAfter(t, time.Minute)
					expiring, cancel := context.WithTimeout(t.Context(), time.Second)
					defer cancel()
					ctx = expiring
				}
				again := func(_ context.Context, a retry.Attempt) {
					if a.Stop == nil {
						t.Errorf("told of another attempt after %v", a.Err)
					}
				}
				z := orchestrator.Phase{
					Name: "z", If: orchestrator.Always, Run: c.run, Timeout: c.timeout,
					Recovery: &retry.Policy{AfterAttempt: again}, Fallback: ok(1),
				}
				report, err := pipeline(z).Run(ctx, orchestrator.Options{Cleanup: cleanup, EnableRecovery: true})
				if got := report.Phases[0]; got.Status != c.status || got.Reason != c.reason {
					t.Errorf("%s, reason %q; want %s, %q", got.Status, got.Reason, c.status, c.reason)
				}
				var failure *orchestrator.Error
				if !errors.As(err, &failure) || len(failure.Phases) != 1 {
					t.Fatalf("error %v, want one of a phase", err)
				}
				for _, want := range c.is {
					if !errors.Is(failure.Phases[0], want) {
						t.Errorf("error %v is not %v", failure.Phases[0], want)
					}
				}
				if errors.Is(failure.Phases[0], errSignal) && c.status == failed {
					t.Errorf("error %v is the run's", failure.Phases[0])
				}
			})
		})
	}
}
