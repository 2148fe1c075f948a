package retry_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"testing"
	"time"

	"github.com/backspan/backspan/internal/decide"
	"github.com/backspan/backspan/retry"
)

func TestDecide(t *testing.T) {
	const s = time.Second
	failure := errors.New("connection refused")
	never := func(error) bool { return false }
	always := func(error) bool { return true }
	stop := func(reason error, cause string) string { return fmt.Sprintf("stop: %v (%s)", reason, cause) }
	again := func(delay time.Duration) string { return fmt.Sprintf("again after %v", delay) }
	decided := func(d decide.Decision) string {
		switch {
		case d.Retry:
			return again(d.Delay)
		case d.Reason == nil:
			return "done"
		case d.Cause == nil:
			return stop(d.Reason, "")
		}
		return stop(d.Reason, d.Cause.Error())
	}
	after := func(d time.Duration) error { return retry.After(d, failure) }
	shutdown := errors.New("shutting down")

	for name, c := range map[string]struct {
		policy retry.Policy
		ended  decide.Ended
		want   string
	}{
		"success":                   {retry.Policy{}, decide.Ended{Attempt: 1}, "done"},
		"success after the context": {retry.Policy{}, decide.Ended{Attempt: 1, Context: context.Canceled}, "done"},
		"first failure":             {retry.Policy{}, decide.Ended{Attempt: 1, Err: failure}, again(s)},
		"third failure":             {retry.Policy{}, decide.Ended{Attempt: 3, Err: failure}, again(4 * s)},
		"fourth failure": {
			retry.Policy{}, decide.Ended{Attempt: 4, Err: failure}, stop(retry.ErrExhausted, ""),
		},
		"never": {
			retry.Policy{MaxRetries: retry.Never}, decide.Ended{Attempt: 1, Err: failure}, stop(retry.ErrExhausted, ""),
		},
		"unlimited": {
			retry.Policy{MaxRetries: retry.Unlimited}, decide.Ended{Attempt: 1e9, Err: failure}, again(30 * s),
		},
		"permanent": {
			retry.Policy{}, decide.Ended{Attempt: 1, Err: retry.Permanent(failure)}, stop(retry.ErrPermanent, ""),
		},
		"permanent, wrapped": {
			retry.Policy{},
			decide.Ended{Attempt: 1, Err: fmt.Errorf("a: %w", retry.Permanent(failure))},
			stop(retry.ErrPermanent, ""),
		},
		"permanent, joined": {
			retry.Policy{},
			decide.Ended{Attempt: 1, Err: errors.Join(failure, retry.Permanent(failure))},
			stop(retry.ErrPermanent, ""),
		},
		"permanent beats Retryable": {
			retry.Policy{Retryable: always},
			decide.Ended{Attempt: 1, Err: retry.Permanent(failure)},
			stop(retry.ErrPermanent, ""),
		},
		"not retryable": {
			retry.Policy{Retryable: never}, decide.Ended{Attempt: 1, Err: failure}, stop(retry.ErrNotRetryable, ""),
		},
		"cancelled": {
			retry.Policy{},
			decide.Ended{Attempt: 1, Err: failure, Context: context.Canceled},
			stop(retry.ErrCancelled, ""),
		},
		"cancelled beats Retryable": {
			retry.Policy{Retryable: never},
			decide.Ended{Attempt: 1, Err: failure, Context: context.Canceled},
			stop(retry.ErrCancelled, ""),
		},
		"context deadline": {
			retry.Policy{},
			decide.Ended{Attempt: 1, Err: failure, Context: context.DeadlineExceeded, Cause: shutdown},
			stop(retry.ErrDeadline, "shutting down"),
		},
		"looks cancelled, is alive": {retry.Policy{}, decide.Ended{Attempt: 1, Err: context.Canceled}, again(s)},
		"attempt timeout": {
			retry.Policy{}, decide.Ended{Attempt: 1, Err: context.DeadlineExceeded}, again(s),
		},
		"deadline far": {
			retry.Policy{}, decide.Ended{Attempt: 1, Err: failure, HasDeadline: true, Remaining: s + 1}, again(s),
		},
		"deadline at the wait's end": {
			retry.Policy{},
			decide.Ended{Attempt: 1, Err: failure, HasDeadline: true, Remaining: s},
			stop(retry.ErrDeadline, "waiting 1s would pass the context's deadline in 1s"),
		},
		"deadline with no delay": {
			retry.Policy{BaseDelay: retry.NoDelay},
			decide.Ended{Attempt: 1, Err: failure, HasDeadline: true, Remaining: 1},
			again(0),
		},
		"max elapsed just reached": {
			retry.Policy{MaxElapsed: 3 * s}, decide.Ended{Attempt: 1, Err: failure, Elapsed: 2 * s}, again(s),
		},
		"max elapsed passed": {
			retry.Policy{MaxElapsed: 3 * s},
			decide.Ended{Attempt: 1, Err: failure, Elapsed: 2*s + 1},
			stop(retry.ErrDeadline, "waiting 1s would pass MaxElapsed 3s"),
		},
		"server asked": {retry.Policy{}, decide.Ended{Attempt: 1, Err: after(7 * s)}, again(7 * s)},
		"server asked, wrapped": {
			retry.Policy{}, decide.Ended{Attempt: 1, Err: fmt.Errorf("a: %w", after(7*s))}, again(7 * s),
		},
		"server asked for less": {retry.Policy{}, decide.Ended{Attempt: 3, Err: after(s)}, again(4 * s)},
		"server asked beyond MaxDelay": {
			retry.Policy{}, decide.Ended{Attempt: 1, Err: after(2 * time.Minute)}, again(2 * time.Minute),
		},
		"server asked too much": {
			retry.Policy{},
			decide.Ended{Attempt: 1, Err: after(time.Hour)},
			stop(retry.ErrRetryLater, "waiting 1h would pass MaxAfter 2m"),
		},
		"server asked, own cap": {
			retry.Policy{MaxAfter: s},
			decide.Ended{Attempt: 1, Err: after(s + 1)},
			stop(retry.ErrRetryLater, "waiting 1s would pass MaxAfter 1s"),
		},
		"asked too much, waits longer": {
			retry.Policy{MaxAfter: s}, decide.Ended{Attempt: 3, Err: after(4 * s)}, again(4 * s),
		},
		"MaxAfter follows MaxDelay": {
			retry.Policy{MaxDelay: time.Hour}, decide.Ended{Attempt: 1, Err: after(time.Hour)}, again(time.Hour),
		},
		"server asked for now":      {retry.Policy{}, decide.Ended{Attempt: 1, Err: after(0)}, again(s)},
		"server asked for the past": {retry.Policy{}, decide.Ended{Attempt: 1, Err: after(-s)}, again(s)},
		"the longest of several": {
			retry.Policy{}, decide.Ended{
				Attempt: 1, Err: errors.Join(after(2*s), after(20*s), after(3*s)),
			}, again(20 * s),
		},
		"an inner loop was asked": {
			retry.Policy{}, decide.Ended{
				Attempt: 1, Err: &retry.Error{Reason: retry.ErrExhausted, Err: after(9 * s)},
			}, again(9 * s),
		},
		"asked, without delay": {
			retry.Policy{BaseDelay: retry.NoDelay}, decide.Ended{Attempt: 1, Err: after(7 * s)}, again(7 * s),
		},
		"server asked past deadline": {
			retry.Policy{},
			decide.Ended{Attempt: 1, Err: after(7 * s), HasDeadline: true, Remaining: 5 * s},
			stop(retry.ErrDeadline, "waiting 7s would pass the context's deadline in 5s"),
		},
		"server asked, jittered": {
			retry.Policy{Jitter: retry.FullJitter},
			decide.Ended{Attempt: 2, Err: after(7 * s), Random: 0.5},
			again(8 * s),
		},
		"asked for all time, jittered": {
			retry.Policy{Jitter: retry.EqualJitter, MaxAfter: math.MaxInt64},
			decide.Ended{Attempt: 1, Err: after(math.MaxInt64)},
			again(math.MaxInt64),
		},
		"full jitter": {
			retry.Policy{Jitter: retry.FullJitter}, decide.Ended{Attempt: 2, Err: failure, Random: 0.5}, again(s),
		},
		"decorrelated jitter": {
			retry.Policy{Jitter: retry.DecorrelatedJitter},
			decide.Ended{Attempt: 2, Err: failure, Previous: 2 * s, Random: 0.5},
			again(3*s + s/2),
		},
		"asked, but the context ended": {
			retry.Policy{},
			decide.Ended{Attempt: 1, Err: after(7 * s), Context: context.Canceled, Cause: shutdown},
			stop(retry.ErrCancelled, "shutting down"),
		},
		"exhausted before the hint": {
			retry.Policy{MaxRetries: 1},
			decide.Ended{Attempt: 2, Err: retry.After(s, failure)},
			stop(retry.ErrExhausted, ""),
		},
		"exhausted before deadline": {
			retry.Policy{MaxRetries: 1},
			decide.Ended{Attempt: 2, Err: failure, HasDeadline: true},
			stop(retry.ErrExhausted, ""),
		},
		"an inner loop's cancellation": {
			retry.Policy{}, decide.Ended{Attempt: 1, Err: &retry.Error{Reason: retry.ErrCancelled}}, again(s),
		},
		"an inner loop's Retryable": {
			retry.Policy{}, decide.Ended{
				Attempt: 1, Err: &retry.Error{Reason: retry.ErrNotRetryable, Err: failure},
			}, again(s),
		},
		"an inner loop told to wait": {
			retry.Policy{}, decide.Ended{
				Attempt: 1, Err: &retry.Error{Reason: retry.ErrRetryLater, Err: after(time.Hour)},
			}, stop(retry.ErrRetryLater, "waiting 1h would pass MaxAfter 2m"),
		},
		"an inner permanent stop": {
			retry.Policy{},
			decide.Ended{Attempt: 1, Err: &retry.Error{Reason: retry.ErrPermanent}},
			stop(retry.ErrPermanent, ""),
		},
	} {
		if got := decided(decide.For(c.policy, c.ended)); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestWhatTheServerAskedForIsKnownWhateverIsDecided(t *testing.T) {
	err := retry.After(5*time.Second, errors.New("503"))
	for name, p := range map[string]retry.Policy{
		"retry": {}, "exhausted": {MaxRetries: retry.Never}, "too late": {MaxElapsed: 1}, "later": {MaxAfter: 1},
	} {
		if got := decide.For(p, decide.Ended{Attempt: 1, Err: err}).Asked; got != 5*time.Second {
			t.Errorf("%s: asked %v, want 5s", name, got)
		}
	}
}

// A nil pointer in an interface is an error that is not nil, and panics when errors.Is unwraps it.
func TestDecideSurvivesNilPointers(t *testing.T) {
	for name, err := range map[string]error{
		"retry.Error": (*retry.Error)(nil),
		"url.Error":   (*url.Error)(nil),
		"wrapped":     fmt.Errorf("get: %w", (*url.Error)(nil)),
	} {
		want := decide.Decision{Retry: true, Delay: time.Second}
		if got := decide.For(retry.Policy{}, decide.Ended{Attempt: 1, Err: err}); got != want {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
	if text := (*retry.Error)(nil).Error(); text != "a nil *retry.Error" {
		t.Errorf("%q", text)
	}
}

func TestMarksKeepTheError(t *testing.T) {
	failure := errors.New("connection refused")
	for name, marked := range map[string]error{
		"Permanent": retry.Permanent(failure),
		"After":     retry.After(time.Second, failure),
		"both":      retry.After(time.Second, retry.Permanent(failure)),
	} {
		if !errors.Is(marked, failure) || marked.Error() != failure.Error() {
			t.Errorf("%s: %v does not read as, or is not, the error it marks", name, marked)
		}
	}
	if retry.Permanent(nil) != nil || retry.After(time.Second, nil) != nil {
		t.Error("a mark turned nil into an error")
	}
	if errors.Is(failure, retry.ErrPermanent) || !errors.Is(retry.Permanent(failure), retry.ErrPermanent) {
		t.Error("errors.Is does not find the mark, or finds one that is not there")
	}
}
