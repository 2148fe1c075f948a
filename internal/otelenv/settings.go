package otelenv

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Program is what the program itself says, in code or with flags. A field that is set wins over its variable.
type Program struct {
	Service             string            // OTEL_SERVICE_NAME
	Sampler, SamplerArg string            // OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG
	Endpoint            string            // OTEL_EXPORTER_OTLP_ENDPOINT; also turns the exporter otlp on
	Protocol            string            // OTEL_EXPORTER_OTLP_PROTOCOL
	Headers             map[string]string // OTEL_EXPORTER_OTLP_HEADERS
	Insecure            *bool             // OTEL_EXPORTER_OTLP_INSECURE; false: what it says does not count
	Discover            bool              // where nobody names an endpoint, one is looked for on this machine
	Withhold            string            // why no header is sent; empty: nothing keeps them back
	Exporter            string            // OTEL_TRACES_EXPORTER
	NoExport            bool              // OTEL_TRACES_EXPORTER=none, OTEL_METRICS_EXPORTER=none
	MetricReader        bool              // the program has one, so OTEL_METRICS_EXPORTER=none

	// Name returns what the user calls a field, for example --otlp-endpoint for Endpoint. Nil: the field's name.
	Name func(field string) string
}

// A Setting is a value and who said it.
type Setting struct {
	Value string // what holds; with an Err what was configured, unless that may be a secret
	From  string // the variable, or the field as Program.Name calls it; empty: Value is the default
	Err   error  // an *Error when the value cannot be used
}

// The exporters that OTEL_TRACES_EXPORTER and OTEL_METRICS_EXPORTER name.
const (
	ExporterOTLP    = "otlp"
	ExporterConsole = "console"
	ExporterNone    = "none"
)

// Settings are what Read found.
type Settings struct {
	Disabled    Setting // true: OTEL_SDK_DISABLED turns everything off
	Exporter    Setting // an Exporter constant
	Service     Setting // service.name
	Propagators Setting // PropagatorNames with commas; Err when one is not in OpenTelemetry's specification
	Attributes  []Pair  // of the resource, from OTEL_RESOURCE_ATTRIBUTES

	PropagatorNames []string

	Sampler       Setting // a name of OTEL_TRACES_SAMPLER, in lower case
	Share         float64 // of the new traces that are sampled, from 0 to 1
	RootSampler   string  // what decides for spans without a parent: always_on, always_off or traceidratio
	ParentDecides bool    // RootSampler and Share hold only for spans without a parent

	Collector         // of spans
	Metrics   Metrics // how they are exported

	QueueSize, BatchSize int // how many spans wait in the batch processor, and how many it exports at once

	SDKErrs []error // *Error of limits, batch processor and resource attributes
}

// Read reads the environment and p.
func Read(p Program) Settings {
	if p.Name == nil {
		p.Name = func(field string) string { return field }
	}
	var s Settings
	s.readDisabled()
	s.readPropagators()
	s.readExporter(p)
	s.readService(p)
	s.readSampler(p)
	s.readLimits()
	s.Collector = readCollector(p, traces)
	s.Metrics = readMetrics(p)
	return s
}

// Err returns the first error about something that is used: nothing is while OTEL_SDK_DISABLED is true, and what
// concerns a collector only while the exporter of its signal is otlp. It leaves out Propagators.Err: a program may have
// registered a propagator of that name.
func (s Settings) Err() error {
	errs := []error{s.Disabled.Err}
	if s.Disabled.Value != "true" {
		errs = append(append(errs, s.SDKErrs...), s.Sampler.Err, s.Exporter.Err)
		if s.Exporter.Value == ExporterOTLP {
			errs = append(append(errs, s.OTLPErrs...), s.Endpoint.Err)
		}
		errs = append(errs, s.Metrics.Errors()...)
	}
	return cmp.Or(errs...)
}

func (s *Settings) readDisabled() {
	v := fromEnv("OTEL_SDK_DISABLED")
	s.Disabled = v.or("false")
	s.Disabled.Value = strings.ToLower(s.Disabled.Value)
	_, s.Disabled.Err = v.boolean()
}

func (s *Settings) readPropagators() {
	known := []string{"tracecontext", "baggage", "b3", "b3multi", "jaeger", "xray", "ottrace", "none"}
	v := fromEnv("OTEL_PROPAGATORS")
	s.Propagators = v.or("tracecontext,baggage")
	names := strings.Split(s.Propagators.Value, ",")
	for i, name := range names {
		names[i] = strings.TrimSpace(name)
		if !slices.Contains(known, names[i]) && s.Propagators.Err == nil {
			s.Propagators.Err = v.bad("a list of "+strings.Join(known, ", "), fmt.Errorf("%q is not known", names[i]))
		}
	}
	s.PropagatorNames, s.Propagators.Value = names, strings.Join(names, ",")
}

// readExporter takes an Endpoint in the program for a wish to export there.
func (s *Settings) readExporter(p Program) {
	v := p.said("Exporter", p.Exporter, "OTEL_TRACES_EXPORTER")
	s.Exporter = v.exporter(ExporterOTLP, "otlp, console or none")
	switch {
	case s.Exporter.Err != nil:
	case p.NoExport:
		s.Exporter = Setting{Value: ExporterNone, From: p.Name("NoExport")}
	case p.Endpoint != "" && p.Exporter == "":
		s.Exporter = Setting{Value: ExporterOTLP, From: p.Name("Endpoint")}
	}
}

// exporter reads the name of an exporter.
func (v value) exporter(otherwise, want string) Setting {
	s := v.or(otherwise)
	s.Value = strings.ToLower(s.Value)
	if !slices.Contains([]string{ExporterOTLP, ExporterConsole, ExporterNone}, s.Value) {
		s.Err = v.bad(want, nil)
	}
	return s
}

// ServiceName is the resource attribute that names the service.
const ServiceName = "service.name"

func (s *Settings) readService(p Program) {
	v := fromEnv("OTEL_RESOURCE_ATTRIBUTES")
	list, err := Pairs(v.text)
	named := Setting{Value: programName()}
	for _, pair := range list {
		if pair.Name == ServiceName {
			named = Setting{Value: pair.Value, From: v.name}
		}
	}
	if named.Value == "" && err == nil {
		named.Value, err = programName(), errors.New("service.name is empty")
	}
	if err != nil {
		// Without the value: a pair that is right may hold a secret, and a bad one may be a part of one.
		s.SDKErrs = append(s.SDKErrs, value{name: v.name}.bad(WantPairs, err))
	}
	s.Attributes, s.Service = list, named
	if name := p.said("Service", p.Service, "OTEL_SERVICE_NAME"); name.isSet() {
		s.Service = name.or("")
	}
}

func programName() string {
	if len(os.Args) == 0 || os.Args[0] == "" {
		return "unknown_service"
	}
	return strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
}

const wantSampler = "always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off or " +
	"parentbased_traceidratio"

func (s *Settings) readSampler(p Program) {
	name := p.said("Sampler", p.Sampler, "OTEL_TRACES_SAMPLER")
	s.Sampler = name.or("parentbased_always_on")
	lower := strings.ToLower(s.Sampler.Value)
	root, parentBased := strings.CutPrefix(lower, "parentbased_")
	switch root {
	case "always_on":
		s.Share = 1
	case "always_off":
	case "traceidratio":
		s.Share, s.Sampler.Err = p.said("SamplerArg", p.SamplerArg, "OTEL_TRACES_SAMPLER_ARG").ratio()
	case "jaeger_remote", "xray":
		s.Sampler.Err = name.bad(wantSampler+"; samplers that ask a server are not supported", nil)
	default:
		s.Sampler.Err = name.bad(wantSampler, nil)
	}
	if s.Sampler.Err == nil {
		s.Sampler.Value, s.RootSampler, s.ParentDecides = lower, root, parentBased
	}
}
