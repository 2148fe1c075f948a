package telemetry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"

	"github.com/google/uuid"
	"go.opentelemetry.io/contrib/propagators/autoprop"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/internal/otelenv"
	"github.com/backspan/backspan/internal/spanid"
)

// Telemetry is what Start set up. Its methods may be called from several goroutines at once. A nil *Telemetry makes
// spans that do nothing.
type Telemetry struct {
	session     string
	destination Destination
	propagator  propagation.TextMapPropagator
	provider    *sdktrace.TracerProvider // nil when OTEL_SDK_DISABLED
	mirror      *mirror
	export      *exportPipeline // nil when nothing is exported
	log         *EventLog       // nil: none is wanted
	events      *events.Writer  // nil: no event log
	noEvents    *noEventLog     // nil: there is an event log, or none is wanted
	traceFile   *TraceFile      // nil: none
	users       []*guarded      // Config.Processors

	meters         *sdkmetric.MeterProvider // nil: no metrics
	metricExporter *metricExporter          // nil: Config.MetricReader, or no metrics

	once sync.Once
	err  error // what the first Shutdown returned
}

// Start sets up tracing as cfg and the environment say: provider, sampler, export, event log and trace file. Unless
// cfg.Local it also sets OpenTelemetry's global TracerProvider and propagator. It does not wait for a collector: one
// that is away is no error, here or later. It does not change the environment.
//
// An event log that cannot be written just now (missing rights, a full or read-only disk) is no error either:
// OpenTelemetry's error handler is told once, and lines are dropped and counted until it can be written.
//
// Start returns a *FieldError for a setting that cannot be used, such as a Config.Events that is a directory or a
// symbolic link, and an error when the trace file cannot be opened; nothing is left open or set then. Call Shutdown
// before the program ends.
func Start(ctx context.Context, cfg Config) (*Telemetry, error) {
	env := otelenv.Read(cfg.program())
	t := new(Telemetry)
	var err error
	if t.session, err = newSession(cfg.Session); err != nil {
		return nil, err
	}
	// The specification wants propagators to work even when the SDK is disabled.
	if t.propagator, err = newPropagator(env); err != nil {
		return nil, err
	}
	if err := env.Err(); err != nil {
		return nil, fieldError(err)
	}
	if env.Disabled.Value != "true" {
		t.destination = chooseDestination(ctx, cfg, &env)
		if err := t.open(ctx, cfg, env); err != nil {
			_ = t.Shutdown(ctx) // err says what was wrong; an error of the clean-up would only blur it
			return nil, err
		}
		if !cfg.NoHeaders {
			tellWithheld(env.Collector, t.export != nil)
			tellWithheld(env.Metrics.Collector, env.Metrics.Exporter.Value == otelenv.ExporterOTLP)
		}
	} else if cfg.MetricReader != nil {
		_ = cfg.MetricReader.Shutdown(ctx) // nobody will measure, and it would complain of that
	}
	if !cfg.Local {
		otel.SetTracerProvider(t.TracerProvider())
		otel.SetTextMapPropagator(t.propagator)
		if t.meters != nil {
			otel.SetMeterProvider(t.meters)
		}
	}
	return t, nil
}

// tellWithheld tells of headers that a collector does not get to which something is sent.
func tellWithheld(c otelenv.Collector, sends bool) {
	if sends && c.Withheld != nil && c.Endpoint.From != "" {
		handleError(fmt.Errorf("telemetry: %w", c.Withheld))
	}
}

func newSession(id string) (string, error) {
	if id == "" {
		return inheritedSession(), nil
	}
	parsed, err := uuid.Parse(id)
	if err != nil {
		return "", &FieldError{Field: "Config.Session", Value: strconv.Quote(id), Want: "a UUID", Err: err}
	}
	return parsed.String(), nil
}

// newPropagator makes what OTEL_PROPAGATORS names. Programs may have registered more propagators with autoprop than
// otelenv knows. Session and phase are not propagated: baggage would tell them to strangers.
func newPropagator(env otelenv.Settings) (propagation.TextMapPropagator, error) {
	p, err := autoprop.TextMapPropagator(env.PropagatorNames...)
	if err != nil {
		return nil, fieldError(cmp.Or(env.Propagators.Err, err))
	}
	return p, nil
}

// open opens files and exporter and makes the provider.
func (t *Telemetry) open(ctx context.Context, cfg Config, env otelenv.Settings) (err error) {
	r, err := newResource(ctx, cfg.ServiceVersion, env)
	if err != nil {
		return fmt.Errorf("telemetry: resource: %w", err)
	}
	r = validResource(r)
	mask := orSecrets(cfg.Redact)
	var direct []*guarded
	if cfg.Events != Off {
		out, err := t.openEvents(cfg, env)
		if err != nil {
			return err
		}
		t.log = newEventLog(out, t.session, false)
		if !cfg.NoTally {
			t.log.tally = newTally()
		}
		direct = guard(t.log)
	}
	reader := cfg.MetricReader
	if reader == nil {
		if reader, err = t.newMetricReader(context.WithoutCancel(ctx), cfg, env.Metrics); err != nil {
			return err
		}
	}
	if reader != nil {
		metrics, err := t.openMetrics(reader, r, mask)
		if err != nil {
			return err
		}
		direct = append(direct, guard(metrics)...)
	}
	t.users = guard(cfg.Processors...)
	others := t.users
	if cfg.TraceFile != "" {
		if t.traceFile, err = newTraceFile(cfg.TraceFile, nil); err != nil { // the mirror masks
			return err
		}
		others = append(guard(t.traceFile), others...)
	}
	t.mirror = newMirror(t.session, direct, others, mask)
	ids := cfg.IDGenerator
	if ids == nil {
		ids = spanid.Generator{}
	}
	options := []sdktrace.TracerProviderOption{
		sdktrace.WithResource(r),
		sdktrace.WithSampler(Sampler(newSampler(env))),
		sdktrace.WithIDGenerator(ids),
		sdktrace.WithSpanProcessor(t.mirror),
	}
	if t.destination.State == ExportOn {
		exporter, closeIdle, err := newExporter(context.WithoutCancel(ctx), cfg, env)
		if err != nil {
			return fmt.Errorf("telemetry: exporter for %s: %w", t.destination.Endpoint, err)
		}
		t.export = newExportPipeline(&countingExporter{
			next: exporter, closeIdle: closeIdle, endpoint: t.destination.Endpoint, mask: mask,
			timeout: env.Timeout, configured: env.Endpoint.From != "",
		}, batchLimits{env.QueueSize, env.BatchSize})
		options = append(options, sdktrace.WithSpanProcessor(t.export))
	}
	t.provider = sdktrace.NewTracerProvider(options...)
	return nil
}

// newResource says who sends the spans.
func newResource(ctx context.Context, version string, env otelenv.Settings) (*resource.Resource, error) {
	list := []attribute.KeyValue{attribute.Int("process.pid", os.Getpid())}
	if host, err := os.Hostname(); err == nil {
		list = append(list, attribute.String("host.name", host))
	}
	for _, pair := range env.Attributes {
		list = append(list, attribute.String(pair.Name, pair.Value))
	}
	list = append(list, attribute.String(otelenv.ServiceName, env.Service.Value)) // the last of a name counts
	if version != "" {
		list = append(list, attribute.String("service.version", version))
	}
	return resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(list...))
}

func newExporter(ctx context.Context, cfg Config, env otelenv.Settings) (sdktrace.SpanExporter, func(), error) {
	dial := dialerFor(cfg, env.Collector)
	switch {
	case env.Exporter.Value == otelenv.ExporterConsole:
		exporter, err := stdouttrace.New(stdouttrace.WithWriter(cfg.console()))
		return exporter, func() {}, err
	case env.Target.Protocol == otelenv.GRPC:
		exporter, err := newGRPCExporter(ctx, env, dial)
		return exporter, func() {}, err
	default:
		return newHTTPExporter(ctx, env, dial)
	}
}

// Session is the UUID that is session.id of every span outside a run.
func (t *Telemetry) Session() string {
	if t == nil {
		return ""
	}
	return t.session
}

// TracerProvider makes the spans; none when OTEL_SDK_DISABLED is true. Unless Config.Local it is the global one too.
func (t *Telemetry) TracerProvider() trace.TracerProvider {
	if t == nil || t.provider == nil {
		return noop.NewTracerProvider()
	}
	return t.provider
}

// MeterProvider measures with Config.MetricReader, or with what OTEL_METRICS_EXPORTER names, and does nothing without
// either. Unless Config.Local it is the global one too, so that other instrumentation (otelhttp, the runtime's)
// measures with the same reader.
func (t *Telemetry) MeterProvider() metric.MeterProvider {
	if t == nil || t.meters == nil {
		return metricnoop.NewMeterProvider()
	}
	return t.meters
}

// Propagator carries trace context between processes. Unless Config.Local it is the global one too. With Config.Local a
// program gives it to its instrumentation, as in otelhttp.WithPropagators(t.Propagator()).
func (t *Telemetry) Propagator() propagation.TextMapPropagator {
	if t == nil {
		return propagation.NewCompositeTextMapPropagator()
	}
	return t.propagator
}

// Destination says where spans are exported to, or why they are not.
func (t *Telemetry) Destination() Destination {
	if t == nil {
		return Destination{State: ExportDeclined}
	}
	return t.destination
}

// Exported is how many spans the collector took so far. After Flush or Shutdown, 0 means that the backend does not
// have the trace.
func (t *Telemetry) Exported() int {
	if t == nil || t.export == nil {
		return 0
	}
	return int(t.export.exporter.taken.Load())
}

// EventsPath is the path of the event log; empty when there is none.
func (t *Telemetry) EventsPath() string {
	if t == nil {
		return ""
	}
	return t.events.Path()
}

// EventsDropped is how many lines of the event log could not be written.
func (t *Telemetry) EventsDropped() uint64 {
	switch {
	case t == nil:
		return 0
	case t.noEvents != nil:
		return t.noEvents.dropped.Load()
	}
	return t.events.Dropped()
}

// TraceFilePath is the path of the trace file; empty when there is none.
func (t *Telemetry) TraceFilePath() string {
	if t == nil || t.traceFile == nil {
		return ""
	}
	return t.traceFile.path
}

// Flush exports the spans that have ended, within ctx, and flushes Config.Processors and the metrics. It returns an
// *ExportError when spans were lost meanwhile, or ctx's error when the time was up.
func (t *Telemetry) Flush(ctx context.Context) error {
	if t == nil || t.provider == nil {
		return nil
	}
	var exportErr error
	if t.export != nil {
		exportErr = t.export.ForceFlush(ctx)
	}
	return errors.Join(exportErr, t.mirror.ForceFlush(ctx), t.flushMetrics(ctx))
}

// Shutdown ends telemetry: it closes the event log and the trace file, and exports what is queued. It takes until ctx
// is done at most, or 10 s if ctx has no deadline. A program that ends because its context was cancelled passes
// context.WithoutCancel of it, or nothing would be exported.
//
// A collector that cannot be reached is tried again for 2 s if its endpoint was configured or if it took spans before.
//
// The error matches *ExportError when spans were lost since Start. It also says how many lines of the event log were
// lost, unless the log itself has a record of that. Show it to the user, and do not fail for it. Spans that end after
// Shutdown are lost. Calling it again does nothing and returns the same error.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	if t == nil {
		return nil
	}
	t.once.Do(func() { t.err = t.shutdown(ctx) })
	return t.err
}

func (t *Telemetry) shutdown(ctx context.Context) error {
	ctx, cancel := withDefaultTimeout(ctx)
	defer cancel()
	var errs []error
	if t.mirror != nil {
		t.mirror.close()
	}
	// Neither a disk that does not answer nor a slow processor takes the time of the export, nor the other way round.
	files := inBackground(ctx, "closing the event log and the trace file", t.closeFiles)
	users := inBackground(ctx, "shutting down the processors", func() error { return shutdownAll(ctx, t.users) })
	metrics := inBackground(ctx, "exporting the metrics", func() error { return t.closeMetrics(ctx) })
	if t.export != nil {
		errs = append(errs, t.export.Shutdown(ctx))
	}
	errs = append([]error{files()}, append(errs, users(), metrics())...)
	if t.provider != nil {
		// Everything is closed. This makes the provider return tracers that do nothing; its error is the export's.
		_ = t.provider.Shutdown(context.WithoutCancel(ctx))
	}
	return errors.Join(errs...)
}

// closeFiles closes what Backspan writes itself.
func (t *Telemetry) closeFiles() error {
	var errs []error
	if t.log != nil {
		errs = append(errs, t.log.Shutdown(context.Background()))
	}
	if t.noEvents != nil {
		errs = append(errs, t.noEvents.Close())
	}
	errs = append(errs, t.events.Close())
	if t.traceFile != nil {
		errs = append(errs, t.traceFile.Shutdown(context.Background()))
	}
	return errors.Join(errs...)
}
