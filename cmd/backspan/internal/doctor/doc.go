// Package doctor is the verb doctor. It answers the question "why do I see nothing in Jaeger?".
//
// [Examine] reads a configuration as telemetry.Start does: service, sampler, propagators, endpoint, event log. It sends
// one test span as every other span is sent, and asks Jaeger for it. When the collector does not take the span, it
// connects to the endpoint and looks at what answers, because the exporter's errors for the commonest mistakes (the
// HTTP port for gRPC, TLS to a plaintext port) do not name them.
//
// Each [Finding] is one line: ok, a note, or a problem with what to do about it. Nothing is written: no line in the
// event log, no directory, no trace file. Only the test span stays, in the collector.
package doctor
