package retryhttp_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retryhttp"
)

// The server is told what is left of the attempt's time: of AttemptTimeout or the caller's deadline, what ends sooner.
func TestWhatTheServerIsTold(t *testing.T) {
	const none = -1
	for name, c := range map[string]struct {
		attempt, deadline time.Duration
		want              []string // of each attempt
	}{
		"neither":                 {0, none, []string{"", ""}},
		"AttemptTimeout":          {10 * time.Second, none, []string{"10000", "10000"}},
		"a deadline":              {0, time.Minute, []string{"60000", "57000"}},
		"AttemptTimeout is less":  {10 * time.Second, time.Minute, []string{"10000", "10000"}},
		"the deadline is less":    {10 * time.Second, 8 * time.Second, []string{"8000", "5000"}},
		"less than a millisecond": {100 * time.Microsecond, none, []string{"1", "1"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if c.deadline != none {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, c.deadline)
					defer cancel()
				}
				sent := 0
				transport := &retryhttp.Transport{
					Policy:      &retry.Policy{MaxRetries: 1, BaseDelay: 3 * time.Second, AttemptTimeout: c.attempt},
					SendAttempt: true, SendDeadline: true,
					Base: roundTripper(func(req *http.Request) (*http.Response, error) {
						if got := req.Header.Get("X-Request-Timeout-Ms"); got != c.want[sent] {
							t.Errorf("attempt %d: X-Request-Timeout-Ms is %q, want %q", sent+1, got, c.want[sent])
						}
						sent++
						return &http.Response{StatusCode: 500, Body: http.NoBody}, nil
					}),
				}
				req := request(t, ctx, "GET", "http://127.0.0.1", nil)
				req.Header = nil // a request that no function has made
				resp, err := transport.RoundTrip(req)
				if err != nil || resp.Body.Close() != nil || sent != 2 || req.Header != nil {
					t.Errorf("%v after %d attempts, and the request has headers: %v", err, sent, req.Header)
				}
			})
		})
	}
}

// The headers are sent only where they are asked for, each by its own option.
func TestHeadersAreSentWhenAskedFor(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		for _, c := range []struct{ attempt, deadline bool }{{}, {attempt: true}, {deadline: true}} {
			server := p.play(t, "503, 200")
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			transport := server.below(&retryhttp.Transport{
				Policy: atOnce(1), SendAttempt: c.attempt, SendDeadline: c.deadline,
			})
			if _, _, err := do(t, transport, request(t, ctx, "GET", server.url, nil)); err != nil {
				t.Error(err)
			}
			for _, r := range server.Requests() {
				attempt, deadline := r.Header.Get("X-Retry-Attempt"), r.Header.Get("X-Request-Timeout-Ms")
				if (attempt != "") != c.attempt || (deadline != "") != c.deadline {
					t.Errorf("%+v: X-Retry-Attempt is %q, X-Request-Timeout-Ms %q", c, attempt, deadline)
				}
			}
			server.ExpectRequests(t, 2)
		}
	})
}
