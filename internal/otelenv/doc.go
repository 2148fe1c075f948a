// Package otelenv reads OpenTelemetry's environment variables together with what the program itself says, and checks
// them. Package telemetry sets OpenTelemetry up from the result; the command shows it to a person.
//
// [Read] never fails as a whole. Each [Setting] has its value, the name of who said it, and its own error, so that one
// bad setting does not hide the others. An [Error] names the variable, the value, and what would be right, where
// OpenTelemetry's SDK silently takes a default.
//
// Three rules hold for every setting. What the program says comes before a variable. The variable for traces alone,
// OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, comes before the one for all signals, OTEL_EXPORTER_OTLP_ENDPOINT. A variable
// that is empty or blank counts as not set, as OpenTelemetry's specification demands.
//
// The package reads the environment and certificate files. It writes nothing, and it opens no connection.
package otelenv
