// Package telemetry sets OpenTelemetry up so that Backspan's spans are seen: exported to a collector, mirrored into
// events.jsonl, and written to a trace file that Jaeger opens.
//
//	t, err := telemetry.Start(ctx, telemetry.Config{Service: "billing"})
//	if err != nil { … }
//	defer t.Shutdown(context.WithoutCancel(ctx))
//
// [Start] reads the variables of OpenTelemetry's specification; fields of [Config] come before them. These variables
// work: OTEL_SDK_DISABLED (everything off, event log included), OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES,
// OTEL_PROPAGATORS, OTEL_TRACES_SAMPLER and its _ARG, OTEL_TRACES_EXPORTER (otlp, console, none), OTEL_BSP_*, the
// OTEL_*_LIMIT of spans, and OTEL_EXPORTER_OTLP_* with their _TRACES_ variants: ENDPOINT, INSECURE, PROTOCOL (grpc,
// http/protobuf, http/json), HEADERS, CERTIFICATE, CLIENT_CERTIFICATE, CLIENT_KEY, COMPRESSION and TIMEOUT. A value
// that cannot be used is a [FieldError] that names it. The environment is read and never changed.
//
// An endpoint is a URL or host:port. 127.0.0.1:4317, localhost:4317 and [::1]:4317 are plaintext, because they are on
// this machine. collector:4317 is TLS, unless INSECURE is true. Port 4318 means OTLP over HTTP. OpenTelemetry's
// exporters also read the variable, and log an error ("parse url") for 127.0.0.1:4317 without a scheme. Spans are
// exported all the same; http://127.0.0.1:4317 avoids the log line.
//
// Telemetry does not hurt the program that it observes:
//
//   - The event log gets Backspan's spans whether they are sampled or not, and no other spans: a service that samples
//     1% does not begin to record the spans of its other instrumentation.
//   - The event log is written as spans end, and closed before the export ends. A collector that is down or does not
//     answer neither delays nor loses a line.
//   - The export is bounded and counted. [Telemetry.Shutdown] returns an [ExportError] when spans were dropped, refused
//     or too late. A collector that is away is reported once, to OpenTelemetry's error handler.
//   - Passwords and tokens in error texts are masked before they leave the process; see [Config.Redact].
//   - A panic of a redaction or a processor does not reach the program.
//
// A program with a TracerProvider of its own does not call Start. It puts [Sampler], [NewEventLog], [NewTraceFile]
// and [NewExporter] into its provider.
package telemetry
