package telemetry

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.opentelemetry.io/contrib/propagators/autoprop"
	"go.opentelemetry.io/otel/propagation"

	"github.com/backspan/backspan/internal/otelenv"
)

// Each value must be refused by an error that names the variable, the value and what would be right, and nothing may
// be left behind.
func TestABadVariableIsAClearError(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.pem")
	noPEM := filepath.Join(t.TempDir(), "no.pem")
	if err := os.WriteFile(noPEM, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	secret := map[string]bool{"OTEL_RESOURCE_ATTRIBUTES": true} // one of the other pairs may hold one
	for _, c := range []struct{ name, value, want string }{
		{"OTEL_SDK_DISABLED", "1", "true or false"},
		{"OTEL_SDK_DISABLED", "yes", "true or false"},
		{"OTEL_TRACES_EXPORTER", "jaeger", "otlp, console or none"},
		{"OTEL_TRACES_EXPORTER", "otlp,console", "otlp, console or none"},
		{"OTEL_TRACES_SAMPLER", "never", "parentbased_traceidratio"},
		{"OTEL_TRACES_SAMPLER", "jaeger_remote", "not supported"},
		{"OTEL_PROPAGATORS", "tracecontext,w3c", "tracecontext"},
		{"OTEL_RESOURCE_ATTRIBUTES", "team", "name=value"},
		{"OTEL_RESOURCE_ATTRIBUTES", "team=a,=b", "name=value"},
		{"OTEL_RESOURCE_ATTRIBUTES", "team=%zz", "name=value"},
		{"OTEL_RESOURCE_ATTRIBUTES", "service.name=", "name=value"},
		{"OTEL_EXPORTER_OTLP_PROTOCOL", "udp", "grpc, http/protobuf or http/json"},
		{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "GRPC", "grpc, http/protobuf or http/json"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://localhost", "host:port"},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "localhost:99999", "host:port"},
		{"OTEL_EXPORTER_OTLP_INSECURE", "1", "true or false"},
		{"OTEL_EXPORTER_OTLP_TRACES_INSECURE", "no", "true or false"},
		{"OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "milliseconds"},
		{"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "-1", "milliseconds"},
		{"OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", "gzip or none"},
		{"OTEL_EXPORTER_OTLP_CERTIFICATE", missing, "PEM"},
		{"OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", noPEM, "PEM"},
		{"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", noPEM, "OTEL_EXPORTER_OTLP_CLIENT_KEY"},
		{"OTEL_EXPORTER_OTLP_CLIENT_KEY", noPEM, "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"},
		{"OTEL_BSP_MAX_QUEUE_SIZE", "-1", "a whole number from 1"}, // the SDK panics
		{"OTEL_BSP_MAX_QUEUE_SIZE", "99999999999", "to 1048576"},
		{"OTEL_BSP_SCHEDULE_DELAY", "5s", "a whole number"},
		{"OTEL_BSP_EXPORT_TIMEOUT", "-5", "a whole number"},
		{"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "0", "a whole number from 1"},
		{"OTEL_SPAN_EVENT_COUNT_LIMIT", "many", "a whole number"},
		{"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "1.5", "a whole number"},
	} {
		t.Run(c.name+"="+filepath.Base(c.value), func(t *testing.T) {
			t.Setenv(c.name, c.value)
			cfg := quiet(t)
			cfg.NoExport = false
			tel, err := Start(t.Context(), cfg)
			var bad *FieldError
			if !errors.As(err, &bad) {
				if err == nil {
					err = tel.Shutdown(t.Context())
				}
				t.Fatalf("error %v, want a FieldError", err)
			}
			shown := quoted(c.value)
			if secret[c.name] {
				shown = ""
			}
			if bad.Field != c.name || bad.Value != shown || !strings.Contains(bad.Want, c.want) {
				t.Errorf("%+v, want %s %q and %q", bad, c.name, c.value, c.want)
			}
			if text := err.Error(); !strings.Contains(text, c.name) || strings.Contains(text, "\n") {
				t.Errorf("%q is no line that names the variable", text)
			}
			if _, err := os.Stat(cfg.Events); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s was made: %v", cfg.Events, err)
			}
		})
	}
}

func TestABadSamplerArgIsAClearError(t *testing.T) {
	t.Setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
	for _, value := range []string{"half", "-0.1", "1.1", "NaN", "Inf"} {
		t.Setenv("OTEL_TRACES_SAMPLER_ARG", value)
		_, err := Start(t.Context(), quiet(t))
		var bad *FieldError
		if !errors.As(err, &bad) || bad.Field != "OTEL_TRACES_SAMPLER_ARG" || bad.Value != quoted(value) {
			t.Errorf("%s: %v", value, err)
		}
	}
}

func TestABadFieldIsAClearError(t *testing.T) {
	for name, set := range map[string]func(*Config){
		"Config.Session":    func(c *Config) { c.Session = "monday" },
		"Config.Protocol":   func(c *Config) { c.Protocol = "http" },
		"Config.Endpoint":   func(c *Config) { c.Endpoint = "local host" },
		"Config.Sampler":    func(c *Config) { c.Sampler = "sometimes" },
		"Config.SamplerArg": func(c *Config) { c.Sampler, c.SamplerArg = "traceidratio", "2" },
		"Config.Headers":    func(c *Config) { c.Headers = map[string]string{"bad key": "x"} },
	} {
		cfg := quiet(t)
		cfg.NoExport = false
		set(&cfg)
		_, err := Start(t.Context(), cfg)
		var bad *FieldError
		if !errors.As(err, &bad) || bad.Field != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	cfg := quiet(t)
	cfg.NoExport, cfg.Headers = false, map[string]string{"token": "s3cret\n"}
	if _, err := Start(t.Context(), cfg); err == nil || strings.Contains(err.Error(), "s3cret") ||
		!strings.Contains(err.Error(), "token") {
		t.Errorf("a header that cannot be sent: %v", err)
	}
	cfg = quiet(t)
	cfg.NoExport, cfg.Insecure, cfg.Endpoint = false, new(true), "https://localhost:4317"
	if _, err := Start(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "Config.Insecure") {
		t.Errorf("https and Insecure: %v", err)
	}
}

func TestAFieldErrorKeepsWhatWasWrong(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", filepath.Join(t.TempDir(), "missing.pem"))
	cfg := quiet(t)
	cfg.NoExport = false
	if _, err := Start(t.Context(), cfg); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want one that matches os.ErrNotExist", err)
	}
}

// Start sends spans where otelenv, and so the doctor command, says that it does.
func TestStartSendsWhereOtelenvSays(t *testing.T) {
	for _, endpoint := range []string{"127.0.0.1:4317", "localhost:4318", "collector", "https://a.example.com/otlp"} {
		cfg := quiet(t)
		cfg.NoExport, cfg.Endpoint = false, endpoint
		tel := run(t, cfg)
		if err := tel.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		env := otelenv.Read(cfg.program())
		want := Destination{State: ExportOn, Endpoint: env.Endpoint.Value, Protocol: env.Target.Protocol}
		if tel.Destination() != want {
			t.Errorf("%s: Start sends to %+v, otelenv says %+v", endpoint, tel.Destination(), want)
		}
	}
}

// A program can register propagators that OpenTelemetry's specification does not name.
func TestARegisteredPropagatorIsUsed(t *testing.T) {
	autoprop.RegisterTextMapPropagator("house", propagation.Baggage{})
	t.Setenv("OTEL_PROPAGATORS", "house")
	if got := run(t, quiet(t)).Propagator().Fields(); len(got) != 1 || got[0] != "baggage" {
		t.Errorf("propagator has fields %q, want baggage alone", got)
	}
}
