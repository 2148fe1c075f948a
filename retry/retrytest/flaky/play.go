package flaky

import (
	"fmt"
	"math"
	"net"
	"net/http"
	"strconv"
	"time"
)

const (
	chunk   = 16 << 10 // bytes of a body that are written at once
	forever = time.Duration(math.MaxInt64)
)

// play answers one request as t says.
func (s *Server) play(w http.ResponseWriter, r *http.Request, t *step) {
	s.wait(r, t.delay)
	switch t.action {
	case pass:
		if s.next != nil {
			s.next.ServeHTTP(w, r)
		}
	case stop:
		s.stopListening()
		drop(w, true)
	case reset:
		drop(w, true)
	case hang:
		s.wait(r, forever)
	case malformed:
		garble(w)
	default:
		s.answer(w, r, t)
	}
}

// answer writes the step's own answer, as far as it goes.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, t *step) {
	for name, values := range t.header {
		w.Header()[name] = values
	}
	length := t.length()
	if length > 0 {
		w.Header().Set("Content-Length", strconv.FormatInt(length, 10))
	}
	w.WriteHeader(t.status)
	if length == 0 {
		return
	}
	end := length
	if limit := max(t.cut, t.reset); limit >= 0 {
		end = limit
	}
	controller := http.NewResponseController(w)
	begun := time.Now()
	for sent := int64(0); sent < end; {
		n := min(chunk, end-sent)
		if t.slow > 0 { // in a hundred pieces, so that it is slow throughout
			n = min(n, max(1, length/100))
		}
		if _, err := w.Write(t.part(sent, n)); err != nil {
			return // the client has left
		}
		sent += n
		if t.slow > 0 {
			_ = controller.Flush() // a writer that cannot flush sends it all at the end
			due := time.Duration(float64(t.slow) * float64(sent) / float64(length))
			s.wait(r, due-time.Since(begun))
		}
	}
	if end < length {
		_ = controller.Flush() // what was promised until here arrives first
		drop(w, t.reset >= 0)
	}
}

// part is n bytes of the body from at on.
func (t *step) part(at, n int64) []byte {
	if t.size < 0 {
		return []byte(t.body[at : at+n])
	}
	part := make([]byte, n)
	for i := range part {
		part[i] = 'x'
	}
	return part
}

// wait waits for d. It gives the request up when the client leaves or the server is closed before: a handler that
// returned would have answered 200.
func (s *Server) wait(r *http.Request, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
		panic(http.ErrAbortHandler)
	case <-s.closed:
		panic(http.ErrAbortHandler)
	}
}

// drop ends the connection: with a reset, or as if the server had closed it. On HTTP/2 it resets the stream.
func drop(w http.ResponseWriter, rudely bool) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := connection.(*net.TCPConn); ok && rudely {
		_ = tcp.SetLinger(0) // RST instead of FIN; a connection that is gone needs neither
	}
	_ = connection.Close()
}

// garble answers with what is no HTTP.
func garble(w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	_, _ = fmt.Fprint(connection, "\x00this is no HTTP\r\n\r\n") // a client that is gone does not read it either
	_ = connection.Close()
}
