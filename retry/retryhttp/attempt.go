package retryhttp

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/semconv"
)

// The headers that tell a server of the retries of its caller; see Handler.
const (
	attemptHeader = "X-Retry-Attempt"
	timeoutHeader = "X-Request-Timeout-Ms"
)

// attempt is the operation of the loop: it sends the request once and keeps the response.
func (s *send) attempt(ctx context.Context) error {
	s.attempts++
	s.again = false
	bounded, timer := s.bound(ctx)
	req, err := s.prepare(bounded)
	if err != nil {
		s.release()
		return err
	}
	s.sent = true
	resp, err := s.transport.base().RoundTrip(req)
	late := timer != nil && !timer.Stop()
	if hidden := s.wire.got.Load() - 1; hidden > 0 && (s.everySpan || s.attempts > 1) {
		trace.SpanFromContext(ctx).SetAttributes(semconv.HiddenResendsKey.Int(int(hidden)))
	}
	switch {
	case err != nil || resp == nil || late && ctx.Err() == nil:
		if resp != nil && resp.Body != nil {
			_ = resp.Body.Close() // the attempt has failed already
		}
		// The timer that ran out may not have told its cause yet.
		if late && ctx.Err() == nil || errors.Is(context.Cause(bounded), errTimeout) {
			err = errTimeout
		} else if err == nil {
			err = errNothing
		}
		s.release()
		return s.failed(err)
	}
	if resp.Body == nil { // a Base that is no http.Transport
		resp.Body = http.NoBody
	}
	resp.Request = s.req
	s.resp = resp
	return s.answered(resp)
}

// bound returns the context of an attempt, and the timer that ends it.
func (s *send) bound(ctx context.Context) (context.Context, *time.Timer) {
	if s.timeout <= 0 {
		return ctx, nil
	}
	bounded, cancel := context.WithCancelCause(ctx)
	s.end = func() { cancel(nil) }
	return bounded, time.AfterFunc(s.timeout, func() { cancel(errTimeout) })
}

// release ends the context of an attempt whose response nobody reads.
func (s *send) release() {
	if s.end != nil {
		s.end()
	}
}

// prepare returns a copy of the request for one attempt, with a body that was not read yet.
func (s *send) prepare(ctx context.Context) (*http.Request, error) {
	next, err := s.nextBody(ctx)
	if err != nil {
		return nil, err
	}
	s.wire = newWire(ctx, s.req, hooksKey != nil)
	req := &s.wire.req
	if next != nil {
		req.Body = next
	}
	if s.transport.SendAttempt || s.transport.SendDeadline {
		req.Header = s.req.Header.Clone()
		if req.Header == nil {
			req.Header = http.Header{}
		}
		s.addHeaders(ctx, req.Header)
	}
	return req, nil
}

func (s *send) addHeaders(ctx context.Context, h http.Header) {
	if s.transport.SendAttempt {
		h.Set(attemptHeader, strconv.Itoa(s.attempts))
	}
	if !s.transport.SendDeadline {
		return
	}
	left := s.timeout
	if deadline, ok := ctx.Deadline(); ok {
		if until := time.Until(deadline); left <= 0 || until < left {
			left = until
		}
	}
	if left > 0 {
		h.Set(timeoutHeader, strconv.FormatInt(max(1, left.Milliseconds()), 10))
	}
}

// watch returns the context of the loop. It ends with that of the request, when its Cancel is closed, and by leave.
func watch(req *http.Request) (ctx context.Context, leave context.CancelFunc) {
	ctx = req.Context()
	//nolint:staticcheck // deprecated, and set by http.Client for its Timeout
	closed := req.Cancel
	if closed == nil {
		return ctx, nil
	}
	ctx, leave = context.WithCancel(ctx)
	go leaveWith(ctx, closed, leave)
	return ctx, leave
}

// leaveWith is a function of its own because a function literal in watch would move the results of watch to the heap,
// also for requests without a Cancel.
func leaveWith(ctx context.Context, closed <-chan struct{}, leave context.CancelFunc) {
	select {
	case <-closed:
		leave()
	case <-ctx.Done():
	}
}
