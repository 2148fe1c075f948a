package retryhttp

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/backspan/backspan/retry"
)

// A Transport sends requests until an attempt succeeds or its policy gives up. The zero Transport works. It may be used
// by many goroutines, and must not be changed nor copied while it is.
type Transport struct {
	// Base sends each attempt. nil: http.DefaultTransport. Instrumentation such as otelhttp belongs here.
	Base http.RoundTripper

	// Policy is used as written. nil: DefaultPolicy. Its AttemptTimeout bounds an attempt up to the response's headers.
	Policy *retry.Policy

	// Name returns the name of the operation, which must be one of few. nil, or an empty name: "GET example.com", and
	// for hosts after the first 1,000 "GET".
	Name func(*http.Request) string

	// Retryable says whether an outcome is worth another attempt. nil: the function Retryable. It gets a response or an
	// error, and must not read the body except with Peek.
	Retryable func(*http.Response, error) bool

	// Resend says whether a request may be sent twice although the server may have acted on it. nil: the function
	// Resend.
	Resend func(*http.Request) bool

	// NoBudget leaves out the budget that each host has otherwise. A Policy.Budget takes the place of those of the
	// hosts, and holds in any case.
	NoBudget bool

	SendAttempt  bool // sends the number of the attempt, from 1, as X-Retry-Attempt
	SendDeadline bool // sends what is left of the attempt's time, in milliseconds, as X-Request-Timeout-Ms

	hosts hosts
}

// DefaultPolicy returns the policy of a Transport without one: 2 retries, with waits of up to 100 ms and 200 ms.
// Where the server is overloaded (429, 503, 529) and asks for no wait, they are up to 1 s and 2 s.
func DefaultPolicy() retry.Policy {
	return retry.Policy{MaxRetries: 2, BaseDelay: 100 * time.Millisecond, Jitter: retry.FullJitter}
}

// NewClient returns an http.Client with a zero Transport.
//
// It is for services. A command line or a batch, which makes few calls or whose calls all go to one host, runs out of
// that host's budget after 10 retries that failed: it should use &Transport{NoBudget: true}.
func NewClient() *http.Client { return &http.Client{Transport: &Transport{}} }

// RoundTrip sends req. Its error contains a *retry.Error when attempts were made, and is nil whenever there is a
// response.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	switch {
	case req == nil:
		return nil, errors.New("retryhttp: the request is nil, want one of http.NewRequest")
	case t == nil:
		closeBody(req)
		return nil, errors.New("retryhttp: the Transport is nil, want &retryhttp.Transport{}")
	case isNil(t.Base):
		closeBody(req)
		return nil, fmt.Errorf("retryhttp: Transport.Base is a nil %T, want one that is made, or no Base", t.Base)
	case req.URL == nil:
		closeBody(req)
		return nil, errors.New("retryhttp: the request's URL is nil, want one with a host")
	}
	return sendBy(t, req)
}

// isNil reports whether base is a nil pointer that would fail, or panic, in each attempt.
func isNil(base http.RoundTripper) bool {
	switch base := base.(type) {
	case *http.Transport:
		return base == nil
	case *Transport:
		return base == nil
	}
	return false
}

// CloseIdleConnections does so for Base, if that can. The Transport of otelhttp cannot: with it as Base, call the
// CloseIdleConnections of the http.Transport that it has been given.
func (t *Transport) CloseIdleConnections() {
	if base, ok := t.base().(interface{ CloseIdleConnections() }); ok {
		base.CloseIdleConnections()
	}
}

func (t *Transport) base() http.RoundTripper {
	if t.Base == nil {
		return http.DefaultTransport
	}
	return t.Base
}
