package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
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
	pages    []Page
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
	paths := make([]string, len(list))
	for i, p := range list {
		paths[i] = p.Path
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("the data service needs a loopback port: %w", err)
	}
	s := &Service{
		listener: listener, stopped: make(chan struct{}), pages: list, late: late,
		plan: newPlan(scenario, seed, paths),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+catalogPath, s.catalog)
	mux.HandleFunc("GET "+baselinePath, s.baseline)
	mux.HandleFunc("GET /v1/co2/{years}", s.page)
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

func (s *Service) catalog(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.pages) }

func (s *Service) baseline(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, map[string]float64{"ppm": baselinePPM})
}

func (s *Service) page(w http.ResponseWriter, r *http.Request) {
	for _, p := range s.pages {
		if strings.HasSuffix(p.Path, "/"+r.PathValue("years")) {
			w.Header().Set("Content-Type", "text/csv")
			_, _ = w.Write(p.body) // a client that is gone does not read an error either
			return
		}
	}
	http.NotFound(w, r)
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // as above
}
