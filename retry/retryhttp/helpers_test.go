package retryhttp_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retryhttp"
	"github.com/backspan/backspan/retry/retrytest"
)

// atOnce is a policy without waits.
func atOnce(retries int) *retry.Policy {
	return &retry.Policy{MaxRetries: retries, BaseDelay: retry.NoDelay}
}

// own gives t a Base of the test's own, whose connections end with the test.
func own(t *testing.T, transport *retryhttp.Transport) *retryhttp.Transport {
	t.Helper()
	base := &http.Transport{}
	transport.Base = base
	t.Cleanup(base.CloseIdleConnections)
	return transport
}

// get sends a GET and returns the status and the body.
func get(t *testing.T, transport http.RoundTripper, url string) (status int, body string, err error) {
	t.Helper()
	return do(t, transport, request(t, t.Context(), http.MethodGet, url, nil))
}

//nolint:revive // t comes first, as in every test helper
func request(t *testing.T, ctx context.Context, method, url string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func do(t *testing.T, transport http.RoundTripper, req *http.Request) (status int, body string, err error) {
	t.Helper()
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() {
		if err := resp.Body.Close(); err != nil {
			t.Errorf("closing the body: %v", err)
		}
	}()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Errorf("reading the body: %v", err)
	}
	return resp.StatusCode, string(text), nil
}

// source is a request's body that counts how often it is closed, and knows when it is read after that.
type source struct {
	io.Reader
	closed atomic.Int32
	first  chan struct{} // ends when it is closed
}

func newSource(text string) *source {
	return &source{Reader: strings.NewReader(text), first: make(chan struct{})}
}

func (s *source) Close() error {
	if s.closed.Add(1) == 1 {
		close(s.first)
	}
	return nil
}

// expectClosedOnce waits, because net/http may close a body a little later than it returns.
func (s *source) expectClosedOnce(t *testing.T) {
	t.Helper()
	select {
	case <-s.first:
	case <-time.After(10 * time.Second):
	}
	if got := s.closed.Load(); got != 1 {
		t.Errorf("the body was closed %d times, want once", got)
	}
}

// attempts are the descriptions of the recorded attempts that failed.
func attempts(recorder *retrytest.Recorder) (failed []string) {
	for _, span := range recorder.Spans() {
		for _, kv := range span.Attributes() {
			text := span.Status().Description
			if kv.Key == semconv.KindKey && kv.Value.AsString() == semconv.KindAttempt && text != "" {
				failed = append(failed, text)
			}
		}
	}
	return failed
}

// within fails the test when f takes longer than limit.
func within(t *testing.T, limit time.Duration, f func()) {
	t.Helper()
	began := time.Now()
	f()
	if took := time.Since(began); took > limit {
		t.Errorf("it took %v, want at most %v", took, limit)
	}
}
