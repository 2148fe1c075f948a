package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

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

	flags *pflag.FlagSet // to tell a flag that was given from one that was not
}

func (t *telemetryFlags) register(f *pflag.FlagSet, traceFile string) {
	t.flags = f
	f.StringVar(&t.events, "events", "", "events `file`, or off (default data/session/events.jsonl)")
	f.StringVar(&t.traceFile, "trace-file", traceFile, "OTLP JSON `file` that Jaeger's upload opens, or off")
	f.StringVar(&t.endpoint, "otlp-endpoint", "", "`address` of the collector (default $OTEL_EXPORTER_OTLP_ENDPOINT, else localhost:4317 if something listens)")
	f.BoolVar(&t.insecure, "otlp-insecure", false, "talk to the collector without TLS")
	f.StringArrayVar(&t.headers, "otlp-header", nil, "`key=value` to send to the collector; may be repeated")
	f.StringVar(&t.service, "service", "", "service.name of the spans (default $OTEL_SERVICE_NAME, else the command's)")
	f.StringVar(&t.sample, "sample", "", "`share` of the traces to export, from 0 to 1 (default $OTEL_TRACES_SAMPLER, else all)")
	f.BoolVar(&t.noExport, "no-export", false, "export nothing; events and trace file are written all the same")
}

// complete offers values as the completions of a flag.
func complete[T ~string](c *cobra.Command, flag string, values []T) {
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = string(v)
	}
	if err := c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag does not exist: wrong in every run, so the first test finds it
	}
}

// config is what the flags say to package telemetry.
func (t *telemetryFlags) config(service string) (telemetry.Config, error) {
	headers := map[string]string{}
	for _, h := range t.headers {
		key, value, ok := strings.Cut(h, "=")
		if !ok || key == "" {
			return telemetry.Config{}, fmt.Errorf("--otlp-header is %q, want key=value", h)
		}
		headers[key] = value
	}
	return telemetry.Config{}, nil
}
