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
	read := func(resp *http.Response) { _, _ = io.ReadAll(resp.Body) }
	closed := func(resp *http.Response) { _ = resp.Body.Close() }
	left := func(*http.Response) {}
	for name, c := range map[string]struct {
		answer  http.Response
		err     error
		getBody func() (io.ReadCloser, error) // of the request
		panics  string                        // who panics
		end     func(*http.Response)          // nil: there is no response
	}{
		"read to its end": {answer: http.Response{StatusCode: 200, Body: newSource("body")}, end: read},
		"closed":          {answer: http.Response{StatusCode: 200, Body: newSource("body")}, end: closed},
		"without a body":  {answer: http.Response{StatusCode: 204, Body: http.NoBody}, end: left},
		"no body at all":  {answer: http.Response{StatusCode: 204}, end: left},
		"a 101":           {answer: http.Response{StatusCode: 101, Body: newSource("connection")}, end: left},
		"exhausted":       {answer: http.Response{StatusCode: 503, Body: newSource("busy")}, end: closed},
		"a GetBody that fails": {
			answer:  http.Response{StatusCode: 503, Body: newSource("busy")},
			getBody: func() (io.ReadCloser, error) { return nil, errors.New("gone") },
		},
		"an error":             {err: errors.New("broken")},
		"nothing":              {},
		"a panic of Base":      {panics: "Base"},
		"a panic of Retryable": {answer: http.Response{StatusCode: 503, Body: newSource("busy")}, panics: "Retryable"},
	} {
		base := roundTripper(func(req *http.Request) (*http.Response, error) {
			switch answer := c.answer; {
			case c.panics == "Base":
				panic("Base")
			case req.Body != nil:
				return &answer, req.Body.Close()
			case answer.StatusCode == 0:
				return nil, c.err
			default:
				return &answer, nil
			}
		})
		retryable := func(resp *http.Response, err error) bool {
			if c.panics == "Retryable" {
				panic("Retryable")
			}
			return retryhttp.Retryable(resp, err)
		}
		for _, cancels := range []bool{false, true} {
			for _, timeout := range []time.Duration{0, time.Hour} {
				policy := &retry.Policy{MaxRetries: 1, BaseDelay: retry.NoDelay, AttemptTimeout: timeout}
				req := request(t, parent, http.MethodGet, "http://127.0.0.1", nil)
				if c.getBody != nil {
					req.Method, req.Body, req.GetBody = http.MethodPut, newSource("body"), c.getBody
				}
				if cancels {
					req.Cancel = make(chan struct{}) //nolint:staticcheck // deprecated, and still obeyed
				}
				func() {
					defer func() { _ = recover() }()
					transport := &retryhttp.Transport{Base: base, Policy: policy, Retryable: retryable}
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
