package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// An httpAnswers is a server in the process, so that the cost of a client is its own: it answers 503 so often in turn,
// and then 200.
type httpAnswers struct {
	failures, seen int
}

func (a *httpAnswers) RoundTrip(req *http.Request) (*http.Response, error) {
	status := http.StatusOK
	if a.seen < a.failures {
		a.seen++
		status = http.StatusServiceUnavailable
	} else {
		a.seen = 0
	}
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{},
		Body: io.NopCloser(strings.NewReader("")), Request: req,
	}, nil
}

// measureHTTP runs the clients that retry beside a plain one, in an environment that is installed.
func measureHTTP(p *page, s sizes, env environment) error {
	p.title("HTTP requests: " + env.name)
	for _, failures := range []int{0, 1} {
		var list []subject
		plain := httpPeer{name: "http.Client, which retries nothing", build: func(s httpSetup) httpClient {
			return (&http.Client{Transport: s.base}).Do
		}}
		for _, peer := range append([]httpPeer{plain}, httpPeers...) {
			if peer.name == plain.name && failures > 0 {
				continue
			}
			run := httpCall(peer, failures)
			if err := run(); err != nil {
				return fmt.Errorf("%s: %w", peer.name, err)
			}
			list = append(list, alone(peer.name, run))
		}
		results := measure(list, s.effort)
		what := []string{"success", "one 503"}[failures]
		standing := standingOf(results)
		p.results(what, results, base{"go-retryablehttp", standing["go-retryablehttp"]})
		if env.provider == nil {
			p.promise(fmt.Sprintf("%s, a request, %s: retryhttp ÷ go-retryablehttp", env.name, what), 1,
				standing.ratio(oursHTTP, "go-retryablehttp"), "×")
		}
	}
	return nil
}

// httpCall returns what sends one request by the peer and reads its answer.
func httpCall(peer httpPeer, failures int) func() error {
	const shortest = time.Nanosecond // none has a way to say that it should not wait
	send := peer.build(httpSetup{
		base: &httpAnswers{failures: failures}, retries: 3, delay: shortest, longest: shortest,
	})
	return func() error {
		const url = "http://prices.example/v1/prices"
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := send(req)
		if err != nil {
			return err
		}
		if response.StatusCode != http.StatusOK {
			_ = response.Body.Close()
			return fmt.Errorf("status %d", response.StatusCode)
		}
		_, err = io.Copy(io.Discard, response.Body)
		return errors.Join(err, response.Body.Close())
	}
}
