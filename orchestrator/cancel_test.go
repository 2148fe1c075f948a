package orchestrator_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrytest"
)

var errSignal = errors.New("terminated by SIGTERM")

// cancelAfter returns a context that is cancelled with errSignal after d.
func cancelAfter(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithCancelCause(t.Context())
	timer := time.AfterFunc(d, func() { cancel(errSignal) })
	t.Cleanup(func() { timer.Stop(); cancel(nil) })
	return ctx
}

func TestCancel(t *testing.T) {
	const stopped = "the run was cancelled: terminated by SIGTERM"
	for _, c := range []struct {
		name     string
		first    orchestrator.PhaseFunc
		after    time.Duration
		statuses string
		reasons  [2]string
		message  string
		err      string
	}{
		{
			"in the first try", work(time.Hour), 3 * time.Second, "a=cancelled b=skipped",
			[2]string{stopped, `it needs "a", which was cancelled`},
			"",
			`pipeline "nightly" was cancelled (terminated by SIGTERM): a: cancelled after 1 attempt (terminated by SIGTERM): context canceled`,
		},
		{
			"in the first wait", fails(errRefused), time.Second, "a=cancelled b=skipped",
			[2]string{stopped, `it needs "a", which was cancelled`},
			"",
			`pipeline "nightly" was cancelled (terminated by SIGTERM): a: cancelled after 1 attempt (terminated by SIGTERM): Connection refused`,
		},
		{
			"in a later wait", fails(errRefused), 7 * time.Second, "a=cancelled b=skipped",
			[2]string{stopped, `it needs "a", which was cancelled`},
			"Recovery cancelled after 2 recovery attempts",
			`pipeline "nightly" was cancelled (terminated by SIGTERM): a: cancelled after 3 attempts (terminated by SIGTERM): Connection refused`,
		},
		{
			"before the start", ok(1), -1, "a=skipped b=skipped",
			[2]string{stopped, `it needs "a", which was skipped`},
			"",
			`pipeline "nightly" was cancelled (terminated by SIGTERM)`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := cancelAfter(t, c.after)
				if c.after < 0 {
					synctest.Wait()
				}
				started := time.Now()
				rctx, rec := retrytest.Record(t, ctx)
				p := pipeline(
					orchestrator.Phase{
						Name: "a", Run: c.first,
						Fallback: func(context.Context, orchestrator.Input) (any, error) {
							t.Error("the fallback of a cancelled phase was called")
							return nil, nil
						},
					},
					orchestrator.Phase{Name: "b", Run: ok(1), Needs: []string{"a"}},
				)
				report, err := p.Run(rctx, recovering)
				equal(t, "time taken", time.Since(started), max(0, c.after))
				equal(t, "status", report.Status, cancelled)
				equal(t, "report's reason", report.Reason, stopped)
				equal(t, "statuses", statuses(report), c.statuses)
				equal(t, "reasons", [2]string{report.Phases[0].Reason, report.Phases[1].Reason}, c.reasons)
				message := ""
				if r := report.Phases[0].Recovery; r != nil {
					message = r.Message
				}
				equal(t, "message", message, c.message)
				var failure *orchestrator.Error
				if !errors.As(err, &failure) {
					t.Fatalf("error %T, want *orchestrator.Error", err)
				}
				equal(t, "error", err.Error(), c.err)
				equal(t, "error's status", failure.Status, cancelled)
				if !errors.Is(err, context.Canceled) || !errors.Is(err, errSignal) {
					t.Errorf("error %v does not match context.Canceled and its cause", err)
				}
				if len(failure.Phases) > 0 && !errors.Is(failure.Phases[0], retry.ErrCancelled) {
					t.Errorf("the phase's error %v does not match retry.ErrCancelled", failure.Phases[0])
				}
				checkSpans(t, report, rec)
				spans := rec.Spans()
				equal(t, "the run's span", spans[len(spans)-1].Status().Description,
					strings.TrimPrefix(c.err, `pipeline "nightly" was `))
			})
		})
	}
}

// A phase that comes to its end although it was cancelled has done its work, and so has the run if it was the last.
func TestCancelledTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pipeline(orchestrator.Phase{Name: "a", Run: func(context.Context, orchestrator.Input) (any, error) {
			<-time.After(4 * time.Second)
			return 1, nil
		}})
		report, err := p.Run(cancelAfter(t, 2*time.Second), recovering)
		if err != nil || report.Status != success {
			t.Errorf("report %s, error %v, want success", report.Status, err)
		}
	})
}

func TestDeadlineOfTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		p := pipeline(
			orchestrator.Phase{Name: "a", Run: work(time.Hour)},
			orchestrator.Phase{Name: "b", Run: ok(1)},
		)
		report, err := p.Run(ctx, orchestrator.Options{EnableRecovery: true, ContinueOnError: true})
		equal(t, "statuses", statuses(report), "a=failed b=skipped")
		equal(t, "status", report.Status, failed)
		equal(t, "reason", report.Phases[1].Reason, "the run's time was up: context deadline exceeded")
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, retry.ErrDeadline) ||
			errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want a deadline's", err)
		}
	})
}

// deaf is a phase function that does not heed its context; it ends when released is closed.
func deaf(released <-chan struct{}, calls *atomic.Int32) orchestrator.PhaseFunc {
	return func(context.Context, orchestrator.Input) (any, error) {
		calls.Add(1)
		<-released
		return nil, errors.New("too late")
	}
}

func TestAbandoned(t *testing.T) {
	for _, c := range []struct {
		name    string
		phase   orchestrator.Phase
		options orchestrator.Options
		after   time.Duration
		took    time.Duration
		status  orchestrator.Status
		is      error
	}{
		{
			"cancelled",
			orchestrator.Phase{},
			orchestrator.Options{},
			2 * time.Second, 7 * time.Second,
			cancelled, context.Canceled,
		},
		{
			"cancelled, grace of its own",
			orchestrator.Phase{},
			orchestrator.Options{Grace: time.Minute},
			2 * time.Second, 62 * time.Second, cancelled, context.Canceled,
		},
		{
			"phase timeout",
			orchestrator.Phase{Timeout: 3 * time.Second},
			orchestrator.Options{},
			time.Hour,
			8 * time.Second, failed, context.DeadlineExceeded,
		},
		{
			"attempt timeout",
			orchestrator.Phase{
				Recovery: &retry.Policy{AttemptTimeout: time.Second, Retryable: func(error) bool { return true }},
			},
			orchestrator.Options{},
			time.Hour, 6 * time.Second, failed, retry.ErrPermanent,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				released := make(chan struct{})
				defer close(released)
				var calls atomic.Int32
				c.phase.Name, c.phase.Run = "a", deaf(released, &calls)
				c.phase.Fallback = func(context.Context, orchestrator.Input) (any, error) {
					t.Error("the fallback was called beside the abandoned call")
					return nil, nil
				}
				c.options.EnableRecovery = true
				started := time.Now()
				ctx, rec := retrytest.Record(t, cancelAfter(t, c.after))
				report, err := pipeline(c.phase).Run(ctx, c.options)
				equal(t, "time taken", time.Since(started), c.took)
				equal(t, "status", report.Phases[0].Status, c.status)
				equal(t, "calls", calls.Load(), 1)
				if !strings.HasPrefix(report.Phases[0].Error, "abandoned: still running") {
					t.Errorf("error %q does not say so", report.Phases[0].Error)
				}
				if !errors.Is(err, orchestrator.ErrAbandoned) || !errors.Is(err, c.is) {
					t.Errorf("error %v does not match %v and %v", err, orchestrator.ErrAbandoned, c.is)
				}
				checkSpans(t, report, rec)
			})
		})
	}
}

// What an abandoned call does in the end changes nothing any more. Its phase is not over its time, only its attempt
// was: a failure would be retried, if anybody still listened.
func TestGhostReturnsLater(t *testing.T) {
	for _, last := range []struct {
		name string
		does func() error
	}{
		{"succeeds", func() error { return nil }},
		{"fails", func() error { return errRefused }},
		{"panics", func() error { panic("late") }},
	} {
		t.Run(last.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, rec := retrytest.Record(t, t.Context())
				var told atomic.Int32
				report, err := pipeline(orchestrator.Phase{
					Name: "a",
					Run: func(context.Context, orchestrator.Input) (any, error) {
						<-time.After(time.Minute)
						return 1, last.does()
					},
					Recovery: &retry.Policy{
						AttemptTimeout: time.Second, Retryable: func(error) bool { return true },
						AfterAttempt: func(_ context.Context, a retry.Attempt) {
							if told.Add(1); a.Stop == nil || !errors.Is(a.Err, orchestrator.ErrAbandoned) {
								t.Errorf("stop %v, error %v", a.Stop, a.Err)
							}
						},
					},
				}).Run(ctx, recovering)
				if !errors.Is(err, orchestrator.ErrAbandoned) {
					t.Errorf("error %v, want %v", err, orchestrator.ErrAbandoned)
				}
				before := spanTree(rec)
				<-time.After(time.Hour)
				synctest.Wait()
				equal(t, "spans after the abandoned call's end", spanTree(rec), before)
				equal(t, "calls of AfterAttempt", told.Load(), 1)
				checkSpans(t, report, rec)
			})
		})
	}
}

func TestCancelInTheFallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := retrytest.Record(t, cancelAfter(t, 20*time.Second))
		p := pipeline(orchestrator.Phase{Name: "a", Run: fails(errRefused), Fallback: work(time.Hour)})
		report, err := p.Run(ctx, recovering)
		equal(t, "status", report.Phases[0].Status, cancelled)
		equal(t, "fallback's error", report.Phases[0].Fallback.Error, "context canceled")
		if !errors.Is(err, retry.ErrCancelled) || !errors.Is(err, errSignal) || !errors.Is(err, errRefused) {
			t.Errorf("error %v, want all that led to it", err)
		}
		checkSpans(t, report, rec)
	})
}

// atEnd is a span processor that does something when the span of phase a ends, which is while the loop is busy.
type atEnd struct {
	sdktrace.SpanProcessor
	does func()
}

func (p atEnd) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (p atEnd) OnEnd(span sdktrace.ReadOnlySpan) {
	if span.Name() == "a" {
		p.does()
	}
}

// An attempt that ended because the run was cancelled is seen after that, although both are ready.
func TestStopComesBeforeWhatItCaused(t *testing.T) {
	for range 20 { // a wrong order would be a matter of luck
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(atEnd{does: func() {
				cancel(errSignal)
				synctest.Wait() // b has ended by now
			}}))
			ctx, parent := provider.Tracer("test").Start(ctx, "parent")
			defer parent.End()
			report, _ := pipeline(
				orchestrator.Phase{Name: "a", Run: ok(1)},
				orchestrator.Phase{Name: "b", Run: work(time.Hour)},
				orchestrator.Phase{Name: "c", Run: ok(1), Needs: []string{"a", "b"}},
			).Run(ctx, recovering)
			equal(t, "statuses", statuses(report), "a=success b=cancelled c=skipped")
			equal(t, "reason", report.Phases[1].Reason, "the run was cancelled: terminated by SIGTERM")
		})
	}
}

func TestTimeoutEndsWithItsPhase(t *testing.T) {
	var timed, untimed context.Context
	keep := func(into *context.Context) orchestrator.PhaseFunc {
		return func(ctx context.Context, _ orchestrator.Input) (any, error) {
			*into = ctx
			return nil, nil
		}
	}
	_, err := pipeline(
		orchestrator.Phase{Name: "a", Run: keep(&timed), Timeout: time.Hour},
		orchestrator.Phase{Name: "b", Run: keep(&untimed)},
	).Run(t.Context(), recovering)
	if err != nil {
		t.Fatal(err)
	}
	if timed.Err() == nil {
		t.Error("the timer of a timeout outlives its phase")
	}
	if untimed.Err() != nil {
		t.Error("a context without a timeout ended with its phase")
	}
}
