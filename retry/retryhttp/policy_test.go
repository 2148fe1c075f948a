package retryhttp_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retryhttp"
	"github.com/backspan/backspan/retry/retrytest"
)

// The zero Transport makes 2 retries, with waits spread over 100 ms and 200 ms, or 1 s and 2 s for a server that is
// overloaded.
func TestDefaultPolicy(t *testing.T) {
	for status, base := range map[int]time.Duration{500: 100 * time.Millisecond, 503: time.Second} {
		synctest.Test(t, func(t *testing.T) {
			var shortest, longest [2]time.Duration
			for range 200 { // that none is in the first or the last tenth has a chance of 1 in 10⁹
				var sent []time.Time
				transport := &retryhttp.Transport{Base: roundTripper(func(*http.Request) (*http.Response, error) {
					sent = append(sent, time.Now())
					return &http.Response{StatusCode: status, Body: http.NoBody}, nil
				})}
				if got, _, err := get(t, transport, "http://127.0.0.1"); got != status || err != nil || len(sent) != 3 {
					t.Fatalf("%d, %v after %d attempts, want 3", got, err, len(sent))
				}
				for i := range longest {
					wait := sent[i+1].Sub(sent[i])
					longest[i] = max(longest[i], wait)
					if shortest[i] == 0 || wait < shortest[i] {
						shortest[i] = wait
					}
				}
			}
			for i, got := range longest {
				if limit := base << i; got > limit || got < limit*9/10 || shortest[i] > limit/10 {
					t.Errorf("%d: waits before retry %d are %v to %v, want all up to %v",
						status, i+1, shortest[i], got, limit)
				}
			}
		})
	}
}

// A Policy's own Retryable is asked too, with the error that the attempt's span has. It can refuse, and no more.
func TestThePolicysOwnRetryable(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		for name, c := range map[string]struct {
			script, method string
			answer         bool
			sent           int
			outcome        string
		}{
			"it refuses":               {"503, 200", "GET", false, 1, "not_retryable"},
			"it agrees":                {"503, 200", "GET", true, 2, "recovered"},
			"it cannot allow a POST":   {"503, 200", "POST", true, 1, "not_retryable"},
			"it is not asked of a 404": {"404, 200", "GET", true, 1, "success"},
		} {
			t.Run(name, func(t *testing.T) {
				server := p.play(t, c.script)
				ctx, recorder := retrytest.Record(t, t.Context())
				policy := atOnce(1)
				policy.Retryable = func(err error) bool {
					if typed, ok := errors.AsType[interface {
						error
						ErrorType() string
					}](err); !ok || typed.ErrorType() != "503" {
						t.Errorf("it was asked of %v", err)
					}
					return c.answer
				}
				transport := server.below(&retryhttp.Transport{Policy: policy, Name: post})
				if _, _, err := do(t, transport, request(t, ctx, c.method, server.url, nil)); err != nil {
					t.Error(err)
				}
				server.ExpectRequests(t, c.sent)
				if got := recorder.Outcomes("post"); len(got) != 1 || got[0] != c.outcome {
					t.Errorf("outcomes %q, want %q", got, c.outcome)
				}
			})
		}
	})
}

// The Policy's own AfterAttempt is called after each attempt, once its response was dropped.
func TestThePolicysOwnAfterAttempt(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		server := p.play(t, "503 x2, 200")
		var numbers []int
		policy := atOnce(2)
		policy.AfterAttempt = func(_ context.Context, a retry.Attempt) { numbers = append(numbers, a.Number) }
		if status, _, err := get(t, server.below(&retryhttp.Transport{Policy: policy}), server.url); status != 200 ||
			err != nil {
			t.Errorf("%d, %v", status, err)
		}
		if !slices.Equal(numbers, []int{1, 2, 3}) {
			t.Errorf("it was called after the attempts %v", numbers)
		}
	})
}
