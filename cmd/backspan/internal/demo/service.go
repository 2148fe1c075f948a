package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// retryAfter is what the busy service asks for; the header knows whole seconds only.
const retryAfter = 1 * time.Second

// A Service is the flaky data service, listening on a loopback port.
type Service struct {
	server   *http.Server
	listener net.Listener
	stopped  chan struct{}
	late     time.Duration

	mu   sync.Mutex
	plan plan
}

// StartService starts the service in the given weather. A late answer comes after the duration late. Close stops it.
func StartService(scenario Scenario, seed uint64, late time.Duration) (*Service, error) {
	list, err := pages()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+catalogPath, serveJSON(list))
	mux.HandleFunc("GET "+baselinePath, serveJSON(map[string]float64{"ppm": baselinePPM}))
	paths := make([]string, len(list))
	for i, p := range list {
		paths[i] = p.Path
		mux.HandleFunc("GET "+p.Path, serveCSV(p.body))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("the data service needs a loopback port: %w", err)
	}
	plan := newPlan(scenario, seed, paths)
	s := &Service{listener: listener, stopped: make(chan struct{}), late: late, plan: plan}
	s.server = &http.Server{Handler: s.weather(mux), ReadHeaderTimeout: 5 * time.Second}
	go func() {
		defer close(s.stopped)
		// Serve returns when Close or the scenario stops it; a listener that fails shows in the client's errors.
		_ = s.server.Serve(listener)
	}()
	return s, nil
}

// URL is the service's address without a trailing slash.
func (s *Service) URL() string { return "http://" + s.listener.Addr().String() }

// Close stops the service and waits until it has stopped.
func (s *Service) Close() error {
	err := s.server.Close()
	<-s.stopped
	if errors.Is(err, net.ErrClosed) { // the scenario stopped it before
		return nil
	}
	return err
}

// weather meets each request with the next fault that waits for its path.
func (s *Service) weather(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch s.nextFault(r.URL.Path) {
		case none:
			next.ServeHTTP(w, r)
		case busy:
			w.Header().Set("Retry-After", fmt.Sprintf("%.0f", retryAfter.Seconds()))
			http.Error(w, "overloaded, come back later", http.StatusServiceUnavailable)
		case reset:
			resetConnection(w)
		case late:
			select {
			case <-time.After(s.late):
				next.ServeHTTP(w, r)
			case <-r.Context().Done():
			}
		case malformed:
			fmt.Fprint(w, "year,ppm\n1969,n/a\n")
		case gone:
			_ = s.listener.Close() // closing it twice is not a failure
			resetConnection(w)
		}
	})
}

func (s *Service) nextFault(path string) fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting := s.plan[path]
	if len(waiting) == 0 {
		return none
	}
	s.plan[path] = waiting[1:]
	return waiting[0]
}

// resetConnection promises a body, sends part of it and resets the connection.
func resetConnection(w http.ResponseWriter) {
	connection, buffer, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // also cuts the connection, only less rudely
	}
	fmt.Fprint(buffer, "HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: 4096\r\n\r\nyear,ppm\n")
	_ = buffer.Flush() // the connection is about to go anyway
	if tcp, ok := connection.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // RST instead of FIN
	}
	_ = connection.Close()
}

func serveCSV(body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/csv")
		_, _ = w.Write(body) // a client that is gone does not read an error either
	}
}

func serveJSON(v any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v) // as above
	}
}
