// Package doctor answers the question "why do I see nothing in Jaeger?".
//
// [Examine] looks at what telemetry.Start would do with a configuration: service, sampler, propagators, the endpoint as
// the exporter reads it, the event log, the clock. It sends one test span the way all others go, says whether the
// collector took it, and whether Jaeger has it. When something is wrong it goes and looks who answers at the endpoint,
// because the commonest mistakes (the HTTP port for gRPC, TLS to a plaintext port) give errors that nobody
// understands.
//
// Each [Finding] is one line: ok, a note, or a problem with what to do about it. Nothing is written: no line in the event
// log, no directory, no trace file. Only the test span is there afterwards, in the collector.
package doctor
