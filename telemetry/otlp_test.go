package telemetry

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/backspan/backspan/internal/otelenv"
	"github.com/backspan/backspan/internal/semconv"
)

// exported runs one operation and shuts down, and fails the test if anything was lost.
func exported(t *testing.T, cfg Config) *Telemetry {
	t.Helper()
	cfg.NoExport = false
	tel := run(t, cfg)
	operation(t.Context(), tel.TracerProvider(), "data_load")
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if tel.Exported() != spansOfOperation {
		t.Errorf("%d spans exported, want %d", tel.Exported(), spansOfOperation)
	}
	return tel
}

func checkOperation(t *testing.T, c *collector) {
	t.Helper()
	if got, want := c.names(), []string{"attempt 1", "attempt 2", "data_load"}; !slices.Equal(got, want) {
		t.Errorf("the collector got %q, want %q", got, want)
	}
}

// Every way to name a collector on this machine reaches it, by field and by variable.
func TestExportOverGRPC(t *testing.T) {
	for name, endpoint := range map[string]func(address string) string{
		"host and port": func(address string) string { return address },
		"http":          func(address string) string { return "http://" + address },
	} {
		for _, by := range []string{"field", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"} {
			t.Run(name+" by "+by, func(t *testing.T) {
				c := &collector{}
				listener := listen(t, "tcp", "127.0.0.1:0")
				grpcCollector(t, c, listener)
				cfg := quiet(t)
				text := endpoint(listener.Addr().String())
				if by == "field" {
					cfg.Endpoint = text
				} else {
					t.Setenv(by, text)
				}
				tel := exported(t, cfg)
				checkOperation(t, c)
				at := "http://" + listener.Addr().String()
				want := Destination{State: ExportOn, Endpoint: at, Protocol: otelenv.GRPC}
				if tel.Destination() != want {
					t.Errorf("destination %+v, want %+v", tel.Destination(), want)
				}
			})
		}
	}
}

// The SDK's exporters read the endpoint variables themselves, and log the error of url.Parse for 127.0.0.1:4317. The
// log line is accepted: at that moment, and at every other, the environment is as the user left it.
func TestStartLeavesTheEnvironmentAlone(t *testing.T) {
	for _, name := range []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"} {
		for _, protocol := range []string{otelenv.GRPC, otelenv.HTTPProtobuf, otelenv.HTTPJSON} {
			t.Run(name+" "+protocol, func(t *testing.T) {
				t.Setenv(name, "127.0.0.1:4317")
				before := os.Environ()
				check := func(when string) {
					if got := os.Environ(); !slices.Equal(got, before) {
						t.Errorf("%s: the environment is %q, want %q", when, got, before)
					}
				}
				logged := 0
				otel.SetLogger(funcr.New(func(_, args string) {
					if strings.Contains(args, "parse url") {
						logged++
					}
					check("while the exporter is made")
				}, funcr.Options{}))
				t.Cleanup(func() { otel.SetLogger(logr.Discard()) })
				stop := watchEnvironment(check)
				cfg := quiet(t)
				cfg.NoExport, cfg.Protocol = false, protocol
				tel := run(t, cfg)
				stop()
				if err := tel.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
				check("after Shutdown")
				if logged == 0 {
					t.Error("the SDK logged nothing: nobody looked while the exporter was made")
				}
			})
		}
	}
}

// watchEnvironment calls check all the time, from another goroutine, until stop is called.
func watchEnvironment(check func(when string)) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			default:
				check("seen by another goroutine")
			}
		}
	}()
	return func() { close(done); <-ended }
}

func TestExportOverIPv6(t *testing.T) {
	c := &collector{}
	listener := listen(t, "tcp", "[::1]:0")
	grpcCollector(t, c, listener)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", listener.Addr().String())
	exported(t, quiet(t))
	checkOperation(t, c)
}

func TestExportOverAUnixSocket(t *testing.T) {
	c := &collector{}
	dir, err := os.MkdirTemp("", "otlp") //nolint:usetesting // sockets' paths have at most 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	grpcCollector(t, c, listen(t, "unix", path))
	cfg := quiet(t)
	cfg.Endpoint = "unix://" + path
	exported(t, cfg)
	checkOperation(t, c)
}

func TestExportOverHTTP(t *testing.T) {
	for _, protocol := range []string{otelenv.HTTPProtobuf, otelenv.HTTPJSON} {
		for _, compression := range []string{"none", "gzip"} {
			t.Run(protocol+" "+compression, func(t *testing.T) {
				c := &collector{}
				t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", httpCollector(t, c))
				t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
				t.Setenv("OTEL_EXPORTER_OTLP_COMPRESSION", compression)
				t.Setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", newCerts(t).authority)
				t.Setenv("OTEL_EXPORTER_OTLP_INSECURE", "true")
				exported(t, quiet(t))
				checkOperation(t, c)
				if want := "/v1/traces"; c.paths[0] != want {
					t.Errorf("posted to %s, want %s", c.paths[0], want)
				}
				if gzipped := c.headers[0]["Content-Encoding"] != nil; gzipped != (compression == "gzip") {
					t.Errorf("gzipped %v with compression %s", gzipped, compression)
				}
			})
		}
	}
}

func TestExportGoesToThePathThatWasGiven(t *testing.T) {
	for given, want := range map[string]string{
		"": "/v1/traces", "/": "/v1/traces", "/otlp": "/otlp/v1/traces", "/v1/traces": "/v1/traces",
	} {
		c := &collector{}
		cfg := quiet(t)
		cfg.Endpoint, cfg.Protocol = "http://"+httpCollector(t, c)+given, otelenv.HTTPProtobuf
		exported(t, cfg)
		if c.paths[0] != want {
			t.Errorf("%q: posted to %s, want %s", given, c.paths[0], want)
		}
	}
	c := &collector{}
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", otelenv.HTTPProtobuf)
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://"+httpCollector(t, c)+"/my/traces")
	exported(t, quiet(t))
	if c.paths[0] != "/my/traces" {
		t.Errorf("posted to %s, want the very path of the variable", c.paths[0])
	}
}

func TestHeadersAreSent(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Bearer%20abc,x-team=payments")
	check := func(t *testing.T, headers map[string][]string, authorization, team string) {
		t.Helper()
		if !slices.Equal(headers[authorization], []string{"Bearer abc"}) ||
			!slices.Equal(headers[team], []string{"payments"}) {
			t.Errorf("headers %v", headers)
		}
	}
	t.Run("gRPC", func(t *testing.T) {
		c := &collector{}
		listener := listen(t, "tcp", "127.0.0.1:0")
		grpcCollector(t, c, listener)
		cfg := quiet(t)
		cfg.Endpoint = listener.Addr().String()
		exported(t, cfg)
		check(t, c.headers[0], "authorization", "x-team")
	})
	t.Run("HTTP", func(t *testing.T) {
		c := &collector{}
		cfg := quiet(t)
		cfg.Endpoint, cfg.Protocol = httpCollector(t, c), otelenv.HTTPProtobuf
		exported(t, cfg)
		check(t, c.headers[0], "Authorization", "X-Team")
	})
}

func TestExportWithCertificates(t *testing.T) {
	certs := newCerts(t)
	t.Setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", certs.authority)
	t.Setenv("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", certs.client)
	t.Setenv("OTEL_EXPORTER_OTLP_CLIENT_KEY", certs.key)
	t.Run("gRPC", func(t *testing.T) {
		c := &collector{}
		listener := listen(t, "tcp", "127.0.0.1:0")
		grpcCollector(t, c, listener, grpc.Creds(credentials.NewTLS(certs.mutual())))
		cfg := quiet(t)
		cfg.Endpoint = listener.Addr().String() // without a scheme, certificates mean TLS
		exported(t, cfg)
		checkOperation(t, c)
	})
	t.Run("HTTP", func(t *testing.T) {
		c := &collector{}
		server := httptest.NewUnstartedServer(c)
		server.TLS = certs.mutual()
		server.StartTLS()
		t.Cleanup(server.Close)
		cfg := quiet(t)
		cfg.Endpoint, cfg.Protocol = "https://"+server.Listener.Addr().String(), otelenv.HTTPProtobuf
		exported(t, cfg)
		checkOperation(t, c)
	})
}

func TestTheResourceNamesTheService(t *testing.T) {
	program := filepath.Base(os.Args[0])
	for name, c := range map[string]struct {
		cfg        Config
		env        map[string]string
		want, vers string
	}{
		"nothing": {Config{}, nil, program, ""},
		"attributes": {
			Config{}, map[string]string{
				"OTEL_RESOURCE_ATTRIBUTES": "service.name=by%20attribute,team=a,host.name=elsewhere",
			}, "by attribute", "",
		},
		"variable": {Config{}, map[string]string{
			"OTEL_RESOURCE_ATTRIBUTES": "service.name=by attribute,service.version=1",
			"OTEL_SERVICE_NAME":        "by variable",
		}, "by variable", "1"},
		"field": {Config{Service: "by field", ServiceVersion: "2"}, map[string]string{
			"OTEL_RESOURCE_ATTRIBUTES": "service.name=by attribute,service.version=1",
			"OTEL_SERVICE_NAME":        "by variable",
		}, "by field", "2"},
	} {
		t.Run(name, func(t *testing.T) {
			for k, v := range c.env {
				t.Setenv(k, v)
			}
			receiver := &collector{}
			cfg := quiet(t)
			cfg.Service, cfg.ServiceVersion = c.cfg.Service, c.cfg.ServiceVersion
			cfg.Endpoint, cfg.Protocol = httpCollector(t, receiver), otelenv.HTTPProtobuf
			exported(t, cfg)
			got := receiver.resource()
			if got["service.name"] != c.want || got["service.version"] != c.vers ||
				got["telemetry.sdk.language"] != "go" {
				t.Errorf("resource %v, want service.name %q and service.version %q", got, c.want, c.vers)
			}
			host, err := os.Hostname()
			if err != nil {
				t.Fatal(err)
			}
			if name == "attributes" {
				host = "elsewhere"
				if got["team"] != "a" {
					t.Errorf("resource %v lacks team", got)
				}
			}
			if got["host.name"] != host || got["process.pid"] != strconv.Itoa(os.Getpid()) {
				t.Errorf("resource %v, want host %q and this process", got, host)
			}
		})
	}
}

// An export that the collector refuses for the moment is repeated.
func TestExportIsTriedAgain(t *testing.T) {
	t.Run("gRPC", func(t *testing.T) {
		c := &collector{answer: func(call int) (*coltracepb.ExportTraceServiceResponse, int, error) {
			if call == 1 {
				return nil, 0, status.Error(grpccodes.Unavailable, "not now")
			}
			return &coltracepb.ExportTraceServiceResponse{}, http.StatusOK, nil
		}}
		listener := listen(t, "tcp", "127.0.0.1:0")
		grpcCollector(t, c, listener)
		cfg := quiet(t)
		cfg.Endpoint = listener.Addr().String()
		exported(t, cfg)
		checkOperation(t, c)
	})
	t.Run("HTTP", func(t *testing.T) {
		c := &collector{answer: func(call int) (*coltracepb.ExportTraceServiceResponse, int, error) {
			if call == 1 {
				return nil, http.StatusServiceUnavailable, nil
			}
			return &coltracepb.ExportTraceServiceResponse{}, http.StatusOK, nil
		}}
		cfg := quiet(t)
		cfg.Endpoint, cfg.Protocol = httpCollector(t, c), otelenv.HTTPProtobuf
		exported(t, cfg)
		checkOperation(t, c)
	})
}

// The collector gets the attributes and the status of a span.
func TestExportedSpansSayWhatTheyDid(t *testing.T) {
	c := &collector{}
	cfg := quiet(t)
	cfg.Endpoint, cfg.Protocol = httpCollector(t, c), otelenv.HTTPProtobuf
	tel := exported(t, cfg)
	var first *tracepb.Span
	for _, span := range c.spans() {
		if span.GetName() == "attempt 1" {
			first = span
		}
	}
	if first == nil {
		t.Fatal("no attempt 1")
	}
	got := make(map[string]string)
	for _, kv := range first.GetAttributes() {
		got[kv.GetKey()] = kv.GetValue().GetStringValue()
	}
	if got[string(semconv.ResultKey)] != "retrying" || got[string(semconv.SessionIDKey)] != tel.Session() {
		t.Errorf("attributes %v", got)
	}
	if s := first.GetStatus(); s.GetCode() != tracepb.Status_STATUS_CODE_ERROR ||
		s.GetMessage() != "Connection timeout" {
		t.Errorf("status %v, want %v", s, codes.Error)
	}
}

func TestConsolePrintsSpans(t *testing.T) {
	t.Setenv("OTEL_TRACES_EXPORTER", "console")
	path := filepath.Join(t.TempDir(), "console")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	cfg := quiet(t)
	cfg.Console = out
	tel := exported(t, cfg)
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if n := len(lines(t, path)); n != spansOfOperation {
		t.Errorf("%d lines, want %d", n, spansOfOperation)
	}
	if got := tel.Destination().String(); got != "spans are printed" {
		t.Error(got)
	}
}

func TestWhenNothingIsExportedDestinationSaysWhy(t *testing.T) {
	nobody := closedPort(t)
	for name, c := range map[string]struct {
		cfg  Config
		env  string
		want ExportState
		line string
	}{
		"declined": {Config{NoExport: true, Endpoint: "localhost:4317"}, "", ExportDeclined, "spans are not exported"},
		"none":     {Config{}, "none", ExportNone, "spans are not exported: OTEL_TRACES_EXPORTER is none"},
		"nobody there": {
			Config{Discover: true, discoverAt: nobody},
			"", ExportNotFound,
			"spans are not exported: no collector at http://" + nobody,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("OTEL_TRACES_EXPORTER", c.env)
			c.cfg.Events, c.cfg.Local = quiet(t).Events, true
			tel := run(t, c.cfg)
			operation(t.Context(), tel.TracerProvider(), "data_load")
			if err := tel.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			if got := tel.Destination(); got.State != c.want || got.String() != c.line || tel.Exported() != 0 {
				t.Errorf("%+v, %q, %d exported, want state %d, %q", got, got, tel.Exported(), c.want, c.line)
			}
			if n := len(lines(t, tel.EventsPath())); n != linesOfOperation {
				t.Errorf("%d lines in the event log, want %d", n, linesOfOperation)
			}
		})
	}
}

func TestACollectorThatListensIsDiscovered(t *testing.T) {
	c := &collector{}
	listener := listen(t, "tcp", "127.0.0.1:0")
	grpcCollector(t, c, listener)
	cfg := quiet(t)
	cfg.Discover, cfg.discoverAt = true, listener.Addr().String()
	tel := exported(t, cfg)
	checkOperation(t, c)
	if got, want := tel.Destination().String(), "spans go to http://"+cfg.discoverAt+" (grpc)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// An endpoint that is configured is used even when nothing listens there.
func TestAConfiguredEndpointIsNotProbed(t *testing.T) {
	nobody := closedPort(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", nobody)
	cfg := quiet(t)
	cfg.NoExport, cfg.Discover = false, true
	tel := run(t, cfg)
	if tel.Destination().State != ExportOn {
		t.Errorf("%+v", tel.Destination())
	}
	if err := tel.Shutdown(context.WithoutCancel(t.Context())); err != nil {
		t.Errorf("nothing was recorded, but: %v", err)
	}
}
