package demo

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/backspan/backspan/retry/retrytest/flaky"
)

// StartService starts the flaky data service in the given weather, on a loopback port. A late answer comes after the
// duration late.
func StartService(scenario Scenario, seed uint64, late time.Duration) (*flaky.Server, error) {
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
	return flaky.Start(flaky.Config{Paths: scripts(scenario, seed, paths, late), Next: mux})
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
