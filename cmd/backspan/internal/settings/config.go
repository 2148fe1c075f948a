package settings

import (
	"cmp"
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/internal/otelenv"
	"github.com/backspan/backspan/telemetry"
)

// Config is what flags, variables and file say to package telemetry, for a command that starts it. It refuses what
// telemetry.Start would refuse, by the names that the user knows.
func (t *Flags) Config(processors ...sdktrace.SpanProcessor) (telemetry.Config, error) {
	if err := t.Targets(); err != nil {
		return telemetry.Config{}, err
	}
	c, err := t.Settings(processors...)
	if err != nil {
		return c, err
	}
	env := otelenv.Read(Program(c, t.Source))
	if err := cmp.Or(env.Propagators.Err, env.Err()); err != nil {
		return c, cli.UsageError(err)
	}
	return c, nil
}

// Program is what c says of the settings that otelenv reads. name is what the user calls a field of c.
func Program(c telemetry.Config, name func(field string) string) otelenv.Program {
	return otelenv.Program{
		Service: c.Service, Sampler: c.Sampler, SamplerArg: c.SamplerArg, Endpoint: c.Endpoint, Protocol: c.Protocol,
		Headers: c.Headers, Insecure: c.Insecure, Exporter: c.Exporter, NoExport: c.NoExport, Discover: c.Discover,
		Name: name,
	}
}

// Settings is Config without a check of files and of OpenTelemetry's variables, for a command that reports on them.
func (t *Flags) Settings(processors ...sdktrace.SpanProcessor) (telemetry.Config, error) {
	if err := t.resolve(); err != nil {
		return telemetry.Config{}, err
	}
	c := telemetry.Config{
		Session:    t.Session,
		Service:    t.text("service"),
		Events:     t.text("events"),
		Endpoint:   t.text("otlp-endpoint"),
		NoExport:   t.yes("no-export"),
		Discover:   true,
		Console:    cli.SafeJSON{W: os.Stderr}, // stdout is for what the command itself says
		Processors: processors,
		Redact:     t.Redact(),
		NoTally:    true,
	}
	if t.values["no-export"].by != "" && !c.NoExport && exportIsOff() {
		c.Exporter = otelenv.ExporterOTLP
	}
	if path := t.text("trace-file"); path != telemetry.Off {
		c.TraceFile = path
	}
	t.secureExport(&c)
	if share := t.text("sample"); share != "" {
		c.Sampler, c.SamplerArg = "parentbased_traceidratio", share
	}
	return c, cli.Apart(t.targets()...)
}

// exportIsOff reports whether OpenTelemetry's variable turns the export off. How to export is not for --no-export to
// say.
func exportIsOff() bool {
	return strings.EqualFold(strings.TrimSpace(os.Getenv("OTEL_TRACES_EXPORTER")), otelenv.ExporterNone)
}

// Source returns who filled a field of telemetry.Config: a flag, a variable, or a line of the file. It returns the
// field's name when nobody did.
func (t *Flags) Source(field string) string {
	for _, s := range all {
		if slices.Contains(s.fields, field) {
			return cmp.Or(t.values[s.flag].by, field)
		}
	}
	return field
}

// Typed reports whether err, which Config returned, is about a flag that was typed.
func (t *Flags) Typed(err error) bool {
	if setting, ok := errors.AsType[*otelenv.Error](err); ok {
		return strings.HasPrefix(setting.Field, "--")
	}
	_, err = t.TypedOnly().Config()
	return err != nil
}

// ParentTrace lets the spans of a command join the trace of the process that started it.
func ParentTrace(ctx context.Context) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{
		"traceparent": os.Getenv("TRACEPARENT"), "tracestate": os.Getenv("TRACESTATE"),
	})
}
