package flaky

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// The limits of what a server remembers.
const (
	maxRequests = 10_000   // the oldest are forgotten
	maxBody     = 64 << 10 // bytes of each request's body
	maxRead     = 16 << 20 // bytes that are read of a body before it is answered
	maxPlaces   = 10_000   // paths and keys whose place in their script is known; the rest share one
	readHeader  = time.Minute
)

// A Config says how a server fails. The zero Config answers every request with 200.
type Config struct {
	// Script is played by all requests that no script of Paths is for. Empty: they pass.
	Script string

	// Paths are scripts of their own. The keys are patterns as those of http.ServeMux: "/orders", "GET /orders/{id}".
	Paths map[string]string

	// Key keeps scripts apart: requests with the same key play a script together, from its beginning. nil: all do. With
	// more than 10,000 keys the rest are one.
	Key func(*http.Request) string

	// Rates are faults that come at random, instead of the step of a script: a step, and its share from 0 to 1. The
	// shares of all are at most 1 together.
	Rates map[string]float64

	// Seed decides which requests meet the faults of Rates: the same seed and order of requests, the same faults.
	Seed uint64

	// Next answers the requests that pass. nil: 200 without a body.
	Next http.Handler

	// Around makes the handler that Start serves, for paths that meet no step. nil: it is the server.
	Around func(*Server) http.Handler

	// Addr is where Start listens; empty: a free port of the loopback address.
	Addr string

	// Log is called with each request when it was answered, or dropped. It may be called at the same time by several.
	Log func(Request)
}

// A Request is one that arrived.
type Request struct {
	Time       time.Time     // when its headers had arrived
	Took       time.Duration // until its answer was written, or it was dropped
	Method     string
	URL        string // path and query
	Key        string // as Config.Key has it
	Header     http.Header
	Body       []byte // its first 64 KiB
	BodySize   int64  // of what was read, at most 16 MiB
	RemoteAddr string // one for each connection
	Step       string // what it met, as in the script
	Left       bool   // the client left before the answer was written
}

// A Server plays scripts. It is an http.Handler, and listens by itself when it comes from [Start] or [New]. Its methods
// may be called at the same time by several goroutines.
type Server struct {
	next   http.Handler
	key    func(*http.Request) string
	log    func(Request)
	mux    *http.ServeMux // finds the script of a path
	rates  []rate
	closed chan struct{}

	http     *http.Server
	listener net.Listener
	served   chan struct{} // closed when http.Serve has returned
	handling sync.WaitGroup

	mu       sync.Mutex
	random   *rand.Rand
	places   map[place]int // how many requests played each script
	requests []*Request
	total    int
	isClosed bool
}

// A script is one of Config's. It finds its place by the pattern.
type script struct {
	pattern string
	steps   []step
}

func (*script) ServeHTTP(http.ResponseWriter, *http.Request) {}

type place struct{ pattern, key string }

type rate struct {
	below float64 // a random number below this one, and not below that of the rate before
	step  step
}

// NewHandler returns a server that does not listen, for an http.Server of your own. A script that cannot be read is a
// *ScriptError within the error.
func NewHandler(c Config) (*Server, error) {
	s := &Server{
		next: c.Next, key: c.Key, log: c.Log, mux: http.NewServeMux(), closed: make(chan struct{}),
		random: rand.New(rand.NewPCG(c.Seed, 0)), //nolint:gosec // must be repeatable, guards no secret
		places: map[place]int{},
	}
	paths := map[string]string{"/": c.Script}
	for pattern, text := range c.Paths {
		if pattern == "/" && c.Script != "" {
			return nil, errors.New(`flaky: Script and the path "/" are for the same requests: want one of them`)
		}
		paths[pattern] = text
	}
	for _, pattern := range slices.Sorted(maps.Keys(paths)) {
		steps, err := parse(paths[pattern])
		if err != nil {
			return nil, fmt.Errorf("flaky: path %q: %w", pattern, err)
		}
		if err := s.handle(pattern, steps); err != nil {
			return nil, err
		}
	}
	sum := 0.0
	for _, text := range slices.Sorted(maps.Keys(c.Rates)) {
		steps, err := parse(text)
		if err != nil {
			return nil, fmt.Errorf("flaky: rate of %q: %w", text, err)
		}
		share := c.Rates[text]
		sum += share
		if len(steps) != 1 || !(share >= 0 && sum <= 1) {
			return nil, fmt.Errorf("flaky: rate of %q is %v: want one step, and shares from 0 to 1, together at most 1",
				text, share)
		}
		s.rates = append(s.rates, rate{sum, steps[0]})
	}
	return s, nil
}

// handle gives a path its script. http.ServeMux panics for a pattern that is none.
func (s *Server) handle(pattern string, steps []step) (err error) {
	defer func() {
		if bad := recover(); bad != nil {
			err = fmt.Errorf("flaky: path %q: %v", pattern, bad)
		}
	}()
	s.mux.Handle(pattern, &script{pattern, steps})
	return nil
}

// Start returns a server that listens. Close stops it.
func Start(c Config) (*Server, error) {
	s, err := NewHandler(c)
	if err != nil {
		return nil, err
	}
	addr := c.Addr
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	if s.listener, err = net.Listen("tcp", addr); err != nil {
		return nil, fmt.Errorf("flaky: %w", err)
	}
	s.served = make(chan struct{})
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: readHeader}
	if c.Around != nil {
		s.http.Handler = c.Around(s)
	}
	go func() {
		defer close(s.served)
		// It ends by Close or a step that stops it. A listener that fails shows in the client's errors.
		_ = s.http.Serve(s.listener)
	}()
	return s, nil
}

// URL is where a started server listens, without a slash at the end: http://127.0.0.1:41234.
func (s *Server) URL() string {
	if s.listener == nil {
		return ""
	}
	return "http://" + s.listener.Addr().String()
}

// Close ends what is being answered, and a started server, and waits until both have ended. It may be called again.
func (s *Server) Close() error {
	s.mu.Lock()
	first := !s.isClosed
	s.isClosed = true
	s.mu.Unlock()
	if first {
		close(s.closed)
	}
	var err error
	if s.http != nil {
		if err = s.http.Close(); errors.Is(err, net.ErrClosed) { // a step had stopped it
			err = nil
		}
		<-s.served
	}
	s.handling.Wait()
	return err
}

// stopListening refuses connections from now on. Those that are open go on.
func (s *Server) stopListening() {
	if s.listener != nil {
		_ = s.listener.Close() // to close it twice is no failure
	}
}

// ServeHTTP notes the request and plays the next step of its script.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	note := &Request{
		Time: time.Now(), Method: r.Method, URL: r.URL.RequestURI(), Header: r.Header.Clone(),
		RemoteAddr: r.RemoteAddr,
	}
	if s.key != nil {
		note.Key = s.key(r)
	}
	step, ok := s.take(r, note)
	if !ok {
		panic(http.ErrAbortHandler) // it was closed
	}
	defer s.handling.Done()
	defer func() {
		s.mu.Lock()
		note.Took = time.Since(note.Time)
		note.Left = r.Context().Err() != nil
		done := *note
		s.mu.Unlock()
		if s.log != nil {
			s.log(done)
		}
	}()
	s.read(r, note)
	s.play(w, r, step)
}

// read reads the body, which a server that answers needs to have done: net/http sees a client leave only then.
func (s *Server) read(r *http.Request, note *Request) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, maxBody)) // a client that is gone shows in its context
	rest, _ := io.CopyN(io.Discard, r.Body, maxRead-int64(len(body)))
	s.mu.Lock()
	defer s.mu.Unlock()
	note.Body, note.BodySize = body, int64(len(body))+rest
}

// take notes a request and takes its step. It returns false when the server is closed.
func (s *Server) take(r *http.Request, note *Request) (*step, bool) {
	handler, _ := s.mux.Handler(r)
	played, found := handler.(*script)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isClosed {
		return nil, false
	}
	s.handling.Add(1)
	var next *step
	if n := s.random.Float64(); len(s.rates) > 0 {
		for i := range s.rates {
			if n < s.rates[i].below {
				next = &s.rates[i].step
				break
			}
		}
	}
	if next == nil {
		if !found { // a path that ServeMux would redirect
			root, _ := s.mux.Handler(&http.Request{Method: r.Method, URL: &url.URL{Path: "/"}})
			played = root.(*script)
		}
		next = s.advance(played, note.Key)
	}
	note.Step = next.text
	s.total++
	if len(s.requests) == maxRequests {
		s.requests = slices.Delete(s.requests, 0, maxRequests/10)
	}
	s.requests = append(s.requests, note)
	return next, true
}

// advance returns the step that is played next for a key, and moves on.
func (s *Server) advance(played *script, key string) *step {
	at := place{played.pattern, key}
	n, known := s.places[at]
	if !known && len(s.places) >= maxPlaces {
		at.key = ""
		n = s.places[at]
	}
	s.places[at] = n + 1
	return &played.steps[min(n, len(played.steps)-1)]
}

// Requests returns what arrived so far, in the order of arrival: the last 10,000 at most.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Request, len(s.requests))
	for i, r := range s.requests {
		list[i] = *r
	}
	return list
}

// Reset forgets what arrived. The scripts begin anew, and the random faults go on.
func (s *Server) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests, s.total = nil, 0
	clear(s.places)
}
