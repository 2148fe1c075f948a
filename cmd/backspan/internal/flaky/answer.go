package flaky

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/backspan/backspan/retry/retrytest/flaky"
)

// requestsPath is where a test asks what arrived. What is asked there meets no step and is not noted.
const requestsPath = "/_flaky/requests"

// answerTests answers at requestsPath, and lets server answer the rest.
func answerTests(server *flaky.Server) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", server)
	mux.HandleFunc("GET "+requestsPath, func(w http.ResponseWriter, _ *http.Request) {
		list := []request{}
		for _, r := range server.Requests() {
			list = append(list, record(r))
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(list) // a client that is gone does not read it either
	})
	mux.HandleFunc("DELETE "+requestsPath, func(w http.ResponseWriter, _ *http.Request) {
		server.Reset()
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

// A request is one that arrived, as JSON.
type request struct {
	Time       time.Time   `json:"time"`
	Seconds    float64     `json:"seconds"` // until it was answered; 0 while it is not
	Method     string      `json:"method"`
	URL        string      `json:"url"`
	Key        string      `json:"key,omitempty"`
	Step       string      `json:"step"`
	Left       bool        `json:"left,omitempty"` // the client left before the answer
	RemoteAddr string      `json:"remote_addr"`
	Header     http.Header `json:"header"`
	Body       string      `json:"body,omitempty"` // its first 64 KiB
	BodySize   int64       `json:"body_size"`
}

func record(r flaky.Request) request {
	return request{
		Time: r.Time, Seconds: r.Took.Seconds(), Method: r.Method, URL: r.URL, Key: r.Key, Step: r.Step, Left: r.Left,
		RemoteAddr: r.RemoteAddr, Header: r.Header, Body: string(r.Body), BodySize: r.BodySize,
	}
}
