package settings

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/internal/otelenv"
)

// A setting can be given by its flag, its variable and its key in the configuration file.
type setting struct {
	flag   string
	check  func(given) error // of a value that somebody gave
	list   bool              // may be repeated; name=value in the variable, with commas between; a mapping in the file
	many   bool              // may be repeated; one text in the variable; one or a list of them in the file
	fields []string          // the fields of telemetry.Config that it fills
	otel   []string          // OpenTelemetry's variables, which win over the file
}

// A given is what somebody gave for a setting.
type given struct {
	texts []string // one, or of a list any number
	by    string   // --flag, VARIABLE, or file:line:column: key; empty: nobody gave one
}

// OpenTelemetry's variables of the collector. The first that is set counts.
var (
	otelEndpoint = []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"}
	otelInsecure = []string{"OTEL_EXPORTER_OTLP_TRACES_INSECURE", "OTEL_EXPORTER_OTLP_INSECURE"}
	otelHeaders  = []string{"OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"}
)

// Those of the collector of metrics alone. They have no part in where spans go.
const (
	metricsEndpoint = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"
	metricsInsecure = "OTEL_EXPORTER_OTLP_METRICS_INSECURE"
	metricsHeaders  = "OTEL_EXPORTER_OTLP_METRICS_HEADERS"
)

func isSet(variable string) bool { return strings.TrimSpace(os.Getenv(variable)) != "" }

var all = []setting{
	{flag: "events", check: named("want the name of a file, or off"), fields: []string{"Events"}},
	{flag: "trace-file", check: named("want the name of a file, or off"), fields: []string{"TraceFile"}},
	{
		flag: "otlp-endpoint", check: named("want the address of a collector"), fields: []string{"Endpoint"},
		otel: slices.Concat(otelEndpoint, []string{"OTEL_TRACES_EXPORTER"}),
	},
	{
		flag: "otlp-insecure", check: yesOrNo, fields: []string{"Insecure"},
		// Whether one endpoint is reached without TLS says nothing about another.
		otel: slices.Concat(otelInsecure, otelEndpoint),
	},
	{
		flag: "otlp-header", check: headers, list: true, fields: []string{"Headers"},
		otel: otelHeaders,
	},
	{
		flag: "service", check: named("want a name"), fields: []string{"Service"},
		otel: []string{"OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"},
	},
	{
		flag: "sample", check: share, fields: []string{"Sampler", "SamplerArg"},
		otel: []string{"OTEL_TRACES_SAMPLER"},
	},
	{
		flag: "no-export", check: yesOrNo, fields: []string{"NoExport", "Exporter"},
		otel: []string{"OTEL_TRACES_EXPORTER"},
	},
	{flag: ciFlag, check: ciMode},
	{flag: redactFlag, check: expressions, many: true, fields: []string{"Redact"}},
}

// named checks a text that must not be empty, as a shell's variable is that was not set.
func named(want string) func(given) error {
	return func(v given) error {
		if strings.TrimSpace(v.texts[0]) == "" {
			return cli.BadValue(v.by, "", errors.New(want))
		}
		return nil
	}
}

func yesOrNo(v given) error {
	if _, err := cli.ParseBool(v.texts[0]); err != nil {
		return cli.BadValue(v.by, v.texts[0], err)
	}
	return nil
}

func share(v given) error {
	if share, err := strconv.ParseFloat(v.texts[0], 64); err != nil || !(share >= 0 && share <= 1) {
		return cli.BadValue(v.by, v.texts[0], errors.New("want a share from 0 to 1"))
	}
	return nil
}

// headers checks key=value pairs. An error shows none: it may be a secret, and the terminal may be the log of a job.
func headers(v given) error {
	for _, text := range v.texts {
		if key, _, ok := strings.Cut(text, "="); !ok || key == "" {
			return cli.UsageError(fmt.Errorf("%s cannot be used, want key=value", v.by))
		}
	}
	return nil
}

func (s setting) variable() string {
	return "BACKSPAN_" + strings.ToUpper(s.key())
}

// key is its name in the configuration file.
func (s setting) key() string { return strings.ReplaceAll(s.flag, "-", "_") }

// typed is what the flag gives.
func (s setting) typed(flags *pflag.FlagSet) given {
	flag := flags.Lookup(s.flag)
	if flag == nil || !flag.Changed { // not every command has all of them
		return given{}
	}
	list, isList := flag.Value.(pflag.SliceValue)
	if isList {
		return given{list.GetSlice(), "--" + s.flag}
	}
	return given{[]string{flag.Value.String()}, "--" + s.flag}
}

// untyped is what the variable gives, else the configuration file. OpenTelemetry's variables come between the
// two: where one of them decides, nothing is given.
func (s setting) untyped(file map[string]given) (given, error) {
	v := given{by: s.variable()}
	text := strings.TrimSpace(os.Getenv(v.by))
	switch {
	case text == "" && s.leftToOpenTelemetry():
		return given{}, nil
	case text == "":
		return file[s.key()], nil
	case !s.list:
		v.texts = []string{text}
		return v, nil
	}
	pairs, err := otelenv.Pairs(text)
	if err != nil {
		return given{}, cli.UsageError(fmt.Errorf("%s cannot be used (%w), want %s", v.by, err, otelenv.WantPairs))
	}
	for _, pair := range pairs {
		v.texts = append(v.texts, pair.Name+"="+pair.Value)
	}
	return v, nil
}

// leftToOpenTelemetry says whether one of OpenTelemetry's variables decides.
func (s setting) leftToOpenTelemetry() bool {
	return slices.ContainsFunc(s.otel, func(name string) bool {
		text := strings.TrimSpace(os.Getenv(name))
		switch {
		case s.flag == "otlp-endpoint" && name == "OTEL_TRACES_EXPORTER" && strings.EqualFold(text, "otlp"):
			return false // it says how to export, not where to
		case name == "OTEL_RESOURCE_ATTRIBUTES":
			return strings.Contains(text, "service.name=")
		}
		return text != ""
	})
}
