package otelenv

import (
	"errors"
	"strings"
	"testing"
)

func TestEndpointsMeanWhatAPersonExpects(t *testing.T) {
	yes, no := true, false
	for _, c := range []struct {
		text     string
		rules    endpointRules
		want     string
		protocol string
	}{
		// Without a scheme: plaintext on this machine, TLS elsewhere.
		{"127.0.0.1:4317", endpointRules{}, "http://127.0.0.1:4317", "grpc"},
		{"localhost:4317", endpointRules{}, "http://localhost:4317", "grpc"},
		{"LOCALHOST:4317", endpointRules{}, "http://LOCALHOST:4317", "grpc"},
		{"[::1]:4317", endpointRules{}, "http://[::1]:4317", "grpc"},
		{"::1", endpointRules{}, "http://[::1]:4317", "grpc"},
		{"[::1]", endpointRules{}, "http://[::1]:4317", "grpc"},
		{"0.0.0.0:4317", endpointRules{}, "http://0.0.0.0:4317", "grpc"},
		{"jaeger.localhost:4317", endpointRules{}, "http://jaeger.localhost:4317", "grpc"},
		{"localhost", endpointRules{}, "http://localhost:4317", "grpc"},
		{"localhost", endpointRules{protocol: "http/protobuf"}, "http://localhost:4318/v1/traces", "http/protobuf"},
		{"collector:4317", endpointRules{}, "https://collector:4317", "grpc"},
		{"10.1.2.3:4317", endpointRules{}, "https://10.1.2.3:4317", "grpc"},
		{"collector", endpointRules{}, "https://collector:4317", "grpc"},
		{"collector:4317", endpointRules{insecure: &yes}, "http://collector:4317", "grpc"},
		{"localhost:4317", endpointRules{insecure: &no}, "https://localhost:4317", "grpc"},
		{"localhost:4317", endpointRules{hasCerts: true}, "https://localhost:4317", "grpc"},
		{"localhost:4317", endpointRules{hasCerts: true, insecure: &yes}, "http://localhost:4317", "grpc"},
		// A scheme comes first.
		{"http://localhost:4317", endpointRules{}, "http://localhost:4317", "grpc"},
		{"http://collector:4317", endpointRules{insecure: &no}, "http://collector:4317", "grpc"},
		{"https://localhost:4317", endpointRules{insecure: &yes}, "https://localhost:4317", "grpc"},
		{"HTTPS://collector:4317/", endpointRules{}, "https://collector:4317", "grpc"},
		{"https://collector.example.com", endpointRules{}, "https://collector.example.com:443", "grpc"},
		{"http://collector.example.com", endpointRules{}, "http://collector.example.com:80", "grpc"},
		{"unix:///run/otel.sock", endpointRules{}, "unix:///run/otel.sock", "grpc"},
		{"unix:/run/otel.sock", endpointRules{}, "unix:///run/otel.sock", "grpc"},
		{"unix:otel.sock", endpointRules{}, "unix:otel.sock", "grpc"},
		// HTTP: a base, to which the path is added once.
		{"localhost:4318", endpointRules{}, "http://localhost:4318/v1/traces", "http/protobuf"},
		{"http://localhost:4318", endpointRules{}, "http://localhost:4318/v1/traces", "http/protobuf"},
		{"http://localhost:4318/", endpointRules{}, "http://localhost:4318/v1/traces", "http/protobuf"},
		{"http://localhost:4318/v1/traces", endpointRules{}, "http://localhost:4318/v1/traces", "http/protobuf"},
		{"http://localhost:4318/v1/traces/", endpointRules{}, "http://localhost:4318/v1/traces", "http/protobuf"},
		{"localhost:4318/v1/traces", endpointRules{}, "http://localhost:4318/v1/traces", "http/protobuf"},
		{
			"https://gateway.example.com/otlp",
			endpointRules{},
			"https://gateway.example.com:443/otlp/v1/traces", "http/protobuf",
		},
		{"http://localhost:9999", endpointRules{protocol: "http/json"}, "http://localhost:9999/v1/traces", "http/json"},
		{"http://localhost:4318", endpointRules{protocol: "grpc"}, "http://localhost:4318", "grpc"},
		// OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: the complete URL.
		{"http://localhost:4318", endpointRules{perSignal: true}, "http://localhost:4318/", "http/protobuf"},
		{
			"http://localhost:4318/my/traces/",
			endpointRules{perSignal: true},
			"http://localhost:4318/my/traces/", "http/protobuf",
		},
		{"localhost:4318", endpointRules{perSignal: true}, "http://localhost:4318/v1/traces", "http/protobuf"},
		{"http://localhost:4317", endpointRules{perSignal: true}, "http://localhost:4317", "grpc"},
		{
			"http://[fe80::1%25eth0]:4318/a%20b",
			endpointRules{},
			"http://[fe80::1%25eth0]:4318/a%20b/v1/traces", "http/protobuf",
		},
	} {
		c.rules.signal = traces
		e, _, err := parseEndpoint(value{"Config.Endpoint", c.text}, c.rules)
		if err != nil {
			t.Errorf("%s %+v: %v", c.text, c.rules, err)
			continue
		}
		if e.String() != c.want || e.Protocol != c.protocol {
			t.Errorf("%s %+v is %s with %s, want %s with %s", c.text, c.rules, e, e.Protocol, c.want, c.protocol)
		}
	}
}

func TestABadEndpointIsAClearError(t *testing.T) {
	for _, c := range []struct {
		text  string
		rules endpointRules
	}{
		{"http://", endpointRules{}},
		{":4317", endpointRules{}},
		{"localhost:", endpointRules{}},
		{"localhost:abc", endpointRules{}},
		{"localhost:0", endpointRules{}},
		{"localhost:65536", endpointRules{}},
		{"1.2.3.4:5:6", endpointRules{}},
		{"not a host", endpointRules{}},
		{"foo,bar:4317", endpointRules{}},
		{"höst:4317", endpointRules{}},
		{"grpc://localhost:4317", endpointRules{}},
		{"dns:///localhost:4317", endpointRules{}},
		{"http:/localhost:4317", endpointRules{}},
		{"http//localhost:4317", endpointRules{}},
		{"http://localhost:4317/v1/traces", endpointRules{protocol: "grpc"}},
		{"http://localhost:4318?token=1", endpointRules{}},
		{"http://localhost:4318#x", endpointRules{}},
		{"http://[::1:4318", endpointRules{}},
		{"unix:", endpointRules{}},
		{"unix:///", endpointRules{}},
		{"unix://run/otel.sock", endpointRules{}},
		{"unix:///run/otel.sock", endpointRules{protocol: "http/protobuf"}},
		{"http://user@localhost:4318", endpointRules{}},
	} {
		e, _, err := parseEndpoint(value{"OTEL_EXPORTER_OTLP_ENDPOINT", c.text}, c.rules)
		var bad *Error
		if !errors.As(err, &bad) {
			t.Errorf("%s: %v, error %v, want a Error", c.text, e, err)
			continue
		}
		if bad.Field != "OTEL_EXPORTER_OTLP_ENDPOINT" || bad.Want == "" {
			t.Errorf("%s: %+v", c.text, bad)
		}
	}
}

// OpenTelemetry's own exporters take the host from where a URL has it.
func TestVariablesWithoutASchemeAreNamedWithTheURL(t *testing.T) {
	for _, c := range []struct{ text, protocol, want string }{
		{"127.0.0.1:4317", "", "http://127.0.0.1:4317"}, // url.Parse refuses it
		{"localhost:4317", "", "http://localhost:4317"}, // url.Parse takes localhost for the scheme
		{"localhost", "", "http://localhost:4317"},
		{"::1", HTTPProtobuf, "http://[::1]:4318"},
		{"collector:4317", "", "https://collector:4317"},
		{"localhost:4318/otlp", "", "http://localhost:4318/otlp"},
		{"http://localhost:4317", "", ""},
		{"https://collector", "", ""},
		{"unix:///run/otel.sock", "", ""},
		{"ftp://localhost", "", ""}, // it is an error already
		{"", "", ""},
	} {
		t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.text)
		for _, endpoint := range []string{"", "http://localhost:1"} { // the exporters read the variable in any case
			got := Read(Program{Endpoint: endpoint, Protocol: c.protocol}).Schemeless
			if c.want == "" {
				if len(got) != 0 {
					t.Errorf("%q: %v, want none", c.text, got[0])
				}
				continue
			}
			if len(got) != 1 || got[0].Field != "OTEL_EXPORTER_OTLP_ENDPOINT" || got[0].Value != c.text ||
				got[0].Want != c.want {
				t.Errorf("%q: %+v, want one with %s", c.text, got, c.want)
			}
		}
	}
}

func TestABadEndpointDoesNotTellItsPassword(t *testing.T) {
	for _, text := range []string{
		"http://me:s3cret@localhost:4318", "http://me:s3cret@local host", "me:s3cret@localhost:4318",
	} {
		_, _, err := parseEndpoint(value{"Config.Endpoint", text}, endpointRules{})
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func FuzzParseEndpoint(f *testing.F) {
	for _, text := range []string{
		"localhost:4317", "[::1]:4317", "http://a:1/b", "unix:///x", "::1", "a@b", "http://%41:80", "//x",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := value{"Config.Endpoint", strings.TrimSpace(text)}
		if !s.isSet() {
			return
		}
		e, _, err := parseEndpoint(s, endpointRules{})
		if err != nil {
			return
		}
		// String is read as the same target again.
		again, _, err := parseEndpoint(value{"Config.Endpoint", e.String()}, endpointRules{protocol: e.Protocol})
		if err != nil || again != e {
			t.Errorf("%q is %+v, and as %s it is %+v, error %v", text, e, e, again, err)
		}
	})
}
