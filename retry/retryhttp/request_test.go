package retryhttp_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retryhttp"
	"github.com/backspan/backspan/retry/retrytest"
	"github.com/backspan/backspan/retry/retrytest/flaky"
)

func TestTheRequestIsUntouched(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		server := p.play(t, "503, reset, 200")
		req := request(t, t.Context(), "PUT", server.url, strings.NewReader("body"))
		req.Header.Set("X-Own", "1")
		before, header := *req, req.Header.Clone()
		transport := server.below(&retryhttp.Transport{Policy: atOnce(2), SendAttempt: true, SendDeadline: true})
		resp, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
		if !reflect.DeepEqual(req.Header, header) {
			t.Errorf("headers are %v, were %v", req.Header, header)
		}
		before.GetBody, req.GetBody = nil, nil
		if !reflect.DeepEqual(&before, req) {
			t.Errorf("the request is %+v, was %+v", *req, before)
		}
		for i, r := range server.Requests() {
			if string(r.Body) != "body" {
				t.Errorf("request %d has the body %q", i+1, r.Body)
			}
			if got, want := r.Header.Get("X-Retry-Attempt"), string(rune('1'+i)); got != want {
				t.Errorf("request %d has X-Retry-Attempt %q", i+1, got)
			}
		}
		server.ExpectRequests(t, 3)
	})
}

// However a request ends, its body was closed once.
func TestTheBodyIsClosedOnce(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		refused, _ := p.refused(t)
		for name, c := range map[string]struct {
			ctx    context.Context
			script string
			url    string
			policy *retry.Policy
			rewind bool
			sent   int
		}{
			"success":             {script: "200", sent: 1},
			"rewound":             {script: "503, reset, 200", rewind: true, sent: 3},
			"exhausted":           {script: "503", rewind: true, sent: 3},
			"streamed, 503":       {script: "503", sent: 1},
			"streamed, reset":     {script: "reset", sent: 1},
			"malformed":           {script: "malformed", rewind: true, sent: 3},
			"refused":             {url: refused, rewind: true, script: "200"},
			"refused, streamed":   {url: refused, script: "200"},
			"cancelled before":    {ctx: cancelled, script: "200"},
			"policy that is none": {script: "200", policy: &retry.Policy{MaxRetries: -3}},
		} {
			t.Run(name, func(t *testing.T) {
				server := p.play(t, c.script)
				if c.ctx == nil {
					c.ctx = t.Context()
				}
				if c.url == "" {
					c.url = server.url
				}
				if c.policy == nil {
					c.policy = atOnce(2)
				}
				bodies := []*source{newSource("body")}
				req := request(t, c.ctx, "PUT", c.url, bodies[0])
				if c.rewind {
					req.GetBody = func() (io.ReadCloser, error) {
						if got := bodies[len(bodies)-1].closed.Load(); got != 1 {
							t.Errorf("the body before is still in use: closed %d times", got)
						}
						bodies = append(bodies, newSource("body"))
						return bodies[len(bodies)-1], nil
					}
				}
				// how it ends is another test's
				_, _, _ = do(t, server.below(&retryhttp.Transport{Policy: c.policy}), req)
				for _, body := range bodies {
					body.expectClosedOnce(t)
				}
				server.ExpectRequests(t, c.sent)
			})
		}
	})
}

// A body that cannot be read twice is streamed and sent once, and the span says why.
func TestABodyWithoutGetBodyIsSentOnce(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		for _, length := range []int64{-1, 4} {
			server := p.play(t, "503 {busy}")
			ctx, recorder := retrytest.Record(t, t.Context())
			req := request(t, ctx, "PUT", server.url, newSource("body"))
			req.ContentLength = length
			status, body, err := do(t, server.below(&retryhttp.Transport{Policy: atOnce(2)}), req)
			if status != 503 || body != "busy" || err != nil {
				t.Errorf("%d %q, %v", status, body, err)
			}
			const want = "503 Service Unavailable (not sent again: its body cannot be read twice without GetBody)"
			if got := attempts(recorder); len(got) != 1 || got[0] != want {
				t.Errorf("attempts failed with %q", got)
			}
			if arrived := server.Requests(); len(arrived) != 1 || string(arrived[0].Body) != "body" {
				t.Errorf("arrived: %+v", arrived)
			}
		}
	})
}

func TestNoBodyIsSentAgain(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		server := p.play(t, "503, 200")
		req := request(t, t.Context(), "PUT", server.url, http.NoBody)
		req.GetBody = nil
		if status, _, err := do(t, server.below(&retryhttp.Transport{Policy: atOnce(1)}), req); status != 200 ||
			err != nil {
			t.Errorf("%d, %v", status, err)
		}
		server.ExpectRequests(t, 2)
	})
}

func TestGetBodyThatFails(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		server := p.play(t, "503, 200")
		body := newSource("body")
		req := request(t, t.Context(), "PUT", server.url, body)
		broken, calls := errors.New("file is gone"), 0
		req.GetBody = func() (io.ReadCloser, error) {
			calls++
			return nil, broken
		}
		if _, _, err := do(t, server.below(&retryhttp.Transport{Policy: atOnce(2)}), req); !errors.Is(err, broken) {
			t.Errorf("%v", err)
		}
		body.expectClosedOnce(t)
		server.ExpectRequests(t, 1)
		if calls != 1 {
			t.Errorf("GetBody was called %d times, want once", calls)
		}
	})
}

func TestRedirectKeepsTheBody(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		server := p.playAll(t, flaky.Config{Paths: map[string]string{
			"/from": "503, 307 Location=/to", "/to": "503, 200",
		}})
		ctx, recorder := retrytest.Record(t, t.Context())
		path := func(r *http.Request) string { return r.URL.Path }
		transport := server.below(&retryhttp.Transport{Policy: atOnce(1), Name: path})
		req := request(t, ctx, "PUT", server.url+"/from", strings.NewReader("body"))
		if status, _, err := do(t, transport, req); status != 200 || err != nil {
			t.Errorf("%d, %v", status, err)
		}
		for _, r := range server.Requests() {
			if string(r.Body) != "body" {
				t.Errorf("%s has the body %q", r.URL, r.Body)
			}
		}
		server.ExpectRequests(t, 4)
		for _, hop := range []string{"/from", "/to"} { // each is an operation
			if got := recorder.Outcomes(hop); len(got) != 1 || got[0] != "recovered" {
				t.Errorf("%s: %q", hop, got)
			}
		}
	})
}

// The error of a caller who leaves in a wait is his own, and nothing more is sent.
func TestCancelledInAWait(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		server := p.play(t, "503")
		ctx, cancel := context.WithCancelCause(t.Context())
		leaving := errors.New("leaving")
		policy := &retry.Policy{BaseDelay: 20 * time.Second}
		policy.AfterAttempt = func(context.Context, retry.Attempt) { cancel(leaving) }
		within(t, 10*time.Second, func() {
			_, _, err := do(t, server.below(&retryhttp.Transport{Policy: policy}),
				request(t, ctx, "GET", server.url, nil))
			if !errors.Is(err, context.Canceled) || !errors.Is(err, leaving) {
				t.Errorf("%v", err)
			}
		})
		server.ExpectRequests(t, 1)
	})
}

func TestCancelOfTheRequestEndsAWait(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		server := p.play(t, "503")
		req := request(t, t.Context(), "GET", server.url, nil)
		closed := make(chan struct{})
		req.Cancel = closed //nolint:staticcheck // deprecated, and still obeyed
		policy := &retry.Policy{BaseDelay: 20 * time.Second}
		policy.AfterAttempt = func(context.Context, retry.Attempt) { close(closed) }
		within(t, 10*time.Second, func() {
			_, _, err := do(t, server.below(&retryhttp.Transport{Policy: policy}), req)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%v", err)
			}
		})
		server.ExpectRequests(t, 1)
	})
}

func TestBadInput(t *testing.T) {
	body, withoutURL := newSource("body"), newSource("body")
	var none *retryhttp.Transport
	for name, send := range map[string]func() (*http.Response, error){
		"the Transport is nil": func() (*http.Response, error) {
			return none.RoundTrip(request(t, t.Context(), "PUT", "http://127.0.0.1", body))
		},
		"the request is nil": func() (*http.Response, error) { return (&retryhttp.Transport{}).RoundTrip(nil) },
		"the request's URL is nil": func() (*http.Response, error) {
			return (&retryhttp.Transport{}).RoundTrip(&http.Request{Body: withoutURL})
		},
		"Policy.AttemptTimeout is -1s": func() (*http.Response, error) {
			transport := &retryhttp.Transport{Policy: &retry.Policy{AttemptTimeout: -time.Second}}
			return transport.RoundTrip(request(t, t.Context(), "GET", "http://127.0.0.1", nil))
		},
		"Policy.Budget is a zero Budget": func() (*http.Response, error) {
			transport := &retryhttp.Transport{Policy: &retry.Policy{Budget: &retry.Budget{}}}
			return transport.RoundTrip(request(t, t.Context(), "GET", "http://127.0.0.1", nil))
		},
	} {
		resp, err := send() //nolint:bodyclose // there is none
		if resp != nil || err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("want an error with %q, got %v", name, err)
		}
	}
	body.expectClosedOnce(t)
	withoutURL.expectClosedOnce(t)
}

// The hooks of the caller are called once for each attempt.
func TestHooksOfTheCaller(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		server := p.play(t, "503 x2, 200")
		got := 0
		hooks := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { got++ }}
		ctx := httptrace.WithClientTrace(t.Context(), hooks)
		req := request(t, ctx, "GET", server.url, nil)
		if status, _, err := do(t, server.below(&retryhttp.Transport{Policy: atOnce(2)}), req); status != 200 ||
			err != nil {
			t.Errorf("%d, %v", status, err)
		}
		if got != 3 {
			t.Errorf("GotConn was called %d times, want 3", got)
		}
	})
}

// A Base may close a body more than once; the caller's is closed once.
func TestABaseThatClosesTwice(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		server := p.play(t, "503, 200")
		base := roundTripper(func(req *http.Request) (*http.Response, error) {
			resp, err := server.base.RoundTrip(req)
			for range 2 {
				if err := req.Body.Close(); err != nil {
					t.Error(err)
				}
			}
			return resp, err
		})
		bodies := []*source{newSource("body"), newSource("body")}
		req := request(t, t.Context(), "PUT", server.url, bodies[0])
		req.GetBody = func() (io.ReadCloser, error) { return bodies[1], nil }
		if status, _, err := do(t, &retryhttp.Transport{Base: base, Policy: atOnce(1)}, req); status != 200 ||
			err != nil {
			t.Errorf("%d, %v", status, err)
		}
		for _, body := range bodies {
			body.expectClosedOnce(t)
		}
	})
}

// A Base may leave out the body, as http.Client allows.
func TestABaseWithoutBodies(t *testing.T) {
	base := roundTripper(func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: 503}, nil })
	policy := &retry.Policy{BaseDelay: retry.NoDelay, AttemptTimeout: time.Minute}
	status, body, err := get(t, &retryhttp.Transport{Base: base, Policy: policy}, "http://127.0.0.1")
	if status != 503 || body != "" || err != nil {
		t.Errorf("%d %q, %v", status, body, err)
	}
}

// GetBody may rewind what the transport still reads, so it is called when the old body was closed; but a Base that
// never closes it holds up the retry for a second only.
func TestTheOldBodyIsWaitedFor(t *testing.T) {
	for name, late := range map[string]time.Duration{"closed late": 50 * time.Millisecond, "never closed": -1} {
		base := roundTripper(func(req *http.Request) (*http.Response, error) {
			if late > 0 {
				time.AfterFunc(late, func() { _ = req.Body.Close() })
			}
			return &http.Response{StatusCode: 503}, nil
		})
		body := newSource("body")
		req := request(t, t.Context(), "PUT", "http://127.0.0.1", body)
		calls := 0
		req.GetBody = func() (io.ReadCloser, error) {
			calls++
			if got := body.closed.Load(); late > 0 && got != 1 {
				t.Errorf("%s: the old body was closed %d times", name, got)
			}
			return newSource("body"), nil
		}
		within(t, 10*time.Second, func() {
			if _, _, err := do(t, &retryhttp.Transport{Base: base, Policy: atOnce(1)}, req); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
		if calls != 1 {
			t.Errorf("%s: GetBody was called %d times", name, calls)
		}
	}
}

// Who leaves while the old body is waited for does not wait for the rest of the second.
func TestACallerWhoLeavesWhileTheOldBodyIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := roundTripper(func(req *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 503}, req.Context().Err() // it closes no body
		})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, cancel)
		req := request(t, ctx, "PUT", "http://127.0.0.1", newSource("body"))
		req.GetBody = func() (io.ReadCloser, error) { return newSource("body"), nil }
		began := time.Now()
		_, _, err := do(t, &retryhttp.Transport{Base: base, Policy: atOnce(1)}, req)
		if took := time.Since(began); !errors.Is(err, context.Canceled) || took != 100*time.Millisecond {
			t.Errorf("%v after %v, want the cancellation after 100 ms", err, took)
		}
	})
}

// What net/http refuses before it looks for a connection is not tried again: the next attempt would be the same.
func TestARequestThatCannotBeSentIsTriedOnce(t *testing.T) {
	withHeader := request(t, t.Context(), http.MethodGet, "http://127.0.0.1:1", nil)
	withHeader.Header.Set("X-Team", "a\nb")
	for name, req := range map[string]*http.Request{
		"scheme": request(t, t.Context(), http.MethodGet, "gopher://127.0.0.1:1", nil),
		"host":   request(t, t.Context(), http.MethodGet, "http:///path", nil),
		"header": withHeader,
	} {
		ctx, rec := retrytest.Record(t, retrytest.NoWait(t.Context()))
		resp, err := own(t, &retryhttp.Transport{}).RoundTrip(req.WithContext(ctx)) //nolint:bodyclose // there is none
		if n := len(attempts(rec)); resp != nil || err == nil || n != 1 {
			t.Errorf("%s: %v, %v after %d attempts, want an error after 1", name, resp, err, n)
		}
	}
}

// A body is closed also when a function of the caller's panics before anything is sent.
func TestABodyIsClosedAfterAPanic(t *testing.T) {
	body := newSource("x")
	transport := own(t, &retryhttp.Transport{Name: func(*http.Request) string { panic("name") }})
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic did not reach the caller")
			}
		}()
		req := request(t, t.Context(), http.MethodPut, "http://127.0.0.1:1", body)
		_, _ = transport.RoundTrip(req) //nolint:bodyclose // none
	}()
	if n := body.closed.Load(); n != 1 {
		t.Errorf("the body was closed %d times, want once", n)
	}
}

// A nil pointer in Base would panic, or fail in each attempt: it is an error before the first, and names its type.
func TestABaseThatIsANilPointerIsNamed(t *testing.T) {
	for want, base := range map[string]http.RoundTripper{
		"*http.Transport":      (*http.Transport)(nil),
		"*retryhttp.Transport": (*retryhttp.Transport)(nil),
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:1", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := (&retryhttp.Transport{Base: base}).RoundTrip(req)
		if resp != nil {
			resp.Body.Close()
		}
		if _, attempted := errors.AsType[*retry.Error](err); err == nil || attempted ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error that names it, without an attempt", want, err)
		}
	}
}
