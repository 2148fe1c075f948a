package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/backspan/backspan/internal/otelenv"
)

// A redirect would take the spans, the headers with them, to wherever it says.
func TestARedirectIsNotFollowed(t *testing.T) {
	for _, status := range []int{
		http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect,
	} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			stranger := &collector{}
			there := "http://" + httpCollector(t, stranger) + "/v1/traces"
			named := httptest.NewServer(http.RedirectHandler(there, status))
			defer named.Close()
			cfg := quiet(t)
			cfg.NoExport, cfg.Endpoint, cfg.Protocol = false, named.URL, otelenv.HTTPProtobuf
			cfg.Headers = map[string]string{"x-api-key": "abc"}
			tel := run(t, cfg)
			operation(t.Context(), tel.TracerProvider(), "data_load")
			err := tel.Shutdown(context.WithoutCancel(t.Context()))
			lost, ok := errors.AsType[*ExportError](err)
			if !ok || lost.NotExported != spansOfOperation || !strings.Contains(err.Error(), http.StatusText(status)) {
				t.Errorf("Shutdown said %v, want that %d spans are lost, and the status", err, spansOfOperation)
			}
			stranger.mu.Lock()
			defer stranger.mu.Unlock()
			if stranger.calls != 0 {
				t.Errorf("the redirect was followed, with %v", stranger.headers)
			}
		})
	}
}

// Whoever listens where a collector usually is gets no credentials.
func TestACollectorThatWasFoundGetsNoHeaders(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abc")
	for _, protocol := range []string{otelenv.GRPC, otelenv.HTTPProtobuf} {
		for from, headers := range map[string]map[string]string{"variable": nil, "field": {"x-api-key": "abc"}} {
			t.Run(protocol+" "+from, func(t *testing.T) {
				c := &collector{}
				cfg := quiet(t)
				cfg.Discover, cfg.discoverAt, cfg.Protocol, cfg.Headers = true, closedPort(t), protocol, headers
				collectAt(t, c, protocol, cfg.discoverAt)
				exported(t, cfg)
				c.mu.Lock()
				defer c.mu.Unlock()
				for name := range c.headers[0] {
					if n := strings.ToLower(name); n == "authorization" || n == "x-api-key" {
						t.Errorf("it was sent %s", n)
					}
				}
			})
		}
	}
}

// Headers do not go to another host in plaintext, unless somebody says that this is safe. Who configured them is told.
func TestHeadersDoNotLeaveTheMachineInPlaintext(t *testing.T) {
	for _, c := range []struct {
		name, endpoint string
		insecure       *bool
		variable       string // OTEL_EXPORTER_OTLP_INSECURE
		told           bool
	}{
		{"plaintext", "http://collector.invalid:4318", nil, "", true},
		{"plaintext over gRPC", "http://collector.invalid:4317", nil, "", true},
		{"a name below localhost", "http://x.localhost:4318", nil, "", true},
		{"the field does not agree", "http://collector.invalid:4318", new(false), "true", true},
		{"TLS", "https://collector.invalid:4318", nil, "", false},
		{"the field agrees", "http://collector.invalid:4318", new(true), "", false},
		{"the variable agrees", "http://collector.invalid:4318", nil, "true", false},
		{"this machine", "http://localhost:1", nil, "", false},
		{"an address of this machine", "http://[::ffff:127.0.0.2]:1", nil, "", false},
		{"a socket", "unix:///nowhere.sock", nil, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_INSECURE", c.variable)
			told := collectErrors(t)
			cfg := quiet(t)
			cfg.NoExport, cfg.Endpoint, cfg.Insecure = false, c.endpoint, c.insecure
			cfg.Headers = map[string]string{"x-team-key": "s3cret"}
			env := otelenv.Read(cfg.program())
			run(t, cfg)
			text := fmt.Sprint(told.list())
			if strings.Contains(text, "x-team-key") != c.told || strings.Contains(text, "s3cret") {
				t.Errorf("told %s, want the header's name: %v", text, c.told)
			}
			if sent := env.Headers["x-team-key"] != ""; sent == c.told {
				t.Errorf("the headers are %v", env.Headers)
			}
			cfg.NoHeaders = true
			if env := otelenv.Read(cfg.program()); len(env.Headers) != 0 {
				t.Errorf("with NoHeaders they are %v", env.Headers)
			}
		})
	}
}
