package otelenv

import (
	"math"
	"slices"
	"strings"
	"time"
)

// Metrics are the settings of metrics.
type Metrics struct {
	Exporter Setting // an Exporter constant; none unless OTEL_METRICS_EXPORTER says otherwise
	Collector
	Interval      time.Duration // between exports
	ExportTimeout time.Duration // of what is collected and exported at once

	Errs []error // *Error of the interval, and of what OpenTelemetry's SDK reads by itself
}

// metricsWords are the variables that OpenTelemetry's SDK and its exporters read by themselves, and the words that they
// know. They take a default for any other word.
var metricsWords = []struct {
	name  string
	words []string
}{
	{"OTEL_METRICS_EXEMPLAR_FILTER", []string{"always_on", "always_off", "trace_based"}},
	{"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", []string{"cumulative", "delta", "lowmemory"}},
	{
		"OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
		[]string{"explicit_bucket_histogram", "base2_exponential_bucket_histogram"},
	},
}

// readMetrics differs from the specification in that nothing is exported unless a variable says so: a Jaeger, which is
// all that many have, refuses metrics.
func readMetrics(p Program) (m Metrics) {
	m.Exporter = fromEnv("OTEL_METRICS_EXPORTER").exporter(ExporterNone,
		"otlp, console or none; a program gives a Prometheus exporter to telemetry.Config.MetricReader")
	switch {
	case p.MetricReader:
		m.Exporter = Setting{Value: ExporterNone, From: p.Name("MetricReader")}
	case m.Exporter.Err != nil:
	case p.NoExport:
		m.Exporter = Setting{Value: ExporterNone, From: p.Name("NoExport")}
	}
	m.Interval = m.milliseconds("OTEL_METRIC_EXPORT_INTERVAL", time.Minute)
	m.ExportTimeout = m.milliseconds("OTEL_METRIC_EXPORT_TIMEOUT", 30*time.Second)
	for _, known := range metricsWords {
		if v := fromEnv(known.name); v.isSet() && !slices.Contains(known.words, strings.ToLower(v.text)) {
			m.Errs = append(m.Errs, v.bad(strings.Join(known.words, ", "), nil))
		}
	}
	m.Collector = readCollector(p, metrics)
	return m
}

func (m *Metrics) milliseconds(variable string, otherwise time.Duration) time.Duration {
	v := fromEnv(variable)
	if !v.isSet() {
		return otherwise
	}
	n, err := v.number(1, math.MaxInt32)
	if err != nil {
		m.Errs = append(m.Errs, err)
	}
	return time.Duration(n) * time.Millisecond
}

// Errors are those of settings that are used.
func (m Metrics) Errors() []error {
	errs := []error{m.Exporter.Err}
	if m.Exporter.Value != ExporterNone {
		errs = append(errs, m.Errs...)
	}
	if m.Exporter.Value == ExporterOTLP {
		errs = append(append(errs, m.OTLPErrs...), m.Endpoint.Err)
	}
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}
