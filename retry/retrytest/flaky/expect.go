package flaky

import (
	"fmt"
	"strings"
	"time"
)

// TB is what the helpers need of a testing.TB. It keeps package testing out of programs that serve scripts.
//
//nolint:revive // the methods are those of testing.TB
type TB interface {
	Helper()
	Cleanup(func())
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// New starts a server that plays a script, and closes it when the test ends. A script that cannot be read ends the
// test.
func New(t TB, script string) *Server {
	t.Helper()
	s, err := Start(Config{Script: script})
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("%v", err)
		}
	})
	return s
}

// ExpectRequests fails the test unless exactly n requests arrived. It says what arrived.
func (s *Server) ExpectRequests(t TB, n int) {
	t.Helper()
	s.mu.Lock()
	total := s.total
	s.mu.Unlock()
	if total != n {
		t.Errorf("flaky: %d requests arrived, want %d%s", total, n, s.story())
	}
}

// ExpectWaits fails the test unless one request more than waits has arrived, each at least as long after the one before
// as waits says. How much longer a wait may take depends on the machine, and is not checked.
func (s *Server) ExpectWaits(t TB, waits ...time.Duration) {
	t.Helper()
	s.ExpectRequests(t, len(waits)+1)
	list := s.Requests()
	for i := range min(len(waits), len(list)-1) {
		// Timers may run out a little early for another clock.
		if wait := list[i+1].Time.Sub(list[i].Time); wait < waits[i]-time.Millisecond {
			t.Errorf("flaky: request %d came %v after the one before, want at least %v%s",
				i+2, wait, waits[i], s.story())
		}
	}
}

// ExpectConnections fails the test unless the requests came over exactly n connections.
func (s *Server) ExpectConnections(t TB, n int) {
	t.Helper()
	seen := map[string]bool{}
	for _, r := range s.Requests() {
		seen[r.RemoteAddr] = true
	}
	if len(seen) != n {
		t.Errorf("flaky: the requests came over %d connections, want %d%s", len(seen), n, s.story())
	}
}

// story tells what arrived, a line for each request, 20 at most.
func (s *Server) story() string {
	const most = 20
	list := s.Requests()
	var b strings.Builder
	for i, r := range list[:min(len(list), most)] {
		since := time.Duration(0)
		if i > 0 {
			since = r.Time.Sub(list[i-1].Time)
		}
		fmt.Fprintf(&b, "\n  %3d. +%v %s %s: %s", i+1, since.Round(time.Millisecond), r.Method, r.URL, r.Step)
	}
	if len(list) > most {
		fmt.Fprintf(&b, "\n  and %d more", len(list)-most)
	}
	return b.String()
}
