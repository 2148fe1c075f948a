package retry_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrytest"
)

var errRefused = errors.New("connection refused")

// flaky fails the first n calls and counts all.
type flaky struct {
	failures, calls int
	err             error
}

func (f *flaky) op(context.Context) error {
	f.calls++
	if f.calls <= f.failures {
		if f.err != nil {
			return f.err
		}
		return errRefused
	}
	return nil
}

func TestDoWaitsAsTheGuideSays(t *testing.T) {
	for name, c := range map[string]struct {
		policy   retry.Policy
		failures int
		calls    int
		elapsed  time.Duration
		reason   error
	}{
		"first attempt": {retry.Policy{}, 0, 1, 0, nil},
		"third attempt": {retry.Policy{}, 2, 3, 3 * time.Second, nil},
		"last attempt":  {retry.Policy{}, 3, 4, 7 * time.Second, nil},
		"exhausted":     {retry.Policy{}, math.MaxInt, 4, 7 * time.Second, retry.ErrExhausted},
		"never":         {retry.Policy{MaxRetries: retry.Never}, math.MaxInt, 1, 0, retry.ErrExhausted},
		"one retry":     {retry.Policy{MaxRetries: 1}, math.MaxInt, 2, time.Second, retry.ErrExhausted},
		"unlimited": {
			retry.Policy{MaxRetries: retry.Unlimited}, 7, 8, (1 + 2 + 4 + 8 + 16 + 30 + 30) * time.Second, nil,
		},
		"no delay": {retry.Policy{BaseDelay: retry.NoDelay, MaxRetries: 100}, 100, 101, 0, nil},
		"max elapsed": {
			retry.Policy{MaxElapsed: 4 * time.Second}, math.MaxInt, 3, 3 * time.Second, retry.ErrDeadline,
		},
		"max elapsed exactly": {
			retry.Policy{MaxElapsed: 7 * time.Second}, math.MaxInt, 4, 7 * time.Second, retry.ErrExhausted,
		},
		"the guide's phase set": {
			retry.Policy{BaseDelay: 2 * time.Second}, math.MaxInt, 4, 14 * time.Second, retry.ErrExhausted,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start, f := time.Now(), flaky{failures: c.failures}
				err := retry.Do(t.Context(), "data_load", c.policy, f.op)
				if elapsed := time.Since(start); f.calls != c.calls || elapsed != c.elapsed {
					t.Errorf("%d calls in %v, want %d in %v", f.calls, elapsed, c.calls, c.elapsed)
				}
				if c.reason == nil {
					if err != nil {
						t.Errorf("error %v, want none", err)
					}
					return
				}
				checkError(t, err, retry.Error{
					Operation: "data_load", Attempts: c.calls, Elapsed: c.elapsed, Reason: c.reason, Err: errRefused,
				})
			})
		})
	}
}

// checkError compares everything but the cause.
func checkError(t *testing.T, err error, want retry.Error) {
	t.Helper()
	var got *retry.Error
	if !errors.As(err, &got) {
		t.Fatalf("error %v (%T), want a *retry.Error", err, err)
	}
	if got.Operation != want.Operation || got.Attempts != want.Attempts || got.Elapsed != want.Elapsed ||
		got.Reason != want.Reason || got.Err != want.Err {
		t.Errorf("got  %#v\nwant %#v", *got, want)
	}
	for _, find := range []error{want.Reason, want.Err} {
		if find != nil && !errors.Is(err, find) {
			t.Errorf("errors.Is(%v, %v) is false", err, find)
		}
	}
}

func TestCancelDuringAWaitReturnsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shutdown := errors.New("shutting down")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(2500*time.Millisecond, func() { cancel(shutdown) })
		f := flaky{failures: math.MaxInt}
		err := retry.Do(ctx, "data_load", retry.Policy{}, f.op)
		checkError(t, err, retry.Error{
			Operation: "data_load", Attempts: 2, Elapsed: 2500 * time.Millisecond,
			Reason: retry.ErrCancelled, Err: errRefused,
		})
		for _, find := range []error{shutdown, context.Canceled} {
			if !errors.Is(err, find) {
				t.Errorf("errors.Is(%v, %v) is false", err, find)
			}
		}
		if want := "data_load: cancelled after 2 attempts (shutting down): connection refused"; err.Error() != want {
			t.Errorf("got  %s\nwant %s", err, want)
		}
	})
}

func TestCancelDuringAnAttemptIsNotRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		calls := 0
		err := retry.Do(ctx, "data_load", retry.Policy{}, func(context.Context) error {
			calls++
			cancel()
			return errRefused // does not look like a cancellation
		})
		checkError(t, err, retry.Error{
			Operation: "data_load", Attempts: 1, Reason: retry.ErrCancelled, Err: errRefused,
		})
		if calls != 1 {
			t.Errorf("%d calls, want 1", calls)
		}
	})
}

func TestSuccessAfterCancellationIsSuccess(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := retry.Do(ctx, "data_load", retry.Policy{}, func(context.Context) error { cancel(); return nil })
	if err != nil {
		t.Errorf("error %v, want none", err)
	}
}

func TestDeadContextMeansNoAttempt(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	expired, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	for _, c := range []struct {
		ctx          context.Context
		reason, also error
		message      string
	}{
		{cancelled, retry.ErrCancelled, context.Canceled, "data_load: not started: context canceled"},
		{expired, retry.ErrDeadline, context.DeadlineExceeded, "data_load: not started: context deadline exceeded"},
	} {
		err := retry.Do(c.ctx, "data_load", retry.Policy{}, func(context.Context) error {
			t.Error("the operation was called")
			return nil
		})
		var e *retry.Error
		if !errors.As(err, &e) || e.Attempts != 0 || e.Reason != c.reason || !errors.Is(err, c.also) ||
			err.Error() != c.message {
			t.Errorf("got %#v: %v, want %v after 0 attempts", e, err, c.reason)
		}
	}
}

func TestDeadlineStopsBeforeTheWaitThatWouldPassIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		f := flaky{failures: math.MaxInt}
		err := retry.Do(ctx, "data_load", retry.Policy{}, f.op) // 1s and 2s fit, 4s does not
		checkError(t, err, retry.Error{
			Operation: "data_load", Attempts: 3, Elapsed: 3 * time.Second, Reason: retry.ErrDeadline, Err: errRefused,
		})
		if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			t.Errorf("%v must match context.DeadlineExceeded while the context is still alive (%v)", err, ctx.Err())
		}
		want := "data_load: out of time after 3 attempts (waiting 4s would pass the context's deadline in 2s): " +
			"connection refused"
		if err.Error() != want {
			t.Errorf("got  %s\nwant %s", err, want)
		}
	})
}

func TestAttemptTimeoutIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := retrytest.Record(t, t.Context())
		start, calls := time.Now(), 0
		p := retry.Policy{AttemptTimeout: 300 * time.Millisecond}
		err := retry.Do(ctx, "slow_query", p, func(ctx context.Context) error {
			if calls++; calls == 3 {
				return nil
			}
			<-ctx.Done()
			return fmt.Errorf("reading: %w", ctx.Err())
		})
		if elapsed := time.Since(start); err != nil || elapsed != 3600*time.Millisecond {
			t.Errorf("error %v after %v, want none after 3.6s", err, elapsed)
		}
		want := `slow_query: recovered after 3 attempts
  attempt 1: retrying in 1s: reading: context deadline exceeded
  attempt 2: retrying in 2s: reading: context deadline exceeded
  attempt 3: success
`
		if got := rec.Tree(); got != want {
			t.Errorf("got:\n%swant:\n%s", got, want)
		}
	})
}

func TestWithoutAttemptTimeoutTheContextOutlivesTheAttempt(t *testing.T) {
	var kept context.Context
	err := retry.Do(t.Context(), "open_stream", retry.Policy{}, func(ctx context.Context) error {
		kept = ctx
		return nil
	})
	if err != nil || kept.Err() != nil {
		t.Errorf("error %v, context %v after the attempt, want neither", err, kept.Err())
	}
}

func TestPermanentStopsEveryLoopAround(t *testing.T) {
	missing := errors.New("no such table")
	calls := 0
	err := retry.Do(t.Context(), "outer", retry.Policy{}, func(ctx context.Context) error {
		return retry.Do(ctx, "inner", retry.Policy{}, func(context.Context) error {
			calls++
			return fmt.Errorf("query: %w", retry.Permanent(missing))
		})
	})
	if calls != 1 || !errors.Is(err, retry.ErrPermanent) || !errors.Is(err, missing) {
		t.Errorf("%d calls, error %v, want 1 and a permanent one", calls, err)
	}
	want := "outer: permanent error after 1 attempt: inner: permanent error after 1 attempt: query: no such table"
	if err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
}

func TestValueHandsBackTheLastValueWithTheError(t *testing.T) {
	ctx := retrytest.NoWait(t.Context())
	calls := 0
	got, err := retry.Value(ctx, "page", retry.Policy{MaxRetries: 2}, func(context.Context) (int, error) {
		calls++
		return calls * 10, errRefused
	})
	if got != 30 || !errors.Is(err, retry.ErrExhausted) {
		t.Errorf("got %d, %v, want 30 and exhausted", got, err)
	}
	calls = 0
	text, err := retry.Value(ctx, "page", retry.Policy{}, func(context.Context) (string, error) {
		if calls++; calls < 2 {
			return "half", errRefused
		}
		return "whole", nil
	})
	if text != "whole" || err != nil {
		t.Errorf("got %q, %v, want whole", text, err)
	}
}

func TestAttemptFromContext(t *testing.T) {
	if a, ok := retry.AttemptFromContext(t.Context()); ok {
		t.Errorf("an attempt outside of any: %+v", a)
	}
	synctest.Test(t, func(t *testing.T) {
		var outer, inner []retry.Attempt
		see := func(ctx context.Context, list *[]retry.Attempt) {
			a, ok := retry.AttemptFromContext(ctx)
			if !ok {
				t.Error("no attempt in the operation's context")
			}
			*list = append(*list, a)
		}
		err := retry.Do(t.Context(), "outer", retry.Policy{MaxRetries: retry.Unlimited},
			func(ctx context.Context) error {
				see(ctx, &outer)
				return retry.Do(ctx, "inner", retry.Policy{MaxRetries: 1}, func(ctx context.Context) error {
					see(ctx, &inner)
					if len(inner) < 3 {
						return errRefused
					}
					return nil
				})
			})
		if err != nil {
			t.Fatal(err)
		}
		wantOuter := []retry.Attempt{
			{Operation: "outer", Number: 1, RetriesLeft: -1},
			{Operation: "outer", Number: 2, RetriesLeft: -1, Delay: time.Second},
		}
		wantInner := []retry.Attempt{
			{Operation: "inner", Number: 1, RetriesLeft: 1, Depth: 1},
			{Operation: "inner", Number: 2, RetriesLeft: 0, Depth: 1, Delay: time.Second},
			{Operation: "inner", Number: 1, RetriesLeft: 1, Depth: 1},
		}
		if fmt.Sprint(outer) != fmt.Sprint(wantOuter) || fmt.Sprint(inner) != fmt.Sprint(wantInner) {
			t.Errorf("got  %+v %+v\nwant %+v %+v", outer, inner, wantOuter, wantInner)
		}
	})
}

// Decorrelated jitter builds on the wait before. From the first alone it could never wait longer than 3 × BaseDelay;
// with 50 waits the chance that a right one never does is below 1e-9.
func TestDecorrelatedWaitsBuildOnEachOther(t *testing.T) {
	ctx := retrytest.NoWait(t.Context())
	var longest time.Duration
	p := retry.Policy{
		MaxRetries: 50, MaxDelay: time.Hour, Jitter: retry.DecorrelatedJitter,
		AfterAttempt: func(_ context.Context, a retry.Attempt) { longest = max(longest, a.NextDelay) },
	}
	f := flaky{failures: math.MaxInt}
	if err := retry.Do(ctx, "data_load", p, f.op); !errors.Is(err, retry.ErrExhausted) || longest <= 3*time.Second {
		t.Errorf("error %v, the longest wait was %v, want more than 3s", err, longest)
	}
}

func TestBadArgumentsBeforeTheFirstAttempt(t *testing.T) {
	op := func(context.Context) error { t.Error("the operation was called"); return nil }
	for want, do := range map[string]func() error{
		`retry: name is "", want the operation's name, for example data_load`: func() error {
			return retry.Do(t.Context(), "", retry.Policy{}, op)
		},
		"retry: op is nil, want a function": func() error {
			return retry.Do(t.Context(), "data_load", retry.Policy{}, nil)
		},
		"retry: ctx is nil, want a context": func() error {
			return retry.Do(nil, "data_load", retry.Policy{}, op) //nolint:staticcheck // the point of the test
		},
		"retry: Policy.MaxDelay is -1s, want 0 or more": func() error {
			return retry.Do(t.Context(), "data_load", retry.Policy{MaxDelay: -time.Second}, op)
		},
	} {
		err := do()
		var field *retry.FieldError
		if !errors.As(err, &field) || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	_, err := retry.Value[int](t.Context(), "data_load", retry.Policy{}, nil)
	var field *retry.FieldError
	if !errors.As(err, &field) || field.Field != "op" {
		t.Errorf("Value with a nil op: %v", err)
	}
}

func TestNoWaitCountsTheWaitsAsElapsed(t *testing.T) {
	ctx := retrytest.NoWait(t.Context())
	start, f := time.Now(), flaky{failures: math.MaxInt}
	err := retry.Do(ctx, "data_load",
		retry.Policy{MaxElapsed: time.Hour, MaxRetries: retry.Unlimited, MaxDelay: 10 * time.Minute}, f.op)
	var e *retry.Error
	if !errors.As(err, &e) || e.Reason != retry.ErrDeadline || e.Elapsed < 45*time.Minute || e.Elapsed > time.Hour {
		t.Errorf("got %#v, want the deadline within the hour", e)
	}
	if took := time.Since(start); took > time.Minute {
		t.Errorf("took %v", took)
	}
}

func TestPoliciesAreShared(t *testing.T) {
	p := retry.Policy{MaxRetries: 2, BaseDelay: retry.NoDelay}
	for range 3 { // one call must not use up the next one's retries
		f := flaky{failures: 2}
		if err := retry.Do(t.Context(), "data_load", p, f.op); err != nil || f.calls != 3 {
			t.Errorf("%d calls, error %v", f.calls, err)
		}
	}
}
