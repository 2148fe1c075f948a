package settings

import (
	"slices"
	"strings"

	"github.com/backspan/backspan/internal/otelenv"
	"github.com/backspan/backspan/telemetry"
)

// secureExport says which headers are sent, and whether plaintext will do. Both are meant for the collector of whoever
// gave them. So they count only with an endpoint that the same one named, or one who is less specific: a key in the
// configuration file must not go where a variable of somebody else points. It is so with the collector of metrics,
// where they are exported; what is kept back for its sake would be kept back from that of spans, too.
func (t *Flags) secureExport(c *telemetry.Config) {
	endpoints, insecures, headers := otelEndpoint, otelInsecure, otelHeaders
	if t.metrics = otelenv.Read(Program(*c, nil)).Metrics.Exporter.Value == otelenv.ExporterOTLP; t.metrics {
		endpoints, insecures = with(endpoints, metricsEndpoint), with(insecures, metricsInsecure)
		headers = with(headers, metricsHeaders)
	}
	endpoint := t.giver("otlp-endpoint", endpoints)
	if by := t.giver("otlp-insecure", insecures); by != "" && rank(by) < rank(endpoint) {
		c.Insecure = new(false)
	} else if t.values["otlp-insecure"].by != "" {
		c.Insecure = new(t.yes("otlp-insecure"))
	}
	for _, header := range t.values["otlp-header"].texts {
		if c.Headers == nil {
			c.Headers = map[string]string{}
		}
		key, text, _ := strings.Cut(header, "=")
		c.Headers[key] = text
	}
	program := Program(*c, func(field string) string {
		if by := t.Source(field); field != "Insecure" || by != field {
			return by
		}
		return "--otlp-insecure" // nobody has given it yet
	})
	foreign := rank(t.giver("otlp-header", headers)) < rank(endpoint)
	if foreign {
		program.Withhold = endpoint + " names the collector; want the headers from the same place"
	}
	env := otelenv.Read(program)
	if t.withheld = env.Withheld; t.withheld == nil && t.metrics && foreign {
		t.withheld = env.Metrics.Withheld
	}
	if t.withheld != nil {
		c.Headers, c.NoHeaders = nil, true
	}
}

// Withheld are the headers that are configured and not sent; nil: there are none. Settings comes first.
func (t *Flags) Withheld() *otelenv.Withheld { return t.withheld }

func with(list []string, name string) []string { return append(list[:len(list):len(list)], name) }

// TellWithheld tells of headers that a collector which gets spans or metrics does not get.
func (t *Flags) TellWithheld(d telemetry.Destination, tell func(format string, args ...any)) {
	spans := d.State == telemetry.ExportOn && d.Protocol != otelenv.ExporterConsole
	if t.withheld != nil && (spans || t.metrics) {
		tell("%v", t.withheld)
	}
}

// giver is who gives a setting: its flag, its variable, one of OpenTelemetry's, or a line of the file; empty: nobody.
func (t *Flags) giver(flag string, otel []string) string {
	by := t.values[flag].by
	if i := slices.IndexFunc(otel, isSet); by == "" && i >= 0 {
		by = otel[i]
	}
	return by
}

// rank is higher for who is more specific: a flag, a variable of ours, one of OpenTelemetry's, the file, nobody.
func rank(by string) int {
	switch {
	case by == "":
		return 0
	case strings.HasPrefix(by, "--"):
		return 4
	case strings.HasPrefix(by, "BACKSPAN_"):
		return 3
	case strings.HasPrefix(by, "OTEL_"):
		return 2
	}
	return 1
}
