package retryhttp_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retryhttp"
	"github.com/backspan/backspan/retry/retrytest"
	"github.com/backspan/backspan/retry/retrytest/flaky"
)

func TestZeroTransport(t *testing.T) {
	server := flaky.New(t, "500, reset, 200 {hello}")
	client := retryhttp.NewClient()
	defer client.CloseIdleConnections()
	ctx, recorder := retrytest.Record(t, t.Context())
	if status, body, err := do(t, client.Transport, request(t, ctx, "GET", server.URL(), nil)); status != 200 ||
		body != "hello" || err != nil {
		t.Errorf("%d %q, %v", status, body, err)
	}
	server.ExpectRequests(t, 3)
	host := strings.TrimPrefix(server.URL(), "http://")
	if got := recorder.Outcomes("GET " + host); len(got) != 1 || got[0] != "recovered" {
		t.Errorf("outcomes %q of\n%s", got, recorder.Tree())
	}
}

// A response that is not retried is a success, whatever its status.
func TestNotFoundIsASuccessOfTheLoop(t *testing.T) {
	server := flaky.New(t, "404 {no such thing}")
	ctx, recorder := retrytest.Record(t, t.Context())
	transport := own(t, &retryhttp.Transport{Name: func(*http.Request) string { return "get" }})
	status, body, err := do(t, transport, request(t, ctx, "GET", server.URL(), nil))
	if status != 404 || body != "no such thing" || err != nil {
		t.Errorf("%d %q, %v", status, body, err)
	}
	if got := recorder.Tree(); got != "get: success\n  attempt 1: success\n" {
		t.Error(got)
	}
	server.ExpectRequests(t, 1)
}

func TestTheLastResponseComesBackUnread(t *testing.T) {
	const size = 10 << 20
	for name, policy := range map[string]*retry.Policy{
		"plain":           atOnce(2),
		"attempt timeout": {MaxRetries: 2, BaseDelay: retry.NoDelay, AttemptTimeout: 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			server := flaky.New(t, "503 size=1KiB, 503, 503 size=10MiB slow=2500ms")
			req := request(t, t.Context(), "GET", server.URL(), nil)
			resp, err := own(t, &retryhttp.Transport{Policy: policy}).RoundTrip(req)
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
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	for name, base := range map[string]*http.Transport{
		"plain": {}, "one connection": {MaxConnsPerHost: 1},
	} {
		t.Run(name, func(t *testing.T) {
			server := flaky.New(t, "503 size=32KiB x20, 200")
			defer base.CloseIdleConnections()
			transport := &retryhttp.Transport{Base: base, Policy: atOnce(20), NoBudget: true}
			if status, _, err := get(t, transport, server.URL()); status != 200 || err != nil {
				t.Errorf("%d, %v", status, err)
			}
			server.ExpectRequests(t, 21)
			server.ExpectConnections(t, 1)
		})
	}
}

func TestConnectionsAreUsedAgainOverHTTP2(t *testing.T) {
	server, url, base := overHTTP2(t, "503 size=32KiB x20, 200")
	transport := &retryhttp.Transport{Base: base, Policy: atOnce(20), NoBudget: true}
	if status, _, err := get(t, transport, url); status != 200 || err != nil {
		t.Errorf("%d, %v", status, err)
	}
	server.ExpectRequests(t, 21)
	server.ExpectConnections(t, 1)
}

// A body that stalls holds the next attempt up for 100 ms, not for as long as it takes.
func TestABodyThatStalls(t *testing.T) {
	check := func(t *testing.T, server *flaky.Server, url string, base *http.Transport) {
		t.Helper()
		within(t, 5*time.Second, func() {
			transport := &retryhttp.Transport{Base: base, Policy: atOnce(1)}
			if status, _, err := get(t, transport, url); status != 200 || err != nil {
				t.Errorf("%d, %v", status, err)
			}
		})
		server.ExpectWaits(t, 100*time.Millisecond)
	}
	const script = "503 size=1KiB slow=1m, 200"
	t.Run("HTTP/1.1", func(t *testing.T) {
		server, base := flaky.New(t, script), &http.Transport{MaxConnsPerHost: 1}
		defer base.CloseIdleConnections()
		check(t, server, server.URL(), base)
	})
	t.Run("HTTP/2", func(t *testing.T) {
		server, url, base := overHTTP2(t, script)
		check(t, server, url, base)
	})
}

func TestAttemptTimeoutIsRetried(t *testing.T) {
	policy := &retry.Policy{MaxRetries: 1, BaseDelay: retry.NoDelay, AttemptTimeout: 50 * time.Millisecond}
	check := func(t *testing.T, url string, base http.RoundTripper) {
		t.Helper()
		ctx, recorder := retrytest.Record(t, t.Context())
		_, _, err := do(t, &retryhttp.Transport{Base: base, Policy: policy}, request(t, ctx, "GET", url, nil))
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
	t.Run("HTTP/1.1", func(t *testing.T) {
		base := &http.Transport{}
		defer base.CloseIdleConnections()
		check(t, flaky.New(t, "hang").URL(), base)
	})
	t.Run("HTTP/2", func(t *testing.T) {
		_, url, base := overHTTP2(t, "hang")
		check(t, url, base)
	})
}

// The client's Timeout is one for the whole loop. A wait that does not fit is not begun.
func TestClientTimeoutBoundsTheLoop(t *testing.T) {
	server := flaky.New(t, "503 Retry-After=60 {busy}")
	client := &http.Client{Transport: own(t, &retryhttp.Transport{}), Timeout: 20 * time.Second}
	within(t, 10*time.Second, func() {
		resp, err := client.Do(request(t, t.Context(), "GET", server.URL(), nil))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }() // it is read
		if body, err := io.ReadAll(resp.Body); string(body) != "busy" || err != nil {
			t.Errorf("%q, %v", body, err)
		}
	})
	server.ExpectRequests(t, 1)

	hanging := flaky.New(t, "503, hang")
	client.Transport = own(t, &retryhttp.Transport{Policy: atOnce(2)})
	client.Timeout = 100 * time.Millisecond
	_, err := client.Do(request(t, t.Context(), "GET", hanging.URL(), nil)) //nolint:bodyclose // there is none
	if timeout, ok := err.(interface{ Timeout() bool }); !ok || !timeout.Timeout() {
		t.Errorf("%v is no timeout", err)
	}
	hanging.ExpectRequests(t, 2)
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
			resp, err := transport.RoundTrip(request(t, t.Context(), http.MethodGet, "http://127.0.0.1", nil)) //nolint:bodyclose // there is none
			if resp == nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v, want the timeout", err)
			}
		})
	}
}
