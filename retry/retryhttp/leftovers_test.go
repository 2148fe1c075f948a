package retryhttp_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retryhttp"
)

// immortal is a context that never ends, of a type that package context does not know: for each context below it that
// is not cancelled there is a goroutine, which goleak finds.
type immortal struct {
	context.Context
	done chan struct{}
}

func (i immortal) Done() <-chan struct{} { return i.done }

// When a request is over, nothing of it hangs on the context of its caller, however it ended. A body that is still read
// has a context that ends with it.
func TestNothingIsLeftBelowTheCallersContext(t *testing.T) {
	before := goleak.IgnoreCurrent()
	parent := immortal{context.Background(), make(chan struct{})}
	answers := func(status int, body io.ReadCloser, err error) func(*http.Request) (*http.Response, error) {
		return func(*http.Request) (*http.Response, error) {
			if err != nil {
				return nil, err
			}
			return &http.Response{StatusCode: status, Body: body}, nil
		}
	}
	read := func(resp *http.Response) { _, _ = io.ReadAll(resp.Body) }
	closed := func(resp *http.Response) { _ = resp.Body.Close() }
	left := func(*http.Response) {}
	for name, c := range map[string]struct {
		base roundTripper
		end  func(*http.Response)
		own  func(*http.Response, error) bool
	}{
		"read to its end": {base: answers(200, newSource("body"), nil), end: read},
		"closed":          {base: answers(200, newSource("body"), nil), end: closed},
		"without a body":  {base: answers(204, http.NoBody, nil), end: left},
		"no body at all":  {base: answers(204, nil, nil), end: left},
		"a 101":           {base: answers(101, newSource("connection"), nil), end: left},
		"exhausted":       {base: answers(503, newSource("busy"), nil), end: closed},
		"an error":        {base: answers(0, nil, errors.New("broken"))},
		"nothing":         {base: func(*http.Request) (*http.Response, error) { return nil, nil }},
		"a panic of Base": {base: func(*http.Request) (*http.Response, error) { panic("Base") }},
		"a panic of Retryable": {
			base: answers(503, newSource("busy"), nil),
			own:  func(*http.Response, error) bool { panic("Retryable") },
		},
	} {
		for _, cancels := range []bool{false, true} {
			for _, timeout := range []time.Duration{0, time.Hour} {
				policy := &retry.Policy{MaxRetries: 1, BaseDelay: retry.NoDelay, AttemptTimeout: timeout}
				req := request(t, parent, http.MethodGet, "http://127.0.0.1", nil)
				if cancels {
					req.Cancel = make(chan struct{}) //nolint:staticcheck // deprecated, and still obeyed
				}
				func() {
					defer func() { _ = recover() }()
					transport := &retryhttp.Transport{Base: c.base, Policy: policy, Retryable: c.own}
					resp, err := transport.RoundTrip(req) //nolint:bodyclose // the table says what becomes of it
					if (err == nil) != (c.end != nil) {
						t.Errorf("%s: %v", name, err)
					}
					if resp != nil {
						c.end(resp)
					}
				}()
				if err := goleak.Find(before); err != nil {
					t.Fatalf("%s, with Cancel %v and AttemptTimeout %v: %v", name, cancels, timeout, err)
				}
			}
		}
	}
}

// The Cancel of a request ends also the reading of its response.
func TestCancelOfTheRequestEndsTheBody(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		server := p.play(t, "503, 200 size=1MiB slow=1m")
		req := request(t, t.Context(), "GET", server.url, nil)
		cancel := make(chan struct{})
		req.Cancel = cancel //nolint:staticcheck // deprecated, and still obeyed
		resp, err := server.below(&retryhttp.Transport{Policy: atOnce(1)}).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		close(cancel)
		within(t, 20*time.Second, func() {
			if n, err := io.Copy(io.Discard, resp.Body); err == nil {
				t.Errorf("the body ended after %d bytes", n)
			}
		})
		_ = resp.Body.Close() // it is broken
	})
}
