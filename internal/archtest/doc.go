// Package archtest holds the tests of who may import whom, and of what no test may do. It has no code of its own.
//
// The floors, from below: internal/semconv, scope and tracer; retry; orchestrator and what extends retry. To the side
// stand telemetry and events, which know the floors by the spans they write and never by import: the span is the wire
// between them. A new package gets a line in the test's table; the reason to have it there is that someone who imports
// retry compiles the OpenTelemetry API and nothing else. Below cmd/backspan/internal the compiler holds the same rule:
// nothing outside the command can import what lies there. Within the command only root imports the verbs.
package archtest
