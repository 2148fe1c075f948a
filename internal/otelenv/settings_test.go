package otelenv

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestReadNamesValueAndSource(t *testing.T) {
	for _, c := range []struct {
		name    string
		program Program
		env     map[string]string
		of      func(Settings) Setting
		want    Setting
	}{
		{"endpoint, default", Program{}, nil, endpointOf, Setting{Value: "http://localhost:4317"}},
		{
			"endpoint, traces before all",
			Program{},
			map[string]string{
				"OTEL_EXPORTER_OTLP_ENDPOINT": "a:1", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://b:4318/x",
			},
			endpointOf,
			Setting{Value: "http://b:4318/x", From: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"},
		},
		{
			"endpoint, field",
			Program{Endpoint: "c:4317"},
			map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "a:1"},
			endpointOf,
			Setting{Value: "https://c:4317", From: "Endpoint"},
		},
		{"exporter, default", Program{}, nil, exporterOf, Setting{Value: "otlp"}},
		{
			"exporter, none",
			Program{},
			map[string]string{"OTEL_TRACES_EXPORTER": "None"},
			exporterOf,
			Setting{Value: "none", From: "OTEL_TRACES_EXPORTER"},
		},
		{
			"exporter, an endpoint is as good as otlp",
			Program{Endpoint: "a:1"},
			map[string]string{"OTEL_TRACES_EXPORTER": "none"},
			exporterOf,
			Setting{Value: "otlp", From: "Endpoint"},
		},
		{
			"exporter, said in the program",
			Program{Exporter: "console", Endpoint: "a:1"},
			map[string]string{"OTEL_TRACES_EXPORTER": "none"},
			exporterOf,
			Setting{Value: "console", From: "Exporter"},
		},
		{
			"exporter, declined",
			Program{Endpoint: "a:1", NoExport: true},
			nil, exporterOf,
			Setting{Value: "none", From: "NoExport"},
		},
		{"service, default", Program{}, nil, serviceOf, Setting{Value: programName()}},
		{
			"service, attributes",
			Program{},
			map[string]string{"OTEL_RESOURCE_ATTRIBUTES": "a=b,service.name=shop%20a"},
			serviceOf,
			Setting{Value: "shop a", From: "OTEL_RESOURCE_ATTRIBUTES"},
		},
		{
			"service, variable",
			Program{},
			map[string]string{"OTEL_RESOURCE_ATTRIBUTES": "service.name=shop", "OTEL_SERVICE_NAME": "till"},
			serviceOf,
			Setting{Value: "till", From: "OTEL_SERVICE_NAME"},
		},
		{
			"service, field",
			Program{Service: "bank"},
			map[string]string{"OTEL_SERVICE_NAME": "till"},
			serviceOf,
			Setting{Value: "bank", From: "Service"},
		},
		{"propagators, default", Program{}, nil, propagatorsOf, Setting{Value: "tracecontext,baggage"}},
		{
			"propagators, none",
			Program{},
			map[string]string{"OTEL_PROPAGATORS": "none"},
			propagatorsOf,
			Setting{Value: "none", From: "OTEL_PROPAGATORS"},
		},
		{
			"disabled",
			Program{},
			map[string]string{"OTEL_SDK_DISABLED": "TRUE"},
			disabledOf,
			Setting{Value: "true", From: "OTEL_SDK_DISABLED"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, value := range c.env {
				t.Setenv(name, value)
			}
			d := Read(c.program)
			if got := c.of(d); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			if err := d.Err(); err != nil {
				t.Error(err)
			}
		})
	}
}

func endpointOf(d Settings) Setting    { return d.Endpoint }
func exporterOf(d Settings) Setting    { return d.Exporter }
func serviceOf(d Settings) Setting     { return d.Service }
func propagatorsOf(d Settings) Setting { return d.Propagators }
func disabledOf(d Settings) Setting    { return d.Disabled }
func samplerOf(d Settings) Setting     { return d.Sampler }

func TestReadTellsWhatTheSamplerExports(t *testing.T) {
	for _, c := range []struct {
		name, arg string
		share     float64
		parent    bool
	}{
		{"", "", 1, true},
		{"always_on", "", 1, false},
		{"always_off", "", 0, false},
		{"parentbased_always_off", "", 0, true},
		{"traceidratio", "", 1, false},
		{"traceidratio", "0.25", 0.25, false},
		{"ParentBased_TraceIDRatio", "0", 0, true},
	} {
		d := Read(Program{Sampler: c.name, SamplerArg: c.arg})
		if d.Share != c.share || d.ParentDecides != c.parent || d.Sampler.Err != nil {
			t.Errorf("%s %s: share %v, parent decides %v, error %v; want %v, %v",
				c.name, c.arg, d.Share, d.ParentDecides, d.Sampler.Err, c.share, c.parent)
		}
	}
}

// One bad setting must not hide another.
func TestReadFindsEveryBadSetting(t *testing.T) {
	for name, value := range map[string]string{
		"OTEL_SDK_DISABLED":             "perhaps",
		"OTEL_TRACES_EXPORTER":          "zipkin",
		"OTEL_TRACES_SAMPLER":           "sometimes",
		"OTEL_PROPAGATORS":              "pigeon",
		"OTEL_EXPORTER_OTLP_ENDPOINT":   "http://me:s3cret@localhost:4318",
		"OTEL_EXPORTER_OTLP_PROTOCOL":   "smoke",
		"OTEL_EXPORTER_OTLP_HEADERS":    "s3cret",
		"OTEL_EXPORTER_OTLP_TIMEOUT":    "soon",
		"OTEL_RESOURCE_ATTRIBUTES":      "shop",
		"OTEL_BSP_MAX_QUEUE_SIZE":       "many",
		"OTEL_EXPORTER_OTLP_INSECURE":   "true",
		"OTEL_EXPORTER_OTLP_TRACES_X":   "is none of ours",
		"OTEL_EXPORTER_OTLP_CLIENT_KEY": "key.pem",
	} {
		t.Setenv(name, value)
	}
	d := Read(Program{})
	for name, of := range map[string]func(Settings) Setting{
		"OTEL_SDK_DISABLED": disabledOf, "OTEL_TRACES_EXPORTER": exporterOf, "OTEL_TRACES_SAMPLER": samplerOf,
		"OTEL_PROPAGATORS": propagatorsOf, "OTEL_EXPORTER_OTLP_ENDPOINT": endpointOf,
	} {
		var bad *Error
		if s := of(d); !errors.As(s.Err, &bad) || bad.Field != name {
			t.Errorf("%s: %+v", name, s)
		}
	}
	others := errors.Join(append(d.SDKErrs, d.OTLPErrs...)...)
	for _, name := range []string{
		"PROTOCOL", "HEADERS", "TIMEOUT", "CLIENT_KEY", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_BSP_MAX_QUEUE_SIZE",
	} {
		if !strings.Contains(others.Error(), name) {
			t.Errorf("%v\ndoes not name %s", others, name)
		}
	}
	if all := others.Error() + d.Endpoint.Value + d.Endpoint.Err.Error(); strings.Contains(all, "s3cret") {
		t.Errorf("it tells a secret: %s", all)
	}
}

func TestReadSaysHowToReachTheCollector(t *testing.T) {
	for _, c := range []struct {
		endpoint, network, address, protocol string
		tls                                  bool
	}{
		{"localhost:4317", "tcp", "localhost:4317", GRPC, false},
		{"https://[::1]/x", "tcp", "[::1]:443", HTTPProtobuf, true},
		{"unix:///run/otel.sock", "unix", "/run/otel.sock", GRPC, false},
		{"unix:otel.sock", "unix", "otel.sock", GRPC, false},
	} {
		d := Read(Program{Endpoint: c.endpoint, Headers: map[string]string{"b": "1", "a": "2"}})
		if d.Target.Network != c.network || d.Target.Address != c.address || d.Target.Protocol != c.protocol ||
			d.Target.TLS != c.tls {
			t.Errorf("%s: %+v", c.endpoint, d)
		}
		if d.Headers["a"] != "2" || d.Timeout != defaultTimeout {
			t.Errorf("%s: headers %v, timeout %v", c.endpoint, d.Headers, d.Timeout)
		}
	}
}

func TestVariablesForTracesComeFirstAndFieldsBeforeThem(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://general:1")
	t.Setenv("OTEL_EXPORTER_OTLP_INSECURE", "true")
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "a=general,")
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1000")
	t.Setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
	got := Read(Program{})
	if err := got.Err(); err != nil || got.Endpoint.Value != "http://general:1/v1/traces" ||
		got.Headers["a"] != "general" ||
		got.Timeout.String() != "1s" || !got.Gzip || got.Endpoint.From == "" {
		t.Errorf("general: %+v, error %v", got, err)
	}
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces:2/x")
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=tra%63es")
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "2000")
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "none")
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json")
	got = Read(Program{})
	if err := got.Err(); err != nil || got.Endpoint.Value != "http://traces:2/x" || got.Headers["a"] != "traces" ||
		got.Timeout.String() != "2s" || got.Gzip || got.Target.Protocol != HTTPJSON {
		t.Errorf("traces: %+v, error %v", got, err)
	}
	got = Read(Program{Endpoint: "http://field:3", Headers: map[string]string{"b": "field"}, Protocol: "grpc"})
	if err := got.Err(); err != nil || got.Endpoint.Value != "http://field:3" || got.Headers["a"] != "" ||
		got.Headers["b"] != "field" {
		t.Errorf("fields: %+v, error %v", got, err)
	}
}

func TestWithoutAnEndpointTheDefaultIsThisMachine(t *testing.T) {
	for protocol, want := range map[string]string{
		"": "http://localhost:4317", "grpc": "http://localhost:4317",
		"http/protobuf": "http://localhost:4318/v1/traces", "http/json": "http://localhost:4318/v1/traces",
	} {
		got := Read(Program{Protocol: protocol})
		if err := got.Err(); err != nil || got.Endpoint.Value != want || got.Endpoint.From != "" {
			t.Errorf("%q: %+v, error %v, want %s", protocol, got.Endpoint, err, want)
		}
	}
}

func TestBadHeadersDoNotTellTheirSecrets(t *testing.T) {
	for _, value := range []string{"authorization", "a b=s3cret", "token=s3cret%zz", "token=s3cret%0a", "=s3cret"} {
		t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", value)
		// OpenTelemetry's exporters read the variable, and log what is wrong with it, whatever wins over it.
		for _, headers := range []map[string]string{nil, {}, {"a": "b"}} {
			err := Read(Program{Headers: headers}).Err()
			var bad *Error
			if !errors.As(err, &bad) || bad.Field != "OTEL_EXPORTER_OTLP_HEADERS" ||
				strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%s with headers %v: error %v, want one about the variable", value, headers, err)
			}
		}
		t.Setenv("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=b")
		if err := Read(Program{}).Err(); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s with headers of traces: error %v, want one about the variable", value, err)
		}
		t.Setenv("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "")
	}
}

// An exporter logs an endpoint that url.Parse refuses, also when another one is used.
func TestAnUnusedEndpointDoesNotTellItsPassword(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://me:s3 cret@collector:4318")
	err := Read(Program{Endpoint: "localhost:4317"}).Err()
	bad, ok := errors.AsType[*Error](err)
	if !ok || bad.Field != "OTEL_EXPORTER_OTLP_ENDPOINT" || strings.Contains(err.Error(), "s3") {
		t.Errorf("error %v, want one about OTEL_EXPORTER_OTLP_ENDPOINT without its password", err)
	}
}

// What is empty in the program leaves the variable alone.
func TestEmptyHeadersLeaveTheVariableAlone(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abc")
	for _, headers := range []map[string]string{nil, {}} {
		if got := Read(Program{Headers: headers}).Headers["authorization"]; got != "Bearer abc" {
			t.Errorf("headers %v: authorization is %q, want %q", headers, got, "Bearer abc")
		}
	}
}

func TestErrSaysWhatIsUsed(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "soon")
	for _, c := range []struct {
		program Program
		env     map[string]string
		want    string // empty: no error
	}{
		{Program{}, nil, "OTEL_EXPORTER_OTLP_TIMEOUT"},
		{Program{NoExport: true}, nil, ""},
		{Program{}, map[string]string{"OTEL_TRACES_EXPORTER": "none"}, ""},
		{Program{Endpoint: "a:1"}, map[string]string{"OTEL_TRACES_EXPORTER": "none"}, "OTEL_EXPORTER_OTLP_TIMEOUT"},
		{Program{NoExport: true}, map[string]string{"OTEL_BSP_SCHEDULE_DELAY": "5s"}, "OTEL_BSP_SCHEDULE_DELAY"},
		{Program{NoExport: true, Sampler: "often"}, nil, "--Sampler"},
		{Program{Sampler: "often"}, map[string]string{"OTEL_SDK_DISABLED": "true"}, ""},
		{Program{NoExport: true}, map[string]string{"OTEL_SDK_DISABLED": "1"}, "OTEL_SDK_DISABLED"},
		{Program{NoExport: true}, map[string]string{"OTEL_PROPAGATORS": "a-registered-one"}, ""},
	} {
		t.Run(c.want, func(t *testing.T) {
			for name, text := range c.env {
				t.Setenv(name, text)
			}
			c.program.Name = func(field string) string { return "--" + field }
			bad, ok := errors.AsType[*Error](Read(c.program).Err())
			if got := ok; got != (c.want != "") || ok && bad.Field != c.want {
				t.Errorf("%+v with %v: error %v, want one about %q", c.program, c.env, bad, c.want)
			}
		})
	}
}

func TestPairs(t *testing.T) {
	for _, c := range []struct {
		text string
		want []Pair
		bad  bool
	}{
		{"", nil, false},
		{"a=1, b = x%20y ,c=d=e,", []Pair{{"a", "1"}, {"b", "x y"}, {"c", "d=e"}}, false},
		{"a=", []Pair{{"a", ""}}, false},
		{"a", nil, true},
		{"=1", nil, true},
		{"a=%zz", nil, true},
	} {
		if got, err := Pairs(c.text); !slices.Equal(got, c.want) || (err != nil) != c.bad {
			t.Errorf("%q: %v, error %v, want %v", c.text, got, err, c.want)
		}
	}
}
