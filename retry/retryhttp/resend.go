package retryhttp

import (
	"errors"
	"net"
	"net/http"
)

// Resend is the default of Transport.Resend. A request may be sent twice when its method is GET, HEAD, OPTIONS, TRACE,
// PUT, DELETE or QUERY, or when it has an Idempotency-Key or X-Idempotency-Key. As in net/http, a key without values
// counts, and is not sent.
func Resend(req *http.Request) bool {
	switch req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete,
		"QUERY":
		return true
	}
	_, key := req.Header["Idempotency-Key"]
	_, extension := req.Header["X-Idempotency-Key"]
	return key || extension
}

// whyOnce says why the request cannot be sent again, or nothing when it can. unserved says that the server cannot have
// acted on it.
func (s *send) whyOnce(unserved bool) string {
	if s.body != nil && s.req.GetBody == nil {
		return "its body cannot be read twice without GetBody"
	}
	resend := s.transport.Resend
	if resend == nil {
		resend = Resend
	}
	if !unserved && !resend(s.req) {
		return "the server may have acted on this " + s.req.Method
	}
	return ""
}

// unsent reports whether an attempt that failed with err had no connection: its dial, DNS, proxy or TLS failed. A Base
// that calls no hooks of httptrace proves nothing by that.
func (w *wire) unsent(err error) bool {
	if w.get.Load() > 0 {
		return w.got.Load() == 0
	}
	if w.got.Load() > 0 {
		return false
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return true
	}
	return isA[*net.DNSError](err)
}
