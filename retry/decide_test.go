package retry_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/backspan/backspan/retry"
)

func TestDecide(t *testing.T) {
	const s = time.Second
	failure := errors.New("connection refused")
	never := func(error) bool { return false }
	always := func(error) bool { return true }
	stop := func(reason error) retry.Decision { return retry.Decision{Reason: reason} }
	again := func(delay time.Duration) retry.Decision { return retry.Decision{Retry: true, Delay: delay} }

	for name, c := range map[string]struct {
		policy retry.Policy
		ended  retry.Ended
		want   retry.Decision
	}{
		"success":                      {retry.Policy{}, retry.Ended{Attempt: 1}, retry.Decision{}},
		"success after the context":    {retry.Policy{}, retry.Ended{Attempt: 1, Context: context.Canceled}, retry.Decision{}},
		"first failure":                {retry.Policy{}, retry.Ended{Attempt: 1, Err: failure}, again(s)},
		"third failure":                {retry.Policy{}, retry.Ended{Attempt: 3, Err: failure}, again(4 * s)},
		"fourth failure":               {retry.Policy{}, retry.Ended{Attempt: 4, Err: failure}, stop(retry.ErrExhausted)},
		"never":                        {retry.Policy{MaxRetries: retry.Never}, retry.Ended{Attempt: 1, Err: failure}, stop(retry.ErrExhausted)},
		"unlimited":                    {retry.Policy{MaxRetries: retry.Unlimited}, retry.Ended{Attempt: 1e9, Err: failure}, again(30 * s)},
		"permanent":                    {retry.Policy{}, retry.Ended{Attempt: 1, Err: retry.Permanent(failure)}, stop(retry.ErrPermanent)},
		"permanent, wrapped":           {retry.Policy{}, retry.Ended{Attempt: 1, Err: fmt.Errorf("a: %w", retry.Permanent(failure))}, stop(retry.ErrPermanent)},
		"permanent, joined":            {retry.Policy{}, retry.Ended{Attempt: 1, Err: errors.Join(failure, retry.Permanent(failure))}, stop(retry.ErrPermanent)},
		"permanent beats Retryable":    {retry.Policy{Retryable: always}, retry.Ended{Attempt: 1, Err: retry.Permanent(failure)}, stop(retry.ErrPermanent)},
		"not retryable":                {retry.Policy{Retryable: never}, retry.Ended{Attempt: 1, Err: failure}, stop(retry.ErrPermanent)},
		"cancelled":                    {retry.Policy{}, retry.Ended{Attempt: 1, Err: failure, Context: context.Canceled}, stop(retry.ErrCancelled)},
		"cancelled beats Retryable":    {retry.Policy{Retryable: never}, retry.Ended{Attempt: 1, Err: failure, Context: context.Canceled}, stop(retry.ErrCancelled)},
		"context deadline":             {retry.Policy{}, retry.Ended{Attempt: 1, Err: failure, Context: context.DeadlineExceeded}, stop(retry.ErrDeadline)},
		"looks cancelled, is alive":    {retry.Policy{}, retry.Ended{Attempt: 1, Err: context.Canceled}, again(s)},
		"attempt timeout":              {retry.Policy{}, retry.Ended{Attempt: 1, Err: context.DeadlineExceeded}, again(s)},
		"deadline far":                 {retry.Policy{}, retry.Ended{Attempt: 1, Err: failure, HasDeadline: true, Remaining: s + 1}, again(s)},
		"deadline at the wait's end":   {retry.Policy{}, retry.Ended{Attempt: 1, Err: failure, HasDeadline: true, Remaining: s}, stop(retry.ErrDeadline)},
		"deadline with no delay":       {retry.Policy{BaseDelay: retry.NoDelay}, retry.Ended{Attempt: 1, Err: failure, HasDeadline: true, Remaining: 1}, again(0)},
		"max elapsed just reached":     {retry.Policy{MaxElapsed: 3 * s}, retry.Ended{Attempt: 1, Err: failure, Elapsed: 2 * s}, again(s)},
		"max elapsed passed":           {retry.Policy{MaxElapsed: 3 * s}, retry.Ended{Attempt: 1, Err: failure, Elapsed: 2*s + 1}, stop(retry.ErrDeadline)},
		"server asked":                 {retry.Policy{}, retry.Ended{Attempt: 1, Err: retry.After(7*s, failure)}, again(7 * s)},
		"server asked, wrapped":        {retry.Policy{}, retry.Ended{Attempt: 1, Err: fmt.Errorf("a: %w", retry.After(7*s, failure))}, again(7 * s)},
		"server asked too much":        {retry.Policy{}, retry.Ended{Attempt: 1, Err: retry.After(time.Hour, failure)}, again(30 * s)},
		"server asked, own cap":        {retry.Policy{MaxAfter: time.Minute}, retry.Ended{Attempt: 1, Err: retry.After(time.Hour, failure)}, again(time.Minute)},
		"server asked for now":         {retry.Policy{}, retry.Ended{Attempt: 1, Err: retry.After(0, failure)}, again(0)},
		"server asked for the past":    {retry.Policy{}, retry.Ended{Attempt: 1, Err: retry.After(-s, failure)}, again(0)},
		"server asked past deadline":   {retry.Policy{}, retry.Ended{Attempt: 1, Err: retry.After(7*s, failure), HasDeadline: true, Remaining: 5 * s}, stop(retry.ErrDeadline)},
		"server asked, not jittered":   {retry.Policy{Jitter: retry.FullJitter}, retry.Ended{Attempt: 1, Err: retry.After(7*s, failure)}, again(7 * s)},
		"full jitter":                  {retry.Policy{Jitter: retry.FullJitter}, retry.Ended{Attempt: 2, Err: failure, Random: 0.5}, again(s)},
		"decorrelated jitter":          {retry.Policy{Jitter: retry.DecorrelatedJitter}, retry.Ended{Attempt: 2, Err: failure, Previous: 2 * s, Random: 0.5}, again(3*s + s/2)},
		"exhausted before the hint":    {retry.Policy{MaxRetries: 1}, retry.Ended{Attempt: 2, Err: retry.After(s, failure)}, stop(retry.ErrExhausted)},
		"exhausted before deadline":    {retry.Policy{MaxRetries: 1}, retry.Ended{Attempt: 2, Err: failure, HasDeadline: true}, stop(retry.ErrExhausted)},
		"an inner loop's cancellation": {retry.Policy{}, retry.Ended{Attempt: 1, Err: &retry.Error{Reason: retry.ErrCancelled}}, again(s)},
		"an inner permanent stop":      {retry.Policy{}, retry.Ended{Attempt: 1, Err: &retry.Error{Reason: retry.ErrPermanent}}, stop(retry.ErrPermanent)},
	} {
		if got := c.policy.Decide(c.ended); got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
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
		want := retry.Decision{Retry: true, Delay: time.Second}
		if got := (retry.Policy{}).Decide(retry.Ended{Attempt: 1, Err: err}); got != want {
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
