package telemetry

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/stdout/stdoutmetric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/grpc"

	"github.com/backspan/backspan/internal/otelenv"
)

// A metricExporter tells of a collector that is away once, and not at every interval.
type metricExporter struct {
	sdkmetric.Exporter
	endpoint   string
	configured bool // somebody named the endpoint: one that was not may not be there at all
	closeIdle  func()
	failing    atomic.Bool // the last export failed
	asked      atomic.Bool // Flush or Shutdown waits for an export, and returns its error
	closing    atomic.Bool
}

// newMetricReader makes what exports metrics as OTEL_METRICS_EXPORTER says; nil when it says none.
func (t *Telemetry) newMetricReader(ctx context.Context, cfg Config, env otelenv.Metrics) (sdkmetric.Reader, error) {
	e := &metricExporter{
		endpoint: env.Target.String(), configured: env.Endpoint.From != "", closeIdle: func() {},
	}
	var err error
	switch {
	case env.Exporter.Value == otelenv.ExporterNone:
		return nil, nil
	case env.Exporter.Value == otelenv.ExporterConsole:
		e.endpoint = "console"
		e.Exporter, err = stdoutmetric.New(stdoutmetric.WithWriter(cfg.console()))
	case env.Target.Protocol == otelenv.GRPC:
		e.Exporter, err = newGRPCMetricExporter(ctx, env.Collector, dialerFor(cfg, env.Collector))
	default:
		e.Exporter, e.closeIdle, err = newHTTPMetricExporter(ctx, env.Collector, dialerFor(cfg, env.Collector))
	}
	if err != nil {
		return nil, fmt.Errorf("telemetry: exporter of metrics for %s: %w", e.endpoint, err)
	}
	t.metricExporter = e
	return sdkmetric.NewPeriodicReader(e,
		sdkmetric.WithInterval(env.Interval), sdkmetric.WithTimeout(env.ExportTimeout)), nil
}

func newGRPCMetricExporter(ctx context.Context, c otelenv.Collector, dial dialer) (sdkmetric.Exporter, error) {
	options := []otlpmetricgrpc.Option{
		otlpmetricgrpc.WithEndpoint(c.Target.GRPC()),
		otlpmetricgrpc.WithTLSCredentials(transportCredentials(c)),
		otlpmetricgrpc.WithHeaders(c.Headers),
		otlpmetricgrpc.WithTimeout(c.Timeout),
		otlpmetricgrpc.WithRetry(otlpmetricgrpc.RetryConfig{}), // metricExporter tries again
		otlpmetricgrpc.WithDialOption(append(dialOptions(dial), grpc.WithChainUnaryInterceptor(noteGRPCReply))...),
	}
	if c.Gzip {
		options = append(options, otlpmetricgrpc.WithCompressor("gzip"))
	}
	return otlpmetricgrpc.New(ctx, options...)
}

func newHTTPMetricExporter(ctx context.Context, c otelenv.Collector, dial dialer) (sdkmetric.Exporter, func(), error) {
	client, transport := newHTTPClient(c, dial)
	client.Transport = replyNoter{transport}
	compression := otlpmetrichttp.NoCompression
	if c.Gzip {
		compression = otlpmetrichttp.GzipCompression
	}
	exporter, err := otlpmetrichttp.New(ctx,
		otlpmetrichttp.WithEndpointURL(c.Target.String()),
		otlpmetrichttp.WithTLSClientConfig(nil), // with http:// the exporter refuses one from a variable
		otlpmetrichttp.WithHTTPClient(client),
		otlpmetrichttp.WithHeaders(c.Headers),
		otlpmetrichttp.WithCompression(compression),
		otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig{}), // metricExporter tries again
	)
	return exporter, transport.CloseIdleConnections, err
}

// Export is called by the reader, on its goroutine or on that of Flush and Shutdown. The reader tells OpenTelemetry's
// error handler of each error that nobody waits for.
func (e *metricExporter) Export(ctx context.Context, metrics *metricdata.ResourceMetrics) (err error) {
	begunBefore := !e.closing.Load()
	defer func() {
		if r := recover(); r != nil {
			err = &metricsError{e.endpoint, fmt.Errorf("the exporter panicked: %v", r)}
		}
	}()
	err = e.send(ctx, metrics)
	switch {
	case err == nil:
		e.failing.Store(false)
		return nil
	case begunBefore && e.closing.Load() && errors.Is(ctx.Err(), context.Canceled):
		return nil // Shutdown has cancelled it, and exports all of it
	case e.failing.Swap(true) && !e.asked.Load():
		return nil // it was told
	}
	return &metricsError{e.endpoint, err}
}

// send tries again for as long as a program that ends waits for a collector. Later exports have the same measurements,
// unless their temporality is delta.
func (e *metricExporter) send(ctx context.Context, metrics *metricdata.ResourceMetrics) error {
	for began, again := time.Now(), false; ; again = true {
		answer := reply{again: again}
		err := e.Exporter.Export(withReply(ctx, &answer), metrics)
		pause := max(exitRetryEvery, answer.after)
		if err == nil || !answer.temporary || !e.configured || time.Since(began)+pause > exitPatience {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
}

// A metricsError says that metrics did not arrive.
type metricsError struct {
	endpoint string
	err      error // may hold a server's whole answer
}

func (e *metricsError) Error() string {
	return "metrics were not exported to " + e.endpoint + ": " + oneLine(e.err)
}

func (e *metricsError) Unwrap() error { return e.err }

func (t *Telemetry) flushMetrics(ctx context.Context) error {
	if t.meters == nil {
		return nil
	}
	if t.metricExporter != nil {
		t.metricExporter.asked.Store(true)
		defer t.metricExporter.asked.Store(false)
	}
	return wrapMetrics(t.meters.ForceFlush(ctx))
}

// closeMetrics collects a last time, exports that, and shuts the reader down.
func (t *Telemetry) closeMetrics(ctx context.Context) error {
	if t.meters == nil {
		return nil
	}
	if t.metricExporter != nil {
		t.metricExporter.asked.Store(true)
		t.metricExporter.closing.Store(true)
		defer t.metricExporter.closeIdle()
	}
	return wrapMetrics(t.meters.Shutdown(ctx))
}

func wrapMetrics(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*metricsError](err); ok {
		return err
	}
	return fmt.Errorf("telemetry: metrics: %w", err)
}
