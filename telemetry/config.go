package telemetry

import (
	"errors"
	"io"
	"os"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/internal/fielderror"
	"github.com/backspan/backspan/internal/otelenv"
)

// Off as Config.Events means that there is no event log.
const Off = "off"

// A Config says what Start sets up. The zero Config is right for most programs: it reads OpenTelemetry's environment
// variables and writes data/session/events.jsonl. A field that is set wins over its variable.
type Config struct {
	// Service names the program in traces. Empty: OTEL_SERVICE_NAME, else service.name in OTEL_RESOURCE_ATTRIBUTES,
	// else the name of the executable. ServiceVersion may stay empty.
	Service, ServiceVersion string

	// Session is the UUID that is session.id of every span outside a run. Empty: BACKSPAN_SESSION if a parent process
	// set it to a UUID, else a new one.
	Session string

	// Events is the path of the event log. Empty: events.DefaultPath. Off: none.
	Events string

	// EventOptions are the options of the event log. An empty Redact there means Config.Redact, and an empty OnError
	// means OpenTelemetry's error handler.
	EventOptions events.Options

	// NoTally leaves records of type operation_tally out of the event log, which count the operations that succeed at
	// their first attempt. It is for programs that run once: rates are of use in a service.
	NoTally bool

	// TraceFile is the path of a file for Backspan's spans in OTLP JSON; see [TraceFile]. Empty: none.
	TraceFile string

	// Endpoint is where the collector listens: host:port, or a URL with http, https or unix. Without a scheme the
	// connection is plaintext when host is this machine, TLS otherwise. For HTTP it is a base, to which /v1/traces
	// or /v1/metrics is added. Empty: OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, OTEL_EXPORTER_OTLP_ENDPOINT, else localhost.
	Endpoint string

	// Insecure says whether an Endpoint without a scheme is plaintext wherever it is, as in new(true), and whether
	// headers are sent there too. False: only on this machine, whatever the variable says. Nil:
	// OTEL_EXPORTER_OTLP_INSECURE.
	Insecure *bool

	// Headers are sent with every export. Empty: OTEL_EXPORTER_OTLP_TRACES_HEADERS, OTEL_EXPORTER_OTLP_HEADERS. Any of
	// them may be a credential. So those of an endpoint in plaintext on another host are left out, unless Insecure is
	// true, and OpenTelemetry's error handler is told. A collector that Discover found gets none.
	Headers map[string]string

	// NoHeaders leaves all headers out, also those of the variables.
	NoHeaders bool

	// Protocol is grpc, http/protobuf or http/json. Empty: OTEL_EXPORTER_OTLP_PROTOCOL, else
	// http/protobuf for an endpoint with port 4318 or a path, else grpc.
	Protocol string

	// Sampler decides which traces are exported, in the words of OTEL_TRACES_SAMPLER: always_on, always_off,
	// traceidratio, parentbased_always_on and so on; SamplerArg is the ratio, from 0 to 1. Empty: the variables,
	// else parentbased_always_on. Whatever it decides, the event log, the trace file and Processors see all of
	// Backspan's spans.
	Sampler, SamplerArg string

	// Discover is for programs that people run by hand: when no endpoint is configured, spans are exported to
	// localhost (port 4317, or 4318 for HTTP) only if something listens there. On Linux that must be a process of the
	// same user or of root: anybody may listen on a port. Elsewhere the system does not tell whose it is.
	// [Telemetry.Destination] says what was found.
	Discover bool

	// Exporter is otlp, console or none. Empty: otlp if there is an Endpoint, else OTEL_TRACES_EXPORTER, else otlp.
	Exporter string

	// NoExport turns the export of spans and metrics off, whatever the variables say. MetricReader is not concerned.
	NoExport bool

	// Console is where OTEL_TRACES_EXPORTER=console and OTEL_METRICS_EXPORTER=console print. Nil: standard output.
	Console io.Writer

	// Redact masks secrets in the texts of Backspan's spans (names, error messages, text attributes, but not ids and
	// fixed words) before they are written, exported, or seen to end by Processors. Nil: redact.Secrets, which masks
	// passwords and tokens. redact.Also masks more, redact.Nothing turns redaction off. A function of your own is
	// called from several goroutines at once; a text on which it panics is replaced. Spans of other instrumentation
	// are not changed.
	Redact func(string) string

	// Processors see each of Backspan's spans, also unsampled ones, before the exporter, and no other spans. The texts
	// of a span that ends are masked; see Redact. They run on the goroutine of the span and must not block. A panic in
	// one is reported to OpenTelemetry's error handler.
	Processors []sdktrace.SpanProcessor

	// MetricReader collects metrics: Backspan's (see [Metrics]), and those of other instrumentation that measures with
	// the global MeterProvider. It is a Prometheus exporter, or a PeriodicReader with an exporter of your own. Shutdown
	// shuts it down. Nil: what OTEL_METRICS_EXPORTER says, which is otlp, console or none. Unless it is set there are
	// no metrics, unlike in OpenTelemetry's specification: a Jaeger, which many have alone, refuses them. With otlp
	// Endpoint, Protocol (http/protobuf for http/json), Headers and Insecure hold for metrics too; so do the variables,
	// with _METRICS_ in place of _TRACES_.
	MetricReader sdkmetric.Reader

	// IDGenerator makes trace and span ids. Nil: random ones, except in runs that outlive a process, whose ids come
	// from the run's; see engine.IDGenerator.
	IDGenerator sdktrace.IDGenerator

	// Local leaves OpenTelemetry's globals alone. Otherwise Start sets the global TracerProvider and propagator, and
	// the global MeterProvider when there are metrics.
	Local bool

	discoverAt string // host:port in place of localhost:4317, for tests
}

// console is where exporters of console print.
func (cfg Config) console() io.Writer {
	if cfg.Console != nil {
		return cfg.Console
	}
	return os.Stdout
}

// program is what cfg says of the settings that also have a variable.
func (cfg Config) program() otelenv.Program {
	p := otelenv.Program{
		Service: cfg.Service, Sampler: cfg.Sampler, SamplerArg: cfg.SamplerArg, Endpoint: cfg.Endpoint,
		Protocol: cfg.Protocol, Headers: cfg.Headers, Insecure: cfg.Insecure, Exporter: cfg.Exporter,
		NoExport: cfg.NoExport, Discover: cfg.Discover, MetricReader: cfg.MetricReader != nil,
		Name: func(field string) string { return "Config." + field },
	}
	if cfg.NoHeaders {
		p.Withhold = p.Name("NoHeaders")
	}
	return p
}

// A FieldError says which setting cannot be used. The FieldErrors of packages retry and orchestrator have the same
// fields and the same text.
type FieldError struct {
	Field string // a field of Config or a variable, for example Config.Endpoint or OTEL_TRACES_SAMPLER
	Value string // as Error shows it: texts in quotes; empty when it may hold a secret
	Want  string // what would be right
	Err   error  // what is wrong with the value, where there is more to say; may be nil
}

// Error reads like `telemetry: OTEL_TRACES_SAMPLER is "never", want always_on, …`.
func (e *FieldError) Error() string { return "telemetry: " + (*fielderror.Error)(e).Error() }

// Unwrap returns Err.
func (e *FieldError) Unwrap() error { return e.Err }

// fieldError makes an *otelenv.Error one that users can match.
func fieldError(err error) error {
	if bad, ok := errors.AsType[*otelenv.Error](err); ok {
		return (*FieldError)(bad.Shown())
	}
	return err
}
