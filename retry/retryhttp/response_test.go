package retryhttp_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retryhttp"
	"github.com/backspan/backspan/retry/retrytest"
)

func TestZeroTransport(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		server := p.play(t, "500, reset, 200 {hello}")
		client := retryhttp.NewClient()
		if p == 2 { // http.DefaultTransport does not know the server's certificate
			server.below(client.Transport.(*retryhttp.Transport))
		}
		defer client.CloseIdleConnections()
		ctx, recorder := retrytest.Record(t, t.Context())
		if status, body, err := do(t, client.Transport, request(t, ctx, "GET", server.url, nil)); status != 200 ||
			body != "hello" || err != nil {
			t.Errorf("%d %q, %v", status, body, err)
		}
		server.ExpectRequests(t, 3)
		if got := recorder.Outcomes("GET " + server.host()); len(got) != 1 || got[0] != "recovered" {
			t.Errorf("outcomes %q of\n%s", got, recorder.Tree())
		}
	})
}

// A response that is not retried is a success, whatever its status.
func TestNotFoundIsASuccessOfTheLoop(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		server := p.play(t, "404 {no such thing}")
		ctx, recorder := retrytest.Record(t, t.Context())
		transport := server.below(&retryhttp.Transport{Name: func(*http.Request) string { return "get" }})
		status, body, err := do(t, transport, request(t, ctx, "GET", server.url, nil))
		if status != 404 || body != "no such thing" || err != nil {
			t.Errorf("%d %q, %v", status, body, err)
		}
		if got := recorder.Tree(); got != "get: success\n  attempt 1: success\n" {
			t.Error(got)
		}
		server.ExpectRequests(t, 1)
	})
}

func TestTheLastResponseComesBackUnread(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		const size = 10 << 20
		for slow, timeout := range map[string]time.Duration{"": 0, " slow=2300ms": 2 * time.Second} {
			t.Run(slow, func(t *testing.T) {
				server := p.play(t, "503 size=1KiB, 503, 503 size=10MiB"+slow)
				policy := atOnce(2)
				policy.AttemptTimeout = timeout
				req := request(t, t.Context(), "GET", server.url, nil)
				resp, err := server.below(&retryhttp.Transport{Policy: policy}).RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				if resp.Request != req {
					t.Error("the response's Request is not the caller's")
				}
				n, err := io.Copy(io.Discard, resp.Body)
				if n != size || err != nil || resp.StatusCode != 503 {
					t.Errorf("%d with %d bytes, %v", resp.StatusCode, n, err)
				}
				if err := resp.Body.Close(); err != nil {
					t.Error(err)
				}
				server.ExpectRequests(t, 3)
			})
		}
	})
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		for name, most := range map[string]int{"plain": 0, "one connection": 1} {
			t.Run(name, func(t *testing.T) {
				server := p.play(t, "503 size=32KiB x20, 200")
				server.base.MaxConnsPerHost = most
				transport := server.below(&retryhttp.Transport{Policy: atOnce(20), NoBudget: true})
				if status, _, err := get(t, transport, server.url); status != 200 || err != nil {
					t.Errorf("%d, %v", status, err)
				}
				server.ExpectRequests(t, 21)
				server.ExpectConnections(t, 1)
			})
		}
	})
}

// A body that stalls holds the next attempt up for 100 ms, not for as long as it takes.
func TestABodyThatStalls(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		server := p.play(t, "503 size=1KiB slow=1m, 200")
		server.base.MaxConnsPerHost = 1
		within(t, 5*time.Second, func() {
			transport := server.below(&retryhttp.Transport{Policy: atOnce(1)})
			if status, _, err := get(t, transport, server.url); status != 200 || err != nil {
				t.Errorf("%d, %v", status, err)
			}
		})
		server.ExpectWaits(t, 100*time.Millisecond)
	})
}

func TestAttemptTimeoutIsRetried(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		server := p.play(t, "hang")
		for _, timeout := range []time.Duration{50 * time.Millisecond, 1} { // 1ns: before a connection is asked for
			ctx, recorder := retrytest.Record(t, t.Context())
			transport := server.below(&retryhttp.Transport{Policy: &retry.Policy{
				MaxRetries: 1, BaseDelay: retry.NoDelay, AttemptTimeout: timeout,
			}})
			_, _, err := do(t, transport, request(t, ctx, "GET", server.url, nil))
			if e, ok := errors.AsType[*retry.Error](err); !ok || e.Reason != retry.ErrExhausted {
				t.Errorf("%v", err)
			}
			if timeout, ok := errors.AsType[interface {
				error
				Timeout() bool
			}](err); !ok || !timeout.Timeout() {
				t.Errorf("%v is no timeout", err)
			}
			const want = "no response within AttemptTimeout"
			if got := attempts(recorder); len(got) != 2 || got[0] != want || got[1] != want {
				t.Errorf("attempts failed with %q", got)
			}
		}
	})
}

// The client's Timeout is one for the whole loop. A wait that does not fit is not begun.
func TestClientTimeoutBoundsTheLoop(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		server := p.play(t, "503 Retry-After=60 {busy}")
		client := &http.Client{Transport: server.below(&retryhttp.Transport{}), Timeout: 20 * time.Second}
		within(t, 10*time.Second, func() {
			resp, err := client.Do(request(t, t.Context(), "GET", server.url, nil))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }() // it is read
			if body, err := io.ReadAll(resp.Body); string(body) != "busy" || err != nil {
				t.Errorf("%q, %v", body, err)
			}
		})
		server.ExpectRequests(t, 1)

		hanging := p.play(t, "200, 503, hang")
		if _, _, err := get(t, hanging.base, hanging.url); err != nil { // connects without a limit
			t.Fatal(err)
		}
		client.Transport = hanging.below(&retryhttp.Transport{Policy: atOnce(2)})
		client.Timeout = 500 * time.Millisecond
		_, err := client.Do(request(t, t.Context(), "GET", hanging.url, nil)) //nolint:bodyclose // there is none
		if timeout, ok := err.(interface{ Timeout() bool }); !ok || !timeout.Timeout() {
			t.Errorf("%v is no timeout", err)
		}
		hanging.ExpectRequests(t, 3)
	})
}

// A response that comes after the timeout is closed: the context of its body has ended.
func TestAResponseAfterTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := newSource("late")
		transport := &retryhttp.Transport{
			Policy: &retry.Policy{MaxRetries: retry.Never, AttemptTimeout: time.Second},
			Base: roundTripper(func(*http.Request) (*http.Response, error) {
				time.Sleep(2 * time.Second) // whatever the context says
				return &http.Response{StatusCode: http.StatusOK, Body: body}, nil
			}),
		}
		status, _, err := get(t, transport, "http://127.0.0.1")
		if status != 0 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%d, %v, want the timeout", status, err)
		}
		body.expectClosedOnce(t)
	})
}

// A response that comes in the moment in which the time is up is a timeout, and not a Base that did nothing.
func TestAResponseAtTheTimeout(t *testing.T) {
	for range 200 {
		synctest.Test(t, func(t *testing.T) {
			transport := &retryhttp.Transport{
				Policy: &retry.Policy{MaxRetries: retry.Never, AttemptTimeout: time.Second},
				Base: roundTripper(func(*http.Request) (*http.Response, error) {
					time.Sleep(time.Second)
					return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
				}),
			}
			req := request(t, t.Context(), http.MethodGet, "http://127.0.0.1", nil)
			resp, err := transport.RoundTrip(req) //nolint:bodyclose // there is none
			if resp == nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v, want the timeout", err)
			}
		})
	}
}
