// Package telemetry sets OpenTelemetry up so that Backspan's spans are seen: exported to a collector, mirrored into
// events.jsonl, and written to a trace file that Jaeger opens.
//
//	t, err := telemetry.Start(ctx, telemetry.Config{Service: "billing"})
//	if err != nil { … }
//	defer t.Shutdown(context.WithoutCancel(ctx))
//
// The span is the only source of truth, and what reads it must not hurt who makes it:
//
//   - The event log sees Backspan's spans whether they are sampled or not, and no others: a service that samples 1%
//     does not begin to record the spans of its other instrumentation. See [Sampler].
//   - It is written as spans end and closed before the export, so that a collector that is down or hangs can neither
//     delay nor lose a line.
//   - Export is bounded and counted. Spans that were dropped, refused or too late are in the [ExportError] of
//     [Telemetry.Shutdown], and a collector that is away is reported once, through OpenTelemetry's error handler.
//   - Settings are checked. A value that cannot be used is a [ConfigError] that names it, not a silent default.
//
// The variables of OpenTelemetry's specification work: OTEL_SDK_DISABLED (everything off, event log included),
// OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_PROPAGATORS, OTEL_TRACES_SAMPLER(_ARG), OTEL_TRACES_EXPORTER
// (otlp, console, none), OTEL_BSP_*, the OTEL_*_LIMIT of spans, and OTEL_EXPORTER_OTLP_* with their _TRACES_
// variants: ENDPOINT, INSECURE, PROTOCOL (grpc, http/protobuf, http/json), HEADERS, CERTIFICATE, CLIENT_CERTIFICATE,
// CLIENT_KEY, COMPRESSION and TIMEOUT. Fields of [Config] win over them.
//
// Endpoints mean what a person expects: 127.0.0.1:4317, localhost:4317 and [::1]:4317 are plaintext on this machine,
// collector:4317 is TLS (unless INSECURE says otherwise), http:// and https:// say it themselves, and port 4318 is
// OTLP over HTTP.
//
// A program with a TracerProvider of its own puts the pieces into it: [Sampler], [NewEventLog] and [NewTraceFile].
package telemetry
