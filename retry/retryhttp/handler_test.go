package retryhttp_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/retry/retryhttp"
)

// A service has a span for each request that it serves, and sends its trace to the services that it calls.
type service struct {
	*httptest.Server
	client *retryhttp.Transport
}

var traceContext propagation.TraceContext

// serve starts a service that answers with answer, behind a Handler.
func serve(t *testing.T, provider trace.TracerProvider, name string, answer http.HandlerFunc) *service {
	t.Helper()
	inner := retryhttp.Handler(answer, retryhttp.HandlerOptions{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := traceContext.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		ctx, span := provider.Tracer("service").Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer))
		defer span.End()
		inner.ServeHTTP(w, r.WithContext(ctx))
	}))
	t.Cleanup(server.Close)
	return &service{server, traced(t)}
}

// traced is a Transport that sends the trace, the attempt and the deadline.
func traced(t *testing.T) *retryhttp.Transport {
	t.Helper()
	base := &http.Transport{}
	t.Cleanup(base.CloseIdleConnections)
	return &retryhttp.Transport{
		Policy: atOnce(1), SendAttempt: true, SendDeadline: true,
		Base: roundTripper(func(req *http.Request) (*http.Response, error) {
			req = req.Clone(req.Context())
			traceContext.Inject(req.Context(), propagation.HeaderCarrier(req.Header))
			return base.RoundTrip(req)
		}),
	}
}

// calls is a handler that passes the answer of another service on.
func calls(t *testing.T, next *service, transport *retryhttp.Transport, note func(*http.Request)) http.HandlerFunc {
	t.Helper()
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
	spans := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	last := serve(t, provider, "last", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
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
	middle := serve(t, provider, "middle", calls(t, last, traced(t), noted(1)))
	first := serve(t, provider, "first", calls(t, middle, traced(t), noted(0)))

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ctx, root := provider.Tracer("caller").Start(ctx, "caller")
	status, _, err := do(t, traced(t), request(t, ctx, "GET", first.URL, nil))
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
}

// Work ends whose caller has left, also when the handler has not read the request's body.
func TestWorkEndsWhenTheCallerLeaves(t *testing.T) {
	arrived, ended := make(chan struct{}), make(chan error, 1)
	server := httptest.NewServer(retryhttp.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		select {
		case <-r.Context().Done():
			body, err := io.ReadAll(r.Body) // what was read ahead is still there
			if string(body) != "unread" {
				t.Errorf("the body is %q, %v", body, err)
			}
			ended <- r.Context().Err()
		case <-time.After(10 * time.Second):
			ended <- nil
		}
	}), retryhttp.HandlerOptions{}))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	_, _, err := do(t, own(t, &retryhttp.Transport{}), request(t, ctx, "PUT", server.URL, strings.NewReader("unread")))
	if err == nil {
		t.Error("the caller got an answer")
	}
	if got := <-ended; !errors.Is(got, context.Canceled) {
		t.Errorf("the work ended with %v", got)
	}
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
		handler := retryhttp.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			called = true
			deadline, ok := r.Context().Deadline()
			if left := time.Until(deadline); ok != (want.deadline > 0) || left > want.deadline ||
				ok && left < want.deadline-10*time.Second {
				t.Errorf("%q: the deadline is in %v", value, left)
			}
		}), retryhttp.HandlerOptions{})
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.Header.Set("X-Request-Timeout-Ms", value)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if called != want.called {
			t.Errorf("%q: called %v", value, called)
		}
		if !called && (w.Code != 503 || w.Header().Get("X-Should-Retry") != "false") {
			t.Errorf("%q: %d with %v", value, w.Code, w.Header())
		}
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
