package retry_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backspan/backspan/retry"
)

// state is what a context and one derived from it say.
type state struct{ own, cause, derived, derivedCause error }

func stateOf(ctx, derived context.Context) state {
	return state{ctx.Err(), context.Cause(ctx), derived.Err(), context.Cause(derived)}
}

func alike(err error) state { return state{err, err, err, err} }

// kept returns the contexts of all attempts, each with one derived from it, of an operation that fails n times.
func kept(ctx context.Context, n int, p retry.Policy) (own, derived []context.Context, err error) {
	err = retry.Do(ctx, "data_load", p, func(ctx context.Context) error {
		below, cancel := context.WithCancel(ctx)
		context.AfterFunc(below, cancel)
		own, derived = append(own, ctx), append(derived, below)
		if len(own) <= n {
			return errRefused
		}
		return nil
	})
	return own, derived, err
}

func TestTheContextOfTheLastAttemptOutlivesIt(t *testing.T) {
	errShutdown := errors.New("shutting down")
	end := map[string]func(context.Context) (context.Context, func(), state){
		"cancelled": func(ctx context.Context) (context.Context, func(), state) {
			ctx, cancel := context.WithCancel(ctx)
			return ctx, cancel, alike(context.Canceled)
		},
		"cancelled with a cause": func(ctx context.Context) (context.Context, func(), state) {
			ctx, cancel := context.WithCancelCause(ctx)
			return ctx, func() { cancel(errShutdown) },
				state{context.Canceled, errShutdown, context.Canceled, errShutdown}
		},
		"out of time": func(ctx context.Context) (context.Context, func(), state) {
			ctx, cancel := context.WithTimeout(ctx, 24*time.Hour)
			return ctx, func() { time.Sleep(24 * time.Hour); cancel() }, alike(context.DeadlineExceeded)
		},
		"out of time with a cause": func(ctx context.Context) (context.Context, func(), state) {
			ctx, cancel := context.WithTimeoutCause(ctx, 24*time.Hour, errShutdown)
			return ctx, func() { time.Sleep(24 * time.Hour); cancel() },
				state{context.DeadlineExceeded, errShutdown, context.DeadlineExceeded, errShutdown}
		},
	}
	for name, end := range end {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, failures := range []int{0, 1, 9} { // success, recovered, exhausted
					ctx, leave, want := end(t.Context())
					own, derived, _ := kept(ctx, failures, retry.Policy{MaxRetries: 2, AttemptTimeout: time.Minute})
					time.Sleep(time.Hour) // the timeout passes
					synctest.Wait()
					last := len(own) - 1
					for i := range own {
						wantNow := state{}
						if i < last {
							wantNow = alike(context.Canceled)
						}
						if got := stateOf(own[i], derived[i]); got != wantNow {
							t.Errorf("%d failures, attempt %d: %v, want %v", failures, i+1, got, wantNow)
						}
					}
					leave()
					synctest.Wait()
					if got := stateOf(own[last], derived[last]); got != want {
						t.Errorf("%d failures: after the end of Do's context %v, want %v", failures, got, want)
					}
				}
			})
		})
	}
}

func TestAnAttemptThatTimesOutSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []state
		err := retry.Do(t.Context(), "data_load", retry.Policy{MaxRetries: 1, AttemptTimeout: time.Second},
			func(ctx context.Context) error {
				below, cancel := context.WithCancel(ctx)
				defer cancel()
				<-below.Done()
				got = append(got, stateOf(ctx, below))
				return below.Err()
			})
		if want := []state{alike(context.DeadlineExceeded), alike(context.DeadlineExceeded)}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		if e, ok := errors.AsType[*retry.Error](err); !ok || e.Reason != retry.ErrExhausted ||
			e.Elapsed != 3*time.Second {
			t.Errorf("error %v", err)
		}
	})
}

func TestTheDeadlineOfAnAttemptIsTheEarlierOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		var got []time.Duration
		_ = retry.Do(ctx, "data_load", retry.Policy{AttemptTimeout: time.Minute}, func(ctx context.Context) error {
			deadline, _ := ctx.Deadline()
			got = append(got, time.Until(deadline))
			time.Sleep(50 * time.Second)
			return errRefused
		})
		if want := []time.Duration{60 * time.Second, 39 * time.Second}; !slices.Equal(got, want) {
			t.Errorf("deadlines in %v, want %v", got, want)
		}
	})
}

// A context derived with a longer timeout has no timer of its own, because the attempt's deadline is the earlier one.
// So that deadline holds also after the attempt: without it, the derived context would never end.
func TestADeadlineThatWasReadIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var own, derived context.Context
		err := retry.Do(t.Context(), "data_load", retry.Policy{AttemptTimeout: time.Minute},
			func(ctx context.Context) error {
				own = ctx
				below, cancel := context.WithTimeout(ctx, time.Hour)
				context.AfterFunc(below, cancel)
				derived = below
				return nil
			})
		if err != nil || derived.Err() != nil {
			t.Fatalf("after a success: error %v, the derived context %v, want neither", err, derived.Err())
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if want := alike(context.DeadlineExceeded); stateOf(own, derived) != want {
			t.Errorf("after both timeouts: %v, want %v", stateOf(own, derived), want)
		}
	})
}

// When the attempt's deadline is no longer in force, a timeout set from then on counts by itself.
func TestADeadlineThatNobodyReadIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own, _, _ := kept(t.Context(), 0, retry.Policy{AttemptTimeout: time.Minute})
		time.Sleep(time.Hour)
		below, cancel := context.WithTimeout(own[0], time.Second)
		defer cancel()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if _, ok := own[0].Deadline(); ok || below.Err() == nil {
			t.Errorf("deadline %v, the context with a timeout of its own: %v, want no deadline and an end",
				ok, below.Err())
		}
	})
}

// An operation that leaves by a panic leaves no timer behind, and its context ends with Do's.
func TestAfterAPanicTheTimeoutIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var own context.Context
		func() {
			defer func() { _ = recover() }()
			_ = retry.Do(ctx, "data_load", retry.Policy{AttemptTimeout: time.Second}, func(ctx context.Context) error {
				own = ctx
				panic("out of paper")
			})
		}()
		time.Sleep(time.Minute)
		if own.Err() != nil {
			t.Errorf("the timeout still held: %v", own.Err())
		}
		cancel()
		synctest.Wait()
		if own.Err() != context.Canceled {
			t.Errorf("error %v, want %v", own.Err(), context.Canceled)
		}
	})
}
