package retry_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrytest"
)

var errUnavailable = errors.New("503 Service Unavailable")

// then returns an operation that fails with each of the errors, and with the last one for ever.
func then(list ...error) func(context.Context) error {
	return func(ctx context.Context) error {
		a, _ := retry.AttemptFromContext(ctx)
		return list[min(a.Number, len(list))-1]
	}
}

// A text says which loop stopped, which limit was reached, what did not fit, and both ends of the story.
func TestWhatAStopSays(t *testing.T) {
	busy := errors.New("the caller has left")
	for name, c := range map[string]struct {
		policy retry.Policy
		ctx    func(context.Context) (context.Context, context.CancelFunc)
		op     func(context.Context) error
		reason error
		want   string
	}{
		"the same all the time": {
			retry.Policy{},
			nil, then(errRefused), retry.ErrExhausted,
			"data_load: gave up after 4 attempts: connection refused",
		},
		"another at first": {
			retry.Policy{},
			nil, then(errRefused, errUnavailable), retry.ErrExhausted,
			"data_load: gave up after 4 attempts: 503 Service Unavailable (first: connection refused)",
		},
		"permanent in the end": {
			retry.Policy{},
			nil, then(errRefused, retry.Permanent(errUnavailable)), retry.ErrPermanent,
			"data_load: permanent error after 2 attempts: 503 Service Unavailable (first: connection refused)",
		},
		"not retryable": {
			retry.Policy{Retryable: func(error) bool { return false }},
			nil, then(errRefused), retry.ErrNotRetryable,
			"data_load: not retryable after 1 attempt: connection refused",
		},
		"told to retry later": {
			retry.Policy{MaxAfter: time.Minute},
			nil, then(retry.After(time.Hour+time.Second/3, errUnavailable)), retry.ErrRetryLater,
			"data_load: told to retry later after 1 attempt (waiting 1h would pass MaxAfter 1m): 503 Service Unavailable",
		},
		"MaxElapsed": {
			retry.Policy{BaseDelay: 30 * time.Minute, MaxDelay: time.Hour, MaxElapsed: 15 * time.Minute},
			nil, then(errRefused), retry.ErrDeadline,
			"data_load: out of time after 1 attempt (waiting 30m would pass MaxElapsed 15m): connection refused",
		},
		"the context's deadline, ahead": {
			retry.Policy{BaseDelay: 5 * time.Second},
			func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, 1500*time.Millisecond)
			},
			then(errRefused), retry.ErrDeadline,
			"data_load: out of time after 1 attempt (waiting 5s would pass the context's deadline in 1.5s): connection refused",
		},
		"the context's deadline, passed": {
			retry.Policy{},
			func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, time.Second)
			},
			func(ctx context.Context) error { <-ctx.Done(); return errRefused }, retry.ErrDeadline,
			"data_load: out of time after 1 attempt (context deadline exceeded): connection refused",
		},
		"the context's deadline, passed, with a cause": {
			retry.Policy{},
			func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeoutCause(ctx, time.Second, busy)
			},
			func(ctx context.Context) error { <-ctx.Done(); return errRefused }, retry.ErrDeadline,
			"data_load: out of time after 1 attempt (the caller has left): connection refused",
		},
		"cancelled, under an attempt timeout": {
			retry.Policy{AttemptTimeout: time.Hour},
			func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancelCause(ctx)
				time.AfterFunc(time.Second, func() { cancel(busy) })
				return ctx, func() { cancel(nil) }
			},
			func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }, retry.ErrCancelled,
			"data_load: cancelled after 1 attempt (the caller has left): the caller has left",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if c.ctx != nil {
					var cancel context.CancelFunc
					ctx, cancel = c.ctx(ctx)
					defer cancel()
				}
				err := retry.Do(ctx, "data_load", c.policy, c.op)
				e, ok := errors.AsType[*retry.Error](err)
				if !ok || e.Reason != c.reason || err.Error() != c.want {
					t.Errorf("got  %v\nwant %s", err, c.want)
				}
				if deadline := errors.Is(err, context.DeadlineExceeded); deadline != (c.reason == retry.ErrDeadline) {
					t.Errorf("%v matches context.DeadlineExceeded: %v", err, deadline)
				}
			})
		})
	}
}

func TestTheFirstFailureIsKeptApart(t *testing.T) {
	ctx := retrytest.NoWait(t.Context())
	err := retry.Do(ctx, "data_load", retry.Policy{}, then(errRefused, retry.After(3*time.Second, errUnavailable)))
	e, ok := errors.AsType[*retry.Error](err)
	if !ok || e.First.Error() != errRefused.Error() || errors.Is(err, errRefused) {
		t.Errorf("First is %v, and errors.Is finds it: %v", e.First, errors.Is(err, errRefused))
	}
	if e.After != 3*time.Second {
		t.Errorf("After is %v, want 3s", e.After)
	}
}

// Of nested loops, the outermost one's Reason is the answer; errors.Is finds those of all.
func TestTheOutermostLoopSaysWhyItStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(retrytest.NoWait(t.Context()))
	err := retry.Do(ctx, "outer", retry.Policy{}, func(ctx context.Context) error {
		defer cancel()
		return retry.Do(ctx, "inner", retry.Policy{}, then(errRefused))
	})
	e, ok := errors.AsType[*retry.Error](err)
	if !ok || e.Operation != "outer" || e.Reason != retry.ErrCancelled {
		t.Errorf("%v: reason %v of %s, want outer's", err, e.Reason, e.Operation)
	}
	if !errors.Is(err, retry.ErrCancelled) || !errors.Is(err, retry.ErrExhausted) {
		t.Errorf("%v does not match both reasons", err)
	}
}

// Retryable is this loop's rule. Only Permanent is everybody's.
func TestRetryableStopsOnlyItsOwnLoop(t *testing.T) {
	calls := 0
	never := retry.Policy{Retryable: func(error) bool { return false }}
	err := retry.Do(retrytest.NoWait(t.Context()), "outer", retry.Policy{MaxRetries: 2},
		func(ctx context.Context) error {
			return retry.Do(ctx, "inner", never, func(context.Context) error { calls++; return errRefused })
		})
	e, ok := errors.AsType[*retry.Error](err)
	if !ok || e.Reason != retry.ErrExhausted || calls != 3 {
		t.Errorf("%d calls, error %v, want 3 and the outer loop exhausted", calls, err)
	}
	if errors.Is(err, retry.ErrPermanent) || !errors.Is(err, retry.ErrNotRetryable) {
		t.Errorf("%v: permanent %v, not retryable %v", err, errors.Is(err, retry.ErrPermanent),
			errors.Is(err, retry.ErrNotRetryable))
	}
}

func TestAServerCannotMakeALoopSpin(t *testing.T) {
	for _, asked := range []time.Duration{0, -time.Second, math.MinInt64} {
		synctest.Test(t, func(t *testing.T) {
			start, f := time.Now(), flaky{failures: math.MaxInt, err: retry.After(asked, errUnavailable)}
			_ = retry.Do(t.Context(), "data_load", retry.Policy{}, f.op)
			if took := time.Since(start); f.calls != 4 || took != 7*time.Second {
				t.Errorf("After(%v): %d calls in %v, want 4 in 7s", asked, f.calls, took)
			}
		})
	}
}

// The first failure of all is said once, by the outermost loop, however many are within each other.
func TestNestedLoopsSayTheFirstFailureOnce(t *testing.T) {
	once := retry.Policy{MaxRetries: 1}
	long := errors.New("503 " + strings.Repeat("<p>sorry</p> ", 500))
	plain := func(err error) error { return err }
	for name, c := range map[string]struct {
		wrap          func(error) error // of what the inner loop returns
		first, second []error           // of the inner loop's attempts, in the outer one's first and second attempt
		want          string
	}{
		"the first of the first": {
			plain,
			[]error{errRefused, errUnavailable},
			[]error{errUnavailable, errUnavailable},
			"gave up after 2 attempts: inner: gave up after 2 attempts: 503 Service Unavailable (first: connection refused)",
		},
		"two loops with a first": {
			plain,
			[]error{errRefused, errUnavailable},
			[]error{errBroken, errUnavailable},
			"gave up after 2 attempts: inner: gave up after 2 attempts: 503 Service Unavailable (first: connection refused)",
		},
		"the first is the last": {
			plain,
			[]error{errRefused, errUnavailable},
			[]error{errUnavailable, errRefused},
			"gave up after 2 attempts: inner: gave up after 2 attempts: connection refused",
		},
		"marked": {
			retry.Permanent,
			[]error{errRefused, errUnavailable},
			nil,
			"permanent error after 1 attempt: inner: gave up after 2 attempts: 503 Service Unavailable (first: connection refused)",
		},
		"with words around": {
			func(err error) error { return fmt.Errorf("loading: %w", err) },
			[]error{errRefused, errUnavailable},
			[]error{errRefused, errUnavailable},
			"gave up after 2 attempts: loading: inner: gave up after 2 attempts: 503 Service Unavailable (first: connection refused)",
		},
		"with words around, and another first": {
			func(err error) error { return fmt.Errorf("loading: %w", err) },
			[]error{errRefused, errUnavailable},
			[]error{errBroken, errUnavailable},
			"gave up after 2 attempts: loading: inner: gave up after 2 attempts: 503 Service Unavailable (first: broken pipe) " +
				"(first: connection refused)",
		},
		"too long": {
			plain,
			[]error{errRefused, long},
			[]error{long, long},
			"gave up after 2 attempts: inner: gave up after 2 attempts: 503 <p>sorry</p> <p> … (6563 bytes) (first: connection refused)",
		},
	} {
		ctx, rec := retrytest.Record(t, retrytest.NoWait(t.Context()))
		err := retry.Do(ctx, "outer", once, func(ctx context.Context) error {
			a, _ := retry.AttemptFromContext(ctx)
			return c.wrap(retry.Do(ctx, "inner", once, then([][]error{c.first, c.second}[a.Number-1]...)))
		})
		spans := rec.Spans()
		got := spans[len(spans)-1].Status().Description
		if name != "too long" {
			if want := "outer: " + c.want; err.Error() != want {
				t.Errorf("%s: the error\ngot  %s\nwant %s", name, err, want)
			}
		} else {
			if len(got) > 1024 || len(got) < 900 {
				t.Errorf("%s: %d bytes on the span, want up to 1024", name, len(got))
			}
			got = strings.Replace(got, strings.Repeat(" <p>sorry</p>", strings.Count(got, " <p>")-2), "", 1)
		}
		if got != c.want {
			t.Errorf("%s: the span\ngot  %s\nwant %s", name, got, c.want)
		}
	}
}

var errBroken = errors.New("broken pipe")
