package retryhttp

import (
	"io"
	"time"
)

// What is read of a response that a retry follows, so that its connection can be used again.
const (
	drainSize = 64 << 10
	drainTime = 100 * time.Millisecond
)

// discard ends the response of an attempt before the wait. Held through the wait, its connection would be missing where
// MaxConnsPerHost is 1, and instrumentation would count the wait as part of the request.
func (s *send) discard() {
	if s.resp == nil {
		return
	}
	drain(s.resp.Body)
	s.release()
	s.resp = nil
}

func drain(body io.ReadCloser) {
	// Close makes a Read return that waits for a server which sends no more.
	stalled := time.AfterFunc(drainTime, func() { _ = body.Close() })
	_, _ = io.CopyN(io.Discard, body, drainSize+1) // one more, to meet the end; the response has failed anyway
	stalled.Stop()
	_ = body.Close()
}
