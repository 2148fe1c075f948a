package telemetry

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	colmetricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/backspan/backspan/internal/otelenv"
	"github.com/backspan/backspan/internal/semconv"
)

// A metricCollector receives metrics over gRPC or HTTP.
type metricCollector struct {
	colmetricspb.UnimplementedMetricsServiceServer
	refuses bool          // everything
	called  chan struct{} // after each call, where somebody waits

	mu      sync.Mutex
	names   map[string]bool // of metrics and service
	headers map[string][]string
	path    string
	calls   int
}

func (c *metricCollector) receive(
	r *colmetricspb.ExportMetricsServiceRequest, headers map[string][]string, path string,
) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	c.headers, c.path = headers, path
	if c.names == nil {
		c.names = map[string]bool{}
	}
	for _, rm := range r.GetResourceMetrics() {
		for _, kv := range rm.GetResource().GetAttributes() {
			c.names[kv.GetKey()+"="+kv.GetValue().GetStringValue()] = true
		}
		for _, sm := range rm.GetScopeMetrics() {
			for _, m := range sm.GetMetrics() {
				c.names[m.GetName()] = true
			}
		}
	}
}

func (c *metricCollector) tell() {
	select {
	case c.called <- struct{}{}:
	default:
	}
}

// Export is the gRPC service.
func (c *metricCollector) Export(ctx context.Context, r *colmetricspb.ExportMetricsServiceRequest) (
	*colmetricspb.ExportMetricsServiceResponse, error,
) {
	defer c.tell()
	md, _ := metadata.FromIncomingContext(ctx)
	c.receive(r, md, "")
	if c.refuses {
		return nil, grpcstatus.Error(codes.Unimplemented, "unknown service")
	}
	return &colmetricspb.ExportMetricsServiceResponse{}, nil
}

// ServeHTTP is the HTTP service.
func (c *metricCollector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer c.tell()
	body := io.Reader(r.Body)
	var err error
	if r.Header.Get("Content-Encoding") == "gzip" {
		if body, err = gzip.NewReader(body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	data, err := io.ReadAll(body)
	request := &colmetricspb.ExportMetricsServiceRequest{}
	if err = errors.Join(err, proto.Unmarshal(data, request)); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.receive(request, r.Header, r.URL.Path)
	if c.refuses {
		http.Error(w, strings.Repeat("<p>not here", 1000), http.StatusNotFound)
	}
}

// serveAt serves c at address until the test ends, and returns the address.
func (c *metricCollector) serveAt(t *testing.T, protocol, address string) string {
	t.Helper()
	listener := listen(t, "tcp", address)
	done := make(chan struct{})
	shut := func() {}
	if protocol == otelenv.GRPC {
		server := grpc.NewServer()
		colmetricspb.RegisterMetricsServiceServer(server, c)
		shut = server.Stop
		go func() {
			defer close(done)
			_ = server.Serve(listener) // it ends with Stop
		}()
	} else {
		server := &http.Server{Handler: c}
		shut = func() { _ = server.Close() }
		go func() {
			defer close(done)
			_ = server.Serve(listener) // it ends with Close
		}()
	}
	t.Cleanup(func() {
		shut()
		<-done
	})
	return listener.Addr().String()
}

// exporting is a configuration that exports metrics alone.
func exporting(t *testing.T, protocol, endpoint string) Config {
	t.Setenv("OTEL_METRICS_EXPORTER", "otlp")
	cfg := quiet(t)
	cfg.NoExport, cfg.Exporter, cfg.Endpoint, cfg.Protocol = false, otelenv.ExporterNone, endpoint, protocol
	return cfg
}

func TestMetricsAreExported(t *testing.T) {
	for _, protocol := range exitProtocols {
		t.Run(protocol, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "gzip")
			c := &metricCollector{}
			cfg := exporting(t, protocol, c.serveAt(t, protocol, "127.0.0.1:0"))
			cfg.Service, cfg.Headers = "billing", map[string]string{"x-api-key": "abc"}
			tel := run(t, cfg)
			works(t.Context(), tel.TracerProvider(), "load", 0)
			if err := tel.Flush(t.Context()); err != nil {
				t.Error(err)
			}
			if err := tel.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			for _, name := range []string{semconv.OperationDuration, semconv.EventsDropped, "service.name=billing"} {
				if !c.names[name] {
					t.Errorf("%s did not arrive, but %v", name, c.names)
				}
			}
			if key := http.Header(c.headers).Get("X-Api-Key"); protocol != otelenv.GRPC && key != "abc" {
				t.Errorf("x-api-key is %q", key)
			}
			if key := metadata.MD(c.headers).Get("x-api-key"); protocol == otelenv.GRPC && len(key) != 1 {
				t.Errorf("x-api-key is %q", key)
			}
			if protocol != otelenv.GRPC && c.path != "/v1/metrics" {
				t.Errorf("posted to %s", c.path)
			}
		})
	}
}

// A collector that takes no metrics, as Jaeger, is told of once, in one short line, however often it refuses.
func TestACollectorWithoutMetricsIsToldOfOnce(t *testing.T) {
	for _, protocol := range exitProtocols {
		t.Run(protocol, func(t *testing.T) {
			t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "5")
			told := collectErrors(t)
			c := &metricCollector{refuses: true, called: make(chan struct{})}
			tel := run(t, exporting(t, protocol, c.serveAt(t, protocol, "127.0.0.1:0")))
			for range 4 {
				<-c.called
			}
			const want = "metrics were not exported to http"
			if got := told.list(); len(got) != 1 || !strings.Contains(got[0].Error(), want) {
				t.Errorf("told %q, want one error", got)
			}
			err := tel.Shutdown(t.Context())
			if err == nil || len(err.Error()) > 400 {
				t.Errorf("Shutdown said %.500v, want one short line", err)
			}
		})
	}
}

// A collector that is away or silent costs no more time than Shutdown was given.
func TestShutdownDoesNotWaitForMetrics(t *testing.T) {
	for _, protocol := range exitProtocols {
		for name, at := range map[string]string{"nobody there": closedPort(t), "never answers": blackhole(t)} {
			t.Run(protocol+" "+name, func(t *testing.T) {
				tel := run(t, exporting(t, protocol, at))
				works(t.Context(), tel.TracerProvider(), "load", 0)
				err, took := shutdownWithin(t, tel)
				if err == nil || !strings.Contains(err.Error(), "metrics") {
					t.Errorf("Shutdown said %v, want that metrics are lost", err)
				}
				if took > 2*time.Second+3*shutdownGrace {
					t.Errorf("it took %v", took)
				}
			})
		}
	}
}

// A program ends while its collector, which somebody named, is away for 0.7 s more: the metrics arrive.
func TestACollectorThatComesBackLateGetsTheMetrics(t *testing.T) {
	for _, protocol := range exitProtocols {
		t.Run(protocol, func(t *testing.T) {
			c := &metricCollector{}
			cfg := exporting(t, protocol, closedPort(t))
			tel := run(t, cfg)
			works(t.Context(), tel.TracerProvider(), "load", 0)
			back := make(chan struct{})
			time.AfterFunc(700*time.Millisecond, func() {
				c.serveAt(t, protocol, cfg.Endpoint)
				close(back)
			})
			if err := tel.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			<-back
			c.mu.Lock()
			defer c.mu.Unlock()
			if !c.names[semconv.OperationDuration] {
				t.Errorf("got %v", c.names)
			}
		})
	}
}

func TestARedirectOfMetricsIsNotFollowed(t *testing.T) {
	stranger := &metricCollector{}
	there := "http://" + stranger.serveAt(t, otelenv.HTTPProtobuf, "127.0.0.1:0") + "/v1/metrics"
	named := httptest.NewServer(http.RedirectHandler(there, http.StatusTemporaryRedirect))
	defer named.Close()
	tel := run(t, exporting(t, otelenv.HTTPProtobuf, named.URL))
	err := tel.Shutdown(t.Context())
	if err == nil || !strings.Contains(err.Error(), http.StatusText(http.StatusTemporaryRedirect)) {
		t.Errorf("Shutdown said %v, want the status", err)
	}
	stranger.mu.Lock()
	defer stranger.mu.Unlock()
	if stranger.calls != 0 {
		t.Error("the redirect was followed")
	}
}

func TestHeadersOfMetricsDoNotLeaveTheMachineInPlaintext(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "x-team-key=s3cret")
	told := collectErrors(t)
	cfg := exporting(t, otelenv.GRPC, "http://collector.invalid:4317")
	ctx, cancel := context.WithCancel(t.Context())
	tel, err := Start(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	_ = tel.Shutdown(ctx) // there is no such collector
	text := errors.Join(told.list()...).Error()
	if !strings.Contains(text, "x-team-key is not sent") || strings.Contains(text, "s3cret") {
		t.Errorf("told %s, want the header's name", text)
	}
}

func TestMetricsOnTheConsole(t *testing.T) {
	t.Setenv("OTEL_METRICS_EXPORTER", "console")
	var out bytes.Buffer
	cfg := quiet(t)
	cfg.NoExport, cfg.Exporter, cfg.Console = false, otelenv.ExporterNone, &out
	tel := run(t, cfg)
	works(t.Context(), tel.TracerProvider(), "load", 0)
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if !strings.Contains(out.String(), semconv.OperationDuration) {
		t.Errorf("printed %s", out.String())
	}
}

func TestAnUnknownExporterOfMetricsIsAnError(t *testing.T) {
	t.Setenv("OTEL_METRICS_EXPORTER", "prometheus")
	_, err := Start(t.Context(), Config{Local: true, NoExport: true, Events: Off})
	bad, ok := errors.AsType[*FieldError](err)
	if !ok || bad.Field != "OTEL_METRICS_EXPORTER" || !strings.Contains(bad.Want, "otlp, console or none") {
		t.Errorf("Start said %v", err)
	}
	if _, err := NewMetrics(nil, nil); err == nil {
		t.Error("no provider is no error")
	}
}

// A reader of the program's does not complain when OpenTelemetry is switched off.
func TestADisabledSDKShutsTheReaderDown(t *testing.T) {
	t.Setenv("OTEL_SDK_DISABLED", "true")
	reader := sdkmetric.NewManualReader()
	tel, err := Start(t.Context(), Config{Local: true, MetricReader: reader})
	if err != nil {
		t.Fatal(err)
	}
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); !errors.Is(err, sdkmetric.ErrReaderShutdown) {
		t.Errorf("Collect said %v, want that it is shut down", err)
	}
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
