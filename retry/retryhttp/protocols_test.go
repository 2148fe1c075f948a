package retryhttp_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/backspan/backspan/retry/retryhttp"
	"github.com/backspan/backspan/retry/retrytest/flaky"
)

// A protocol is the major version of HTTP that a rule is tested over.
type protocol int

func (p protocol) String() string { return map[protocol]string{1: "HTTP/1.1", 2: "HTTP/2"}[p] }

// overBoth runs a test over HTTP/1.1, and over HTTP/2 with TLS and ALPN.
func overBoth(t *testing.T, test func(t *testing.T, p protocol)) {
	t.Helper()
	for _, p := range [...]protocol{1, 2} {
		t.Run(p.String(), func(t *testing.T) { test(t, p) })
	}
}

// serve starts a server, and returns a Base for it that trusts every server of serve.
func (p protocol) serve(t *testing.T, handler http.Handler) (url string, base *http.Transport) {
	t.Helper()
	server := p.start(t, handler)
	return server.URL, server.Client().Transport.(*http.Transport)
}

// start starts a server. A request that comes over another protocol fails the test.
func (p protocol) start(t *testing.T, handler http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != int(p) {
			t.Errorf("a request came over %s, want %v", r.Proto, p)
		}
		handler.ServeHTTP(w, r)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that leave in a handshake
	if server.EnableHTTP2 = p == 2; server.EnableHTTP2 {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close) // with the connections of its client
	return server
}

// refused is an address where nobody listens, and a Base.
func (p protocol) refused(t *testing.T) (url string, base *http.Transport) {
	t.Helper()
	url, base = p.serve(t, http.NotFoundHandler())
	scheme, _, _ := strings.Cut(url, ":")
	_, addr, _ := strings.Cut(refused(t), ":")
	return scheme + ":" + addr, base
}

// A player is a server that plays a script.
type player struct {
	*flaky.Server
	url  string
	base *http.Transport
}

func (p protocol) play(t *testing.T, script string) *player {
	t.Helper()
	return p.playAll(t, flaky.Config{Script: script})
}

func (p protocol) playAll(t *testing.T, config flaky.Config) *player {
	t.Helper()
	handler, err := flaky.NewHandler(config)
	if err != nil {
		t.Fatal(err)
	}
	url, base := p.serve(t, handler)
	t.Cleanup(func() { // before the server, which waits for what is being answered
		if err := handler.Close(); err != nil {
			t.Error(err)
		}
	})
	return &player{handler, url, base}
}

// below makes the player's Base that of transport.
func (s *player) below(transport *retryhttp.Transport) *retryhttp.Transport {
	transport.Base = s.base
	return transport
}

// host is what names of operations end with.
func (s *player) host() string {
	_, host, _ := strings.Cut(s.url, "://")
	return host
}
