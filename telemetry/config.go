package telemetry

import (
	"io"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/backspan/backspan/events"
)

// Off is for Config.Events: no event log.
const Off = "off"

// A Config says what Start sets up. The zero Config is right for most programs: it reads OpenTelemetry's environment
// variables and writes data/session/events.jsonl. A field that is set wins over its variable.
type Config struct {
	// Service names the program in traces. Empty: OTEL_SERVICE_NAME, else service.name in OTEL_RESOURCE_ATTRIBUTES,
	// else the name of the executable. ServiceVersion may stay empty.
	Service, ServiceVersion string

	// Session is the UUID that is session.id of every span outside a run. Empty: BACKSPAN_SESSION if that is a
	// UUID (a parent process handed it on), else a new one.
	Session string

	// Events is the path of the event log. Empty: events.DefaultPath. Off: none.
	Events string

	// EventOptions says how the event log is written. Redact is taken from Config.Redact, and OnError is OpenTelemetry's
	// error handler, unless they are set here.
	EventOptions events.Options

	// TraceFile is the path of a file that gets Backspan's spans in OTLP JSON; see TraceFile. Empty: none.
	TraceFile string

	// Endpoint is where the collector listens: host:port, or a URL with http, https or unix. Without a scheme the
	// connection is plaintext when host is this machine, TLS otherwise. For HTTP it is a base, to which /v1/traces
	// is added. Empty: OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, OTEL_EXPORTER_OTLP_ENDPOINT, else localhost.
	Endpoint string

	// Insecure makes an Endpoint without a scheme plaintext wherever it is. False: OTEL_EXPORTER_OTLP_INSECURE.
	Insecure bool

	// Headers are sent with every export. Nil: OTEL_EXPORTER_OTLP_HEADERS.
	Headers map[string]string

	// Protocol is a Protocol constant: grpc, http/protobuf or http/json. Empty: OTEL_EXPORTER_OTLP_PROTOCOL, else
	// http/protobuf for an endpoint with port 4318 or a path, else grpc.
	Protocol string

	// Sampler decides which traces are exported, in the words of OTEL_TRACES_SAMPLER: always_on, always_off,
	// traceidratio, parentbased_always_on and so on; SamplerArg is the ratio, from 0 to 1. Empty: the variables,
	// else parentbased_always_on. Whatever it decides, the event log, the trace file and Processors see every
	// span of Backspan's.
	Sampler, SamplerArg string

	// Discover is for programs that people run by hand: when no endpoint is configured anywhere, spans are exported
	// to localhost (port 4317, or 4318 for HTTP) only if something listens there. Destination says what came of it.
	Discover bool

	// NoExport turns export off, whatever the variables say.
	NoExport bool

	// Console is where OTEL_TRACES_EXPORTER=console prints. Nil: standard output.
	Console io.Writer

	// Redact changes texts of Backspan's spans (error messages and text attributes, not names) before they are
	// written or exported. It is called from many goroutines at once. A text on which it panics is replaced.
	// Processors see spans as they are.
	Redact func(string) string

	// Processors see every span of Backspan's and no other, also unsampled ones, before the exporter. They run on the
	// goroutine of the span and must not block; a panic in one does not reach the host.
	Processors []sdktrace.SpanProcessor

	// IDGenerator makes trace and span ids. Nil: random ones.
	IDGenerator sdktrace.IDGenerator

	// Local leaves OpenTelemetry's globals alone. Otherwise Start sets the global TracerProvider and propagator.
	Local bool

	discoverAt string // host:port in place of localhost:4317, for tests
}
