package otelenv

import (
	"errors"
	"testing"
	"time"
)

// Metrics have the rules of spans, with variables of their own.
func TestMetricsAreSentByTheRulesOfSpans(t *testing.T) {
	for _, c := range []struct {
		name    string
		env     map[string]string
		program Program
		want    string
	}{
		{"nothing said", nil, Program{}, "http://localhost:4317 grpc"},
		{
			"one endpoint for all",
			map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"},
			Program{},
			"http://c:4318/v1/metrics http/protobuf",
		},
		{
			"the path of spans in a base",
			map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318/x/v1/traces/"},
			Program{},
			"http://c:4318/x/v1/metrics http/protobuf",
		},
		{"its own endpoint", map[string]string{
			"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://m:4318/push",
		}, Program{}, "http://m:4318/push http/protobuf"},
		{
			"that of spans is none",
			map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318"},
			Program{},
			"http://localhost:4317 grpc",
		},
		{
			"the program's comes first",
			map[string]string{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://m:4317"},
			Program{Endpoint: "http://c:4318"},
			"http://c:4318/v1/metrics http/protobuf",
		},
		{
			"JSON is for spans alone",
			map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"},
			Program{},
			"http://localhost:4318/v1/metrics http/protobuf",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, text := range c.env {
				t.Setenv(name, text)
			}
			m := Read(c.program).Metrics
			if got := m.Endpoint.Value + " " + m.Target.Protocol; got != c.want || m.Endpoint.Err != nil {
				t.Errorf("got %s, error %v, want %s", got, m.Endpoint.Err, c.want)
			}
		})
	}
}

func TestMetricsAreExportedWhenAVariableSaysSo(t *testing.T) {
	for _, c := range []struct {
		name, variable string
		program        Program
		value, from    string
	}{
		{"nobody says so", "", Program{}, "none", ""},
		{"an endpoint is no wish for metrics", "", Program{Endpoint: "c:4317"}, "none", ""},
		{"OTLP", "OTLP", Program{}, "otlp", "OTEL_METRICS_EXPORTER"},
		{"console", "console", Program{}, "console", "OTEL_METRICS_EXPORTER"},
		{"no export at all", "otlp", Program{NoExport: true}, "none", "NoExport"},
		{"a reader of the program's", "prometheus", Program{MetricReader: true}, "none", "MetricReader"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("OTEL_METRICS_EXPORTER", c.variable)
			want := Setting{Value: c.value, From: c.from}
			if got := Read(c.program).Metrics.Exporter; got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

// What cannot be used is named, if metrics are exported.
func TestBadSettingsOfMetricsAreNamed(t *testing.T) {
	for _, c := range []struct{ exporter, name, text, want string }{
		{
			"", "OTEL_METRICS_EXPORTER", "prometheus",
			"otlp, console or none; a program gives a Prometheus exporter to telemetry.Config.MetricReader",
		},
		{"otlp", "OTEL_METRIC_EXPORT_INTERVAL", "1s", "a whole number from 1 to 2147483647"},
		{"console", "OTEL_METRIC_EXPORT_TIMEOUT", "0", "a whole number from 1 to 2147483647"},
		{"otlp", "OTEL_METRICS_EXEMPLAR_FILTER", "all", "always_on, always_off, trace_based"},
		{"otlp", "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "deltas", "cumulative, delta, lowmemory"},
		{
			"otlp", "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "exponential",
			"explicit_bucket_histogram, base2_exponential_bucket_histogram",
		},
		{"otlp", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/json", "grpc or http/protobuf"},
		{"otlp", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "ftp://c", wantEndpoint},
		{"otlp", "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "soon", "milliseconds, 0 for no bound and at most a day"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("OTEL_METRICS_EXPORTER", c.exporter)
			t.Setenv(c.name, c.text)
			bad, ok := errors.AsType[*Error](Read(Program{}).Err())
			if !ok || bad.Field != c.name || bad.Value != c.text || bad.Want != c.want {
				t.Errorf("got %v, want one of %s that wants %s", bad, c.name, c.want)
			}
			if c.exporter == "" {
				return
			}
			t.Setenv("OTEL_METRICS_EXPORTER", "none")
			if err := Read(Program{}).Err(); err != nil {
				t.Errorf("%v, though no metrics are exported", err)
			}
		})
	}
}

func TestHowOftenMetricsAreExported(t *testing.T) {
	if m := Read(Program{}).Metrics; m.Interval != time.Minute || m.ExportTimeout != 30*time.Second {
		t.Errorf("every %v within %v, want 1m and 30s", m.Interval, m.ExportTimeout)
	}
	t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "5000")
	t.Setenv("OTEL_METRIC_EXPORT_TIMEOUT", "250")
	if m := Read(Program{}).Metrics; m.Interval != 5*time.Second || m.ExportTimeout != 250*time.Millisecond {
		t.Errorf("every %v within %v, want 5s and 250ms", m.Interval, m.ExportTimeout)
	}
}

// Headers for spans do not go where metrics go, nor the other way round, nor in plaintext to another host.
func TestHeadersOfMetricsAreTheirOwn(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c")
	t.Setenv("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "key=metrics")
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "key=traces")
	if s := Read(Program{}); s.Metrics.Headers["key"] != "metrics" || s.Headers["key"] != "traces" {
		t.Errorf("metrics %v, spans %v", s.Metrics.Headers, s.Headers)
	}
	t.Setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://m:4317")
	if s := Read(Program{}); s.Metrics.Withheld == nil || len(s.Metrics.Headers) > 0 || s.Withheld != nil {
		t.Errorf("metrics %v, %v, spans %v", s.Metrics.Headers, s.Metrics.Withheld, s.Withheld)
	}
}
