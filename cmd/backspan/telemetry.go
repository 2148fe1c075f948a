package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/backspan/backspan/telemetry"
)

// telemetryFlags are the flags that every command with spans has. They win over the environment.
type telemetryFlags struct {
	events    string
	traceFile string
	endpoint  string
	insecure  bool
	headers   []string
	service   string
	sample    string
	noExport  bool
}

// register adds the flags to f. traceFile is where the command writes its trace file when nothing is said.
func (t *telemetryFlags) register(f *pflag.FlagSet, traceFile string) {
	f.StringVar(&t.events, "events", "", "events `file`, or off (default $BACKSPAN_EVENTS, else data/session/events.jsonl)")
	f.StringVar(&t.traceFile, "trace-file", traceFile, "OTLP JSON `file` that Jaeger's upload opens, or off")
	f.StringVar(&t.endpoint, "otlp-endpoint", "", "`address` of the collector (default $OTEL_EXPORTER_OTLP_ENDPOINT, else localhost:4317 if something listens)")
	f.BoolVar(&t.insecure, "otlp-insecure", false, "talk to the collector without TLS")
	f.StringArrayVar(&t.headers, "otlp-header", nil, "`key=value` to send to the collector; may be repeated")
	f.StringVar(&t.service, "service", "", "service.name of the spans (default $OTEL_SERVICE_NAME, else the program's name)")
	f.StringVar(&t.sample, "sample", "", "`share` of the traces to export, from 0 to 1 (default $OTEL_TRACES_SAMPLER, else 1)")
	f.BoolVar(&t.noExport, "no-export", false, "export nothing; events and trace file are written all the same")
}

// config is what the flags say to package telemetry.
func (t *telemetryFlags) config(processors ...sdktrace.SpanProcessor) (telemetry.Config, error) {
	c := telemetry.Config{
		Service:    t.service,
		Events:     t.events,
		Endpoint:   t.endpoint,
		Insecure:   t.insecure,
		NoExport:   t.noExport,
		Discover:   true,
		Console:    os.Stderr, // stdout is for what the command itself says
		Processors: processors,
	}
	if c.Events == "" {
		c.Events = os.Getenv("BACKSPAN_EVENTS")
	}
	if t.traceFile != telemetry.Off {
		c.TraceFile = t.traceFile
	}
	for _, h := range t.headers {
		key, value, ok := strings.Cut(h, "=")
		if !ok || key == "" {
			return c, usage(fmt.Errorf("--otlp-header is %q, want key=value", h))
		}
		if c.Headers == nil {
			c.Headers = map[string]string{}
		}
		c.Headers[key] = value
	}
	if t.sample != "" {
		if share, err := strconv.ParseFloat(t.sample, 64); err != nil || !(share >= 0 && share <= 1) {
			return c, usage(fmt.Errorf("--sample is %q, want a share from 0 to 1", t.sample))
		}
		c.Sampler, c.SamplerArg = "parentbased_traceidratio", t.sample
	}
	return c, nil
}

// flagOf is the flag behind each field of telemetry.Config that a flag can fill with something unusable.
var flagOf = map[string]string{
	"Config.Endpoint": "--otlp-endpoint",
	"Config.Headers":  "--otlp-header",
}

// inFlags makes an error of telemetry.Start speak of what the user typed.
func inFlags(err error) error {
	var bad *telemetry.ConfigError
	if !errors.As(err, &bad) {
		return err
	}
	typed := *bad
	if flag := flagOf[bad.Name]; flag != "" {
		typed.Name = flag
	}
	return usage(&typed)
}
