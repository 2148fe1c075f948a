package retryhttp

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/backspan/backspan/internal/decide"
	"github.com/backspan/backspan/retry"
)

// A send is one RoundTrip of a Transport. Nothing refers to it afterwards: what Base, a body or a context may hold on
// to is in a wire, a body or a function that does not know the send. So it can be used again, which saves four
// allocations a request: its own, and those of the three functions.
type send struct {
	round

	attemptFunc func(context.Context) error // attempt, mayRetry and discard, as the loop wants them
	mayFunc     func(error) bool
	discardFunc func()

	target *target // of the last request
}

var sends = sync.Pool{New: func() any {
	s := &send{}
	s.attemptFunc, s.mayFunc, s.discardFunc = s.attempt, s.mayRetry, s.discard
	return s
}}

func sendBy(t *Transport, req *http.Request) (*http.Response, error) {
	s := sends.Get().(*send)
	s.transport, s.req = t, req
	resp, err := s.run()
	s.round = round{}
	sends.Put(s) // not after a panic: what it cut short is unknown
	return resp, err
}

// A round is all that a send knows of its RoundTrip.
type round struct {
	transport    *Transport
	req          *http.Request    // the caller's; it stays as it is
	policy       retry.Policy     // of the loop
	ownRetryable func(error) bool // of the caller's policy; may be nil
	timeout      time.Duration    // of an attempt, to the headers of its response; 0: none
	everySpan    bool             // each attempt has a span

	attempts int   // so far
	wire     *wire // of the last one
	body     *body // of the attempt that was sent last; nil without one

	leave context.CancelFunc // ends the context of the loop; nil: that is the caller's
	end   context.CancelFunc // ends the context of the last attempt; may be nil

	resp  *http.Response // of the last attempt, until it is drained
	sent  bool           // an attempt was handed to Base
	again bool           // the outcome of the last attempt may be retried
}

func (s *send) run() (*http.Response, error) {
	defer func() { // also after a panic of a function of the caller's
		if !s.sent {
			closeBody(s.req)
		}
	}()
	name := s.prepareLoop()
	var ctx context.Context
	ctx, s.leave = watch(s.req)
	finished := false
	defer func() {
		if !finished { // a function of the caller's panicked
			s.discard()
			s.release()
		}
		if s.resp == nil && s.leave != nil {
			s.leave()
		}
	}()
	err := decide.Do(ctx, name, &s.policy, s.attemptFunc, s.discardFunc)
	finished = true
	if s.resp != nil {
		return s.handOver(), nil
	}
	return nil, failure(err)
}

// prepareLoop makes the policy of the loop, and returns the operation's name.
func (s *send) prepareLoop() (name string) {
	t := s.transport
	if t.Policy != nil {
		s.policy = *t.Policy
	} else {
		s.policy = DefaultPolicy()
	}
	if !s.target.fits(s.req, &t.hosts) {
		s.target = t.hosts.of(s.req)
	}
	if s.policy.Budget == nil && !t.NoBudget {
		s.policy.Budget = s.target.host.budget
	}
	if s.policy.AttemptTimeout > 0 { // a negative one is an error of the loop
		s.timeout, s.policy.AttemptTimeout = s.policy.AttemptTimeout, 0
	}
	s.everySpan = s.policy.Spans == retry.EveryAttempt
	s.ownRetryable, s.policy.Retryable = s.policy.Retryable, s.mayFunc
	if t.Name != nil {
		if own := t.Name(s.req); own != "" {
			return own
		}
	}
	return s.target.name
}

// mayRetry is the Retryable of the loop.
func (s *send) mayRetry(err error) bool {
	return s.again && (s.ownRetryable == nil || s.ownRetryable(err))
}
