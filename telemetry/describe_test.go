package telemetry

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestDescribeNamesValueAndSource(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  Config
		env  map[string]string
		of   func(Description) Setting
		want Setting
	}{
		{"endpoint, default", Config{}, nil, endpointOf, Setting{Value: "http://localhost:4317"}},
		{
			"endpoint, traces before all",
			Config{},
			map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "a:1", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://b:4318/x"},
			endpointOf,
			Setting{Value: "http://b:4318/x", From: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"},
		},
		{
			"endpoint, field",
			Config{Endpoint: "c:4317"},
			map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "a:1"},
			endpointOf,
			Setting{Value: "https://c:4317", From: "Config.Endpoint"},
		},
		{"exporter, default", Config{}, nil, exporterOf, Setting{Value: "otlp"}},
		{
			"exporter, none",
			Config{},
			map[string]string{"OTEL_TRACES_EXPORTER": "None"},
			exporterOf,
			Setting{Value: "none", From: "OTEL_TRACES_EXPORTER"},
		},
		{
			"exporter, an endpoint is as good as otlp",
			Config{Endpoint: "a:1"},
			map[string]string{"OTEL_TRACES_EXPORTER": "none"},
			exporterOf,
			Setting{Value: "otlp", From: "Config.Endpoint"},
		},
		{"exporter, declined", Config{Endpoint: "a:1", NoExport: true}, nil, exporterOf, Setting{Value: "none", From: "Config.NoExport"}},
		{"service, default", Config{}, nil, serviceOf, Setting{Value: programName()}},
		{
			"service, attributes",
			Config{},
			map[string]string{"OTEL_RESOURCE_ATTRIBUTES": "a=b,service.name=shop%20a"},
			serviceOf,
			Setting{Value: "shop a", From: "OTEL_RESOURCE_ATTRIBUTES"},
		},
		{
			"service, variable",
			Config{},
			map[string]string{"OTEL_RESOURCE_ATTRIBUTES": "service.name=shop", "OTEL_SERVICE_NAME": "till"},
			serviceOf,
			Setting{Value: "till", From: "OTEL_SERVICE_NAME"},
		},
		{
			"service, field",
			Config{Service: "bank"},
			map[string]string{"OTEL_SERVICE_NAME": "till"},
			serviceOf,
			Setting{Value: "bank", From: "Config.Service"},
		},
		{"propagators, default", Config{}, nil, propagatorsOf, Setting{Value: "tracecontext,baggage"}},
		{"propagators, none", Config{}, map[string]string{"OTEL_PROPAGATORS": "none"}, propagatorsOf, Setting{Value: "none", From: "OTEL_PROPAGATORS"}},
		{"disabled", Config{}, map[string]string{"OTEL_SDK_DISABLED": "TRUE"}, disabledOf, Setting{Value: "true", From: "OTEL_SDK_DISABLED"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, value := range c.env {
				t.Setenv(name, value)
			}
			d := Describe(t.Context(), c.cfg)
			if got := c.of(d); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			if d.Err != nil {
				t.Error(d.Err)
			}
		})
	}
}

func endpointOf(d Description) Setting    { return d.Endpoint }
func exporterOf(d Description) Setting    { return d.Exporter }
func serviceOf(d Description) Setting     { return d.Service }
func propagatorsOf(d Description) Setting { return d.Propagators }
func disabledOf(d Description) Setting    { return d.Disabled }
func samplerOf(d Description) Setting     { return d.Sampler }

func TestDescribeTellsWhatTheSamplerExports(t *testing.T) {
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
		d := Describe(t.Context(), Config{Sampler: c.name, SamplerArg: c.arg})
		if d.Share != c.share || d.ParentDecides != c.parent || d.Sampler.Err != nil {
			t.Errorf("%s %s: share %v, parent decides %v, error %v; want %v, %v", c.name, c.arg, d.Share, d.ParentDecides, d.Sampler.Err, c.share, c.parent)
		}
	}
}

// One bad setting must not hide another.
func TestDescribeFindsEveryBadSetting(t *testing.T) {
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
	d := Describe(t.Context(), Config{Session: "x"})
	for name, of := range map[string]func(Description) Setting{
		"OTEL_SDK_DISABLED": disabledOf, "OTEL_TRACES_EXPORTER": exporterOf, "OTEL_TRACES_SAMPLER": samplerOf,
		"OTEL_PROPAGATORS": propagatorsOf, "OTEL_EXPORTER_OTLP_ENDPOINT": endpointOf,
	} {
		var bad *ConfigError
		if s := of(d); !errors.As(s.Err, &bad) || bad.Name != name {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if d.Err == nil {
		t.Fatal("no error")
	}
	for _, name := range []string{"PROTOCOL", "HEADERS", "TIMEOUT", "CLIENT_KEY", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_BSP_MAX_QUEUE_SIZE", "Config.Session"} {
		if !strings.Contains(d.Err.Error(), name) {
			t.Errorf("%v\ndoes not name %s", d.Err, name)
		}
	}
	if all := d.Err.Error() + d.Endpoint.Value + d.Endpoint.Err.Error(); strings.Contains(all, "s3cret") {
		t.Errorf("it tells a secret: %s", all)
	}
}

func TestDescribeSaysHowToReachTheCollector(t *testing.T) {
	for _, c := range []struct {
		endpoint, network, address, protocol string
		tls                                  bool
	}{
		{"localhost:4317", "tcp", "localhost:4317", ProtocolGRPC, false},
		{"https://[::1]/x", "tcp", "[::1]:443", ProtocolHTTPProtobuf, true},
		{"unix:///run/otel.sock", "unix", "/run/otel.sock", ProtocolGRPC, false},
		{"unix:otel.sock", "unix", "otel.sock", ProtocolGRPC, false},
	} {
		d := Describe(t.Context(), Config{Endpoint: c.endpoint, Headers: map[string]string{"b": "1", "a": "2"}})
		if d.Network != c.network || d.Address != c.address || d.Protocol != c.protocol || d.TLS != c.tls {
			t.Errorf("%s: %+v", c.endpoint, d)
		}
		if !slices.Equal(d.Headers, []string{"a", "b"}) || d.Timeout != defaultExportTimeout {
			t.Errorf("%s: headers %q, timeout %v", c.endpoint, d.Headers, d.Timeout)
		}
	}
}

// What Describe says of the endpoint is what Start does.
func TestDescribeAgreesWithStart(t *testing.T) {
	for _, endpoint := range []string{"127.0.0.1:4317", "localhost:4318", "collector", "https://a.example.com/otlp"} {
		cfg := quiet(t)
		cfg.NoExport, cfg.Endpoint = false, endpoint
		tel := run(t, cfg)
		if err := tel.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		d := Describe(t.Context(), cfg)
		if want := (Destination{ExportOn, d.Endpoint.Value, d.Protocol}); tel.Destination() != want {
			t.Errorf("%s: Start goes to %+v, Describe says %+v", endpoint, tel.Destination(), want)
		}
	}
}
