package telemetry

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/backspan/backspan/events"
)

// Telemetry is what Start set up. Its methods may be called from many goroutines.
type Telemetry struct {
	session     string
	destination Destination
	propagator  propagation.TextMapPropagator
	provider    *sdktrace.TracerProvider // nil when OTEL_SDK_DISABLED
	mirror      *mirror
	export      *exportPipeline // nil when nothing is exported
	events      *events.Writer  // nil: no event log
	traceFile   *TraceFile      // nil: none
	users       []*guarded      // Config.Processors

	once sync.Once
	err  error // what the first Shutdown returned
}

// A plan is a Config and the environment, read and checked, before anything is opened.
type plan struct {
	cfg         Config
	session     string
	disabled    bool
	propagator  propagation.TextMapPropagator
	resource    *resource.Resource
	sampler     sdktrace.Sampler
	destination Destination
	otlp        otlpSettings
}

// Start sets up tracing as cfg and the environment say: provider, sampler, export, event log and trace file. Unless
// cfg.Local it also sets OpenTelemetry's global TracerProvider and propagator. It does not wait for a collector: one
// that is away is no error, here or later.
//
// It returns a *ConfigError for a setting that cannot be used, and an error when the event log or the trace
// file cannot be opened; nothing is left open or set then. Call Shutdown before the program ends.
func Start(ctx context.Context, cfg Config) (*Telemetry, error) {
	p, err := newPlan(ctx, cfg)
	if err != nil {
		return nil, err
	}
	t := &Telemetry{session: p.session, destination: p.destination, propagator: p.propagator}
	if !p.disabled {
		if err := t.open(ctx, p); err != nil {
			// The error that is returned says what was wrong; that of the clean-up would only blur it.
			_ = t.Shutdown(ctx)
			return nil, err
		}
	}
	if !cfg.Local {
		otel.SetTracerProvider(t.TracerProvider())
		otel.SetTextMapPropagator(t.propagator)
	}
	return t, nil
}

func newPlan(ctx context.Context, cfg Config) (p plan, err error) {
	p.cfg = cfg
	if p.disabled, err = fromEnv("OTEL_SDK_DISABLED").boolean(); err != nil {
		return p, err
	}
	if p.session, err = newSession(cfg.Session); err != nil {
		return p, err
	}
	// As the specification wants it, propagators work even when the SDK is disabled.
	if p.propagator, err = newPropagator(); err != nil || p.disabled {
		return p, err
	}
	if err = checkLimits(); err != nil {
		return p, err
	}
	if p.resource, err = newResource(ctx, cfg); err != nil {
		return p, err
	}
	arg := fromField("SamplerArg", cfg.SamplerArg, "OTEL_TRACES_SAMPLER_ARG")
	if p.sampler, err = newSampler(fromField("Sampler", cfg.Sampler, "OTEL_TRACES_SAMPLER"), arg); err != nil {
		return p, err
	}
	err = p.chooseDestination(ctx)
	return p, err
}

func newSession(id string) (string, error) {
	if id == "" {
		return inheritedSession(), nil
	}
	parsed, err := uuid.Parse(id)
	if err != nil {
		return "", setting{"Config.Session", id}.bad("a UUID", err)
	}
	return parsed.String(), nil
}

// chooseDestination decides whether and where to export. An endpoint in Config is as good as saying otlp.
func (p *plan) chooseDestination(ctx context.Context) (err error) {
	exporter := fromEnv("OTEL_TRACES_EXPORTER")
	name := strings.ToLower(exporter.value)
	switch {
	case name != "" && name != "otlp" && name != "console" && name != "none":
		return exporter.bad("otlp, console or none", nil)
	case p.cfg.NoExport:
		p.destination.State = ExportDeclined
		return nil
	case name == "none" && p.cfg.Endpoint == "":
		p.destination.State = ExportNone
		return nil
	case name == "console" && p.cfg.Endpoint == "":
		p.destination = Destination{ExportOn, "console", ProtocolConsole}
		return nil
	}
	if p.otlp, err = readOTLP(p.cfg); err != nil {
		return err
	}
	if p.cfg.Discover && !p.otlp.given {
		if p.cfg.discoverAt != "" {
			p.otlp.endpoint.host = p.cfg.discoverAt
		}
		if !listens(ctx, p.otlp.endpoint.host) {
			p.destination = Destination{State: ExportNotFound, Endpoint: p.otlp.endpoint.String()}
			return nil
		}
	}
	p.destination = Destination{ExportOn, p.otlp.endpoint.String(), p.otlp.endpoint.protocol}
	return nil
}

// open opens files and exporter and makes the provider.
func (t *Telemetry) open(ctx context.Context, p plan) (err error) {
	var own []sdktrace.SpanProcessor
	if p.cfg.Events != Off {
		if t.events, err = openEvents(p.cfg); err != nil {
			return err
		}
		own = append(own, newEventLog(t.events, t.session, false))
	}
	if p.cfg.TraceFile != "" {
		if t.traceFile, err = NewTraceFile(p.cfg.TraceFile, p.cfg.Redact); err != nil {
			return err
		}
		own = append(own, t.traceFile)
	}
	t.users = guard(p.cfg.Processors...)
	t.mirror = newMirror(t.session, append(guard(own...), t.users...))
	options := []sdktrace.TracerProviderOption{
		sdktrace.WithResource(p.resource),
		sdktrace.WithSampler(Sampler(p.sampler)),
		sdktrace.WithIDGenerator(p.cfg.IDGenerator),
		sdktrace.WithSpanProcessor(t.mirror),
	}
	if t.destination.State == ExportOn {
		exporter, closeIdle, err := newExporter(context.WithoutCancel(ctx), p)
		if err != nil {
			return fmt.Errorf("telemetry: exporter for %s: %w", t.destination.Endpoint, err)
		}
		t.export = newExportPipeline(exporter, closeIdle, t.destination.Endpoint, p.cfg.Redact)
		options = append(options, sdktrace.WithSpanProcessor(t.export))
	}
	t.provider = sdktrace.NewTracerProvider(options...)
	return nil
}

func openEvents(cfg Config) (*events.Writer, error) {
	path, options := cfg.Events, cfg.EventOptions
	if path == "" {
		path = events.DefaultPath
	}
	if options.Redact == nil {
		options.Redact = cfg.Redact
	}
	if options.OnError == nil {
		options.OnError = report
	}
	return events.Open(path, options)
}

func newExporter(ctx context.Context, p plan) (sdktrace.SpanExporter, func(), error) {
	if p.destination.Protocol != ProtocolConsole {
		return newOTLPExporter(ctx, p.otlp)
	}
	out := p.cfg.Console
	if out == nil {
		out = os.Stdout
	}
	exporter, err := stdouttrace.New(stdouttrace.WithWriter(out))
	return exporter, func() {}, err
}

// Session is the UUID of the process's session.
func (t *Telemetry) Session() string { return t.session }

// TracerProvider is what makes the spans; it makes none when OTEL_SDK_DISABLED is true. It is the global one too, unless
// Config.Local.
func (t *Telemetry) TracerProvider() trace.TracerProvider {
	if t.provider == nil {
		return noop.NewTracerProvider()
	}
	return t.provider
}

// Propagator is what carries trace context between processes. It is the global one too, unless Config.Local.
func (t *Telemetry) Propagator() propagation.TextMapPropagator { return t.propagator }

// Destination says where spans are exported to, or why they are not.
func (t *Telemetry) Destination() Destination { return t.destination }

// Exported is how many spans the collector took so far. A program that wants to point at its trace in a backend asks
// after Flush or Shutdown whether this is more than 0.
func (t *Telemetry) Exported() int {
	if t.export == nil {
		return 0
	}
	return int(t.export.exporter.taken.Load())
}

// EventsPath is the path of the event log; empty when there is none.
func (t *Telemetry) EventsPath() string { return t.events.Path() }

// EventsDropped is how many lines of the event log could not be written.
func (t *Telemetry) EventsDropped() uint64 { return t.events.Dropped() }

// TraceFilePath is the path of the trace file; empty when there is none.
func (t *Telemetry) TraceFilePath() string {
	if t.traceFile == nil {
		return ""
	}
	return t.traceFile.Path()
}

// Flush exports the spans that have ended, within ctx, and flushes Config.Processors. It returns an *ExportError when
// spans were lost meanwhile, or ctx's error when the time was up.
func (t *Telemetry) Flush(ctx context.Context) error {
	if t.provider == nil {
		return nil
	}
	var exportErr error
	if t.export != nil {
		exportErr = t.export.ForceFlush(ctx)
	}
	return errors.Join(exportErr, t.mirror.ForceFlush(ctx))
}

// Shutdown ends telemetry: it closes the event log and the trace file, and then exports what is queued. Only the export
// waits for anybody, and it is bounded by ctx, or by DefaultShutdownTimeout if ctx has no deadline. A program that
// ends because its context was cancelled passes context.WithoutCancel of it, or nothing would be exported.
//
// The error matches *ExportError when spans were lost since Start. It is worth a line to the user and never an exit
// code. Spans that end after Shutdown are lost. Calling it again does nothing and returns the same.
func (t *Telemetry) Shutdown(ctx context.Context) error {
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
	if t.events != nil {
		errs = append(errs, t.events.Close())
	}
	if t.traceFile != nil {
		errs = append(errs, t.traceFile.Shutdown(ctx))
	}
	// The processors do not wait for the export, which may take all the time there is.
	users := shutdownAll(ctx, t.users)
	if t.export != nil {
		errs = append(errs, t.export.Shutdown(ctx))
	}
	errs = append(errs, users())
	if t.provider != nil {
		// Everything is closed by now: this only makes the provider hand out tracers that do nothing, and would
		// say again what the export said.
		_ = t.provider.Shutdown(context.WithoutCancel(ctx))
	}
	return errors.Join(errs...)
}
