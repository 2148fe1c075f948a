// Package archtest holds the tests of who may import whom, of what no test may do, and of how long lines may be. It has
// no code of its own.
//
// The layers, from below: internal/semconv, scope and tracer; retry; orchestrator and what extends retry. Packages
// telemetry and events are beside them: they know these layers by the spans that they write, never by import. A new
// package gets a line in the test's table; the reason to have it there is that someone who imports
// retry compiles the OpenTelemetry API and nothing else. Below cmd/backspan/internal the compiler holds the same rule:
// nothing outside the command can import what lies there. Within the command only root imports the verbs.
package archtest
