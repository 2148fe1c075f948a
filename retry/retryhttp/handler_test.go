package retryhttp_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/retry/retryhttp"
)

var traceContext propagation.TraceContext

// serveTraced starts a service that answers with answer, behind a Handler. Each request that it serves has a span.
func (p protocol) serveTraced(t *testing.T, provider trace.TracerProvider, name string, answer http.HandlerFunc,
) *httptest.Server {
	t.Helper()
	inner := retryhttp.Handler(answer, retryhttp.HandlerOptions{})
	return p.start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := traceContext.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		ctx, span := provider.Tracer("service").Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer))
		defer span.End()
		inner.ServeHTTP(w, r.WithContext(ctx))
	}))
}

// traced is a Transport to a service that sends the trace, the attempt and the deadline.
func traced(to *httptest.Server) *retryhttp.Transport {
	return &retryhttp.Transport{
		Policy: atOnce(1), SendAttempt: true, SendDeadline: true,
		Base: roundTripper(func(req *http.Request) (*http.Response, error) {
			req = req.Clone(req.Context())
			traceContext.Inject(req.Context(), propagation.HeaderCarrier(req.Header))
			return to.Client().Transport.RoundTrip(req)
		}),
	}
}

// calls is a handler that passes the answer of another service on.
func calls(t *testing.T, next *httptest.Server, note func(*http.Request)) http.HandlerFunc {
	t.Helper()
	transport := traced(next)
	return func(w http.ResponseWriter, r *http.Request) {
		note(r)
		req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, next.URL, nil)
		if err != nil {
			t.Error(err)
			return
		}
		resp, err := transport.RoundTrip(req)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer func() { _ = resp.Body.Close() }() // its end is not waited for
		w.WriteHeader(resp.StatusCode)
	}
}

// Two attempts at each of three levels are eight requests at the last one, and one trace shows them all.
func TestAmplificationInOneTrace(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		spans := tracetest.NewSpanRecorder()
		provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
		last := p.serveTraced(t, provider, "last", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
		var left [2][]int64
		noted := func(i int) func(*http.Request) {
			return func(r *http.Request) {
				ms, err := strconv.ParseInt(r.Header.Get("X-Request-Timeout-Ms"), 10, 64)
				if err != nil {
					t.Error(err)
				}
				left[i] = append(left[i], ms)
			}
		}
		middle := p.serveTraced(t, provider, "middle", calls(t, last, noted(1)))
		first := p.serveTraced(t, provider, "first", calls(t, middle, noted(0)))

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		ctx, root := provider.Tracer("caller").Start(ctx, "caller")
		status, _, err := do(t, traced(first), request(t, ctx, "GET", first.URL, nil))
		root.End()
		if status != 500 || err != nil {
			t.Fatalf("%d, %v", status, err)
		}
		first.Close() // the spans of its requests have ended then
		middle.Close()
		last.Close()
		served, resent := map[string]int{}, map[string]int{}
		for _, span := range spans.Ended() {
			if span.SpanContext().TraceID() != root.SpanContext().TraceID() {
				t.Errorf("%s is in another trace", span.Name())
			}
			if span.SpanKind() != trace.SpanKindServer {
				continue
			}
			served[span.Name()]++
			for _, kv := range span.Attributes() {
				if kv.Key == semconv.ResendKey && kv.Value.AsBool() {
					resent[span.Name()]++
				}
			}
		}
		for i, name := range []string{"first", "middle", "last"} {
			if want := 2 << i; served[name] != want || resent[name] != want/2 {
				t.Errorf("%s served %d requests, of which %d say that they are resent; want %d and half of it",
					name, served[name], resent[name], want)
			}
		}
		for i, list := range left {
			for _, ms := range list {
				if ms < 1 || ms > 60_000 {
					t.Errorf("service %d was left %d ms", i, ms)
				}
			}
		}
	})
}

// Work ends whose caller has left, also when the handler has not read the request's body.
func TestWorkEndsWhenTheCallerLeaves(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		arrived, ended := make(chan struct{}), make(chan error, 1)
		url, base := p.serve(t, retryhttp.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(arrived)
			select {
			case <-r.Context().Done():
				body, err := io.ReadAll(r.Body)
				if p == 1 && string(body) != "unread" { // what was read ahead is still there
					t.Errorf("the body is %q, %v", body, err)
				}
				ended <- r.Context().Err()
			case <-time.After(10 * time.Second):
				ended <- nil
			}
		}), retryhttp.HandlerOptions{}))
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-arrived
			cancel()
		}()
		_, _, err := do(t, &retryhttp.Transport{Base: base}, request(t, ctx, "PUT", url, strings.NewReader("unread")))
		if err == nil {
			t.Error("the caller got an answer")
		}
		if got := <-ended; !errors.Is(got, context.Canceled) {
			t.Errorf("the work ended with %v", got)
		}
	})
}

// The time that the caller leaves is the deadline of the work, and what makes no sense is ignored.
func TestTheCallersTime(t *testing.T) {
	for value, want := range map[string]struct {
		called   bool
		deadline time.Duration
	}{
		"":                     {true, 0},
		"250":                  {true, 250 * time.Millisecond},
		"3600000":              {true, time.Hour},
		"3600001":              {true, 0},
		"-1":                   {true, 0},
		"soon":                 {true, 0},
		"99999999999999999999": {true, 0},
		"0":                    {false, 0},
	} {
		called := false
		var ctx context.Context
		handler := retryhttp.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			called = true
			ctx = r.Context()
			deadline, ok := ctx.Deadline()
			if left := time.Until(deadline); ok != (want.deadline > 0) || left > want.deadline ||
				ok && left < want.deadline-10*time.Second {
				t.Errorf("%q: the deadline is in %v", value, left)
			}
		}), retryhttp.HandlerOptions{})
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.Header.Set("X-Request-Timeout-Ms", value)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if want.deadline > 0 && (ctx == nil || ctx.Err() == nil) {
			t.Errorf("%q: the context outlives the request", value)
		}
		if called != want.called {
			t.Errorf("%q: called %v", value, called)
		}
		if !called && (w.Code != 503 || w.Header().Get("X-Should-Retry") != "false") {
			t.Errorf("%q: %d with %v", value, w.Code, w.Header())
		}
	}
}

func TestANilHandlerIsTheDefaultServeMux(t *testing.T) {
	w := httptest.NewRecorder()
	req := httptest.NewRequestWithContext(t.Context(), "GET", "/nobody/has/this", nil)
	retryhttp.Handler(nil, retryhttp.HandlerOptions{}).ServeHTTP(w, req)
	if w.Code != http.StatusNotFound {
		t.Errorf("%d, want what http.DefaultServeMux answers", w.Code)
	}
}

func TestWorkOfACallerWhoHasLeftIsNotBegun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	handler := retryhttp.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("it was called")
	}), retryhttp.HandlerOptions{})
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/", nil))
	if w.Code != 503 {
		t.Errorf("%d", w.Code)
	}
}

// The time that the reading of a body takes is the caller's too.
func TestTheCallersTimeEndsWhileTheBodyIsRead(t *testing.T) {
	handler := retryhttp.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("next was called")
	}), retryhttp.HandlerOptions{})
	synctest.Test(t, func(t *testing.T) {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", slowReader{})
		req.ContentLength = 4
		req.Header.Set("X-Request-Timeout-Ms", "50")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, req)
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("X-Should-Retry") != "false" {
			t.Errorf("%d %v, want 503 and x-should-retry: false", w.Code, w.Header())
		}
	})
}

type slowReader struct{}

func (slowReader) Read([]byte) (int, error) {
	time.Sleep(time.Second)
	return 0, io.EOF
}

// What is read before next is called, and what is left to it.
func TestWhatIsReadAhead(t *testing.T) {
	const most = 64 << 10
	for name, c := range map[string]struct {
		size    int
		change  func(*http.Request)
		options retryhttp.HandlerOptions
		ahead   bool
	}{
		"small":         {size: 1, ahead: true},
		"the most":      {size: most, ahead: true},
		"too much":      {size: most + 1},
		"without bound": {size: 4, change: func(r *http.Request) { r.ContentLength = -1 }},
		"HTTP/2":        {size: 4, change: func(r *http.Request) { r.ProtoMajor, r.ProtoMinor = 2, 0 }},
		"Expect":        {size: 4, change: func(r *http.Request) { r.Header.Set("Expect", "100-continue") }},
		"NoReadAhead":   {size: 4, options: retryhttp.HandlerOptions{NoReadAhead: true}},
	} {
		text := strings.Repeat("x", c.size)
		reader := strings.NewReader(text)
		body, called := &source{Reader: reader, first: make(chan struct{})}, false
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", body)
		req.ContentLength = int64(c.size)
		if c.change != nil {
			c.change(req)
		}
		retryhttp.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			called = true
			if left := reader.Len(); (left == 0) != c.ahead || !c.ahead && left != c.size {
				t.Errorf("%s: %d of %d bytes were left to next", name, left, c.size)
			}
			if got, err := io.ReadAll(r.Body); string(got) != text || err != nil {
				t.Errorf("%s: next reads %d bytes, %v", name, len(got), err)
			}
			if err := r.Body.Close(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}), c.options).ServeHTTP(httptest.NewRecorder(), req)
		if !called {
			t.Errorf("%s: next was not called", name)
		}
		body.expectClosedOnce(t)
	}
}

// A body that breaks while it is read ahead breaks for next at the same place.
func TestABodyThatBreaksAhead(t *testing.T) {
	broken := errors.New("broken")
	body := io.MultiReader(strings.NewReader("ab"), iotest.ErrReader(broken))
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", body)
	req.ContentLength = 4
	called := false
	retryhttp.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		called = true
		if got, err := io.ReadAll(r.Body); string(got) != "ab" || !errors.Is(err, broken) {
			t.Errorf("next reads %q, %v", got, err)
		}
	}), retryhttp.HandlerOptions{}).ServeHTTP(httptest.NewRecorder(), req)
	if !called {
		t.Error("next was not called")
	}
}

// Who expects 100-continue is told by next whether the body is wanted. Reading it would ask for it.
func TestABodyThatNextDoesNotWant(t *testing.T) {
	overBoth(t, func(t *testing.T, p protocol) {
		url, base := p.serve(t, retryhttp.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
		}), retryhttp.HandlerOptions{}))
		base.ExpectContinueTimeout = 20 * time.Second
		reader := strings.NewReader("unwanted")
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
			Got100Continue: func() { t.Error("the body was asked for") },
		})
		req := request(t, ctx, "PUT", url, io.NopCloser(reader))
		req.ContentLength = reader.Size()
		req.Header.Set("Expect", "100-continue")
		status, _, err := do(t, &retryhttp.Transport{Base: base}, req)
		if status != http.StatusForbidden || err != nil || int64(reader.Len()) != reader.Size() {
			t.Errorf("%d, %v, and %d bytes of the body were sent", status, err, reader.Size()-int64(reader.Len()))
		}
	})
}
