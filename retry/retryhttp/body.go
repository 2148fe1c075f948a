package retryhttp

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// closeWait is how long a retry waits for the transport to let go of the body of the attempt before.
const closeWait = time.Second

// A body is a request's. It is closed once however often Close is called, and tells when.
type body struct {
	io.ReadCloser
	once   sync.Once
	closed chan struct{}
	err    error
}

func (b *body) Close() error {
	b.once.Do(func() {
		b.err = b.ReadCloser.Close()
		close(b.closed)
	})
	return b.err
}

// nextBody returns the body of the next attempt, or nil when the request has none.
func (s *send) nextBody(ctx context.Context) (io.ReadCloser, error) {
	source := s.req.Body
	if source == nil || source == http.NoBody {
		return nil, nil
	}
	if s.body != nil {
		s.body.awaitClose(ctx) // GetBody may rewind what the transport still reads
		var err error
		if source, err = s.req.GetBody(); err != nil {
			return nil, fmt.Errorf("retryhttp: the request's GetBody: %w", err)
		}
	}
	s.body = &body{ReadCloser: source, closed: make(chan struct{})}
	return s.body, nil
}

func (b *body) awaitClose(ctx context.Context) {
	select {
	case <-b.closed:
		return
	default:
	}
	bound := time.NewTimer(closeWait)
	defer bound.Stop()
	select {
	case <-b.closed:
	case <-bound.C:
	case <-ctx.Done():
	}
}

// closeBody closes the body of a request that is not sent.
func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close() // RoundTrip returns why it is not sent
	}
}

// handOver returns the last response. What the contexts of the request hold on to ends with its body. A 101 is the
// connection itself, which is the caller's from now on, and needs no context; neither does a response without a body.
func (s *send) handOver() *http.Response {
	resp, end := s.resp, s.end
	if s.leave != nil {
		end = s.leave // the attempt's context is below it
	}
	switch {
	case end == nil:
	case resp.StatusCode == http.StatusSwitchingProtocols || resp.Body == http.NoBody:
		end()
	default:
		resp.Body = &endingBody{resp.Body, end}
	}
	return resp
}

// endingBody is a response's. The contexts of its request end with it.
type endingBody struct {
	io.ReadCloser
	end context.CancelFunc
}

func (b *endingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.end()
	}
	return n, err
}

func (b *endingBody) Close() error {
	err := b.ReadCloser.Close()
	b.end()
	return err
}
