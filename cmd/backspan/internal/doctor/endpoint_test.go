package doctor

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/backspan/backspan/telemetry"
)

// oldServer answers as a server does that knows nothing newer than HTTP/1.0: with a page without a header to HTTP/2's
// preface, and with a status line to HTTP.
func oldServer(t *testing.T) string {
	t.Helper()
	return serveTCPWith(t, func(request string) string {
		if !strings.HasPrefix(request, "GET ") && !strings.HasPrefix(request, "POST ") {
			return "<html>Error code: 400</html>\n"
		}
		return "HTTP/1.0 501 Unsupported method\r\nServer: old\r\n\r\n<html>Error code: 501</html>\n"
	})
}

func TestAnOldWebServerIsNoGibberish(t *testing.T) {
	t.Chdir(t.TempDir())
	old := oldServer(t)
	r := examine(t, Setup{Config: telemetry.Config{Endpoint: old}, Timeout: 2 * time.Second})
	has(t, r, "test span", Problem, "speaks HTTP/1.0 and not gRPC", "or no collector")
	r = examine(t, Setup{Config: telemetry.Config{Endpoint: old, Protocol: "http/protobuf"}, Timeout: 2 * time.Second})
	has(t, r, "test span", Problem, "or it is another web server", "501", "is it a collector")
}

// examineEnv examines the settings in env. The settings last until the test ends.
func examineEnv(t *testing.T, env ...string) Report {
	t.Helper()
	for _, entry := range env {
		name, text, _ := strings.Cut(entry, "=")
		t.Setenv(name, text)
	}
	return examine(t, Setup{Timeout: 2 * time.Second})
}

func TestTheEndpointOfTracesIsUsedAsItIs(t *testing.T) {
	t.Chdir(t.TempDir())
	const traces = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	address := serveHTTP(t, takes)
	complete := traces + "=http://" + address + "/v1/traces"
	r := examineEnv(t, traces+"=http://"+address, "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf")
	has(t, r, "endpoint", Note, "is used as it is", "append it: "+complete)
	has(t, r, "test span", Problem, traces+" is used as it is", "at its path /:", "append /v1/traces: "+complete)
	r = examineEnv(t, traces+"=http://"+address+"/otlp")
	has(t, r, "test span", Problem, "at its path /otlp", "append /v1/traces: "+complete)
	r = examineEnv(t, complete)
	has(t, r, "test span", OK)
	hasNone(t, r, "endpoint", Note)
	// To a general endpoint the path is added, so there is nothing to append.
	r = examineEnv(t, traces+"=", "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+address+"/otlp")
	has(t, r, "test span", Problem, "Collectors take spans at /v1/traces")
	// The protocol is not said, and the port tells nothing.
	r = examineEnv(t, traces+"=http://"+address, "OTEL_EXPORTER_OTLP_PROTOCOL=")
	has(t, r, "test span", Problem, "not gRPC", "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf and "+complete)
}

func TestAnEndpointThatSaysTwoThings(t *testing.T) {
	t.Chdir(t.TempDir())
	const both = "http://127.0.0.1:4317 for gRPC, or http://127.0.0.1:4318"
	for name, path := range map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": "", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "/v1/traces",
	} {
		t.Run(name, func(t *testing.T) {
			r := examineEnv(t, name+"=http://127.0.0.1:4317/v1/traces")
			has(t, r, "endpoint", Note, "port 4317 is that of gRPC", "/v1/traces is one of HTTP", both+path+" for HTTP")
			r = examineEnv(t, name+"=http://127.0.0.1:4317/v1/traces", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc")
			has(t, r, "endpoint", Problem,
				"want no path with protocol grpc, or protocol http/protobuf, whose port is 4318")
		})
	}
	// Where gRPC answers at another port, the advice is one that can be followed.
	at := serveGRPC(t, &collector{}, nil)
	r := examine(t, Setup{Config: telemetry.Config{Endpoint: "http://" + at + "/v1/traces"}})
	has(t, r, "test span", Problem, "speaks gRPC, which has no paths", both)
}

func TestAnEndpointWithoutAPort(t *testing.T) {
	t.Chdir(t.TempDir())
	for text, status := range map[string]Status{
		"http://127.0.0.1": Note, "https://127.0.0.1": OK, "127.0.0.1": OK, "http://127.0.0.1:80": OK,
	} {
		r := examine(t, Setup{Config: telemetry.Config{Endpoint: text}, Timeout: time.Second})
		if status == Note {
			has(t, r, "endpoint", Note, "has no port, and so it is 80",
				"http://127.0.0.1:4317 for gRPC, or http://127.0.0.1:4318 for HTTP")
		} else {
			hasNone(t, r, "endpoint", Note)
		}
	}
	// Port 443 is usual; only when nobody is there the port may be what is missing.
	e := newExam(Setup{Config: telemetry.Config{Endpoint: "https://127.0.0.1"}})
	_, advice := e.unreachable(os.ErrNotExist)
	if !strings.Contains(advice, "has no port; that of a collector is https://127.0.0.1:4317") {
		t.Errorf("advice %q", advice)
	}
}

func TestCredentialsThatWereSent(t *testing.T) {
	t.Chdir(t.TempDir())
	sent := map[string]string{"x-team": "s3cret", "authorization": "Bearer s3cret"}
	refuses := func(code codes.Code) string {
		return serveGRPC(t, &collector{err: status.Error(code, "go away")}, nil)
	}
	answers := func(code int) string {
		at := serveHTTP(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "go away", code) })
		return "http://" + at + "/v1/traces"
	}
	const wants = "the collector wants credentials: "
	const refused = "the collector refuses the credentials that it was sent, headers authorization, x-team: "
	for _, c := range []struct {
		name, endpoint string
		headers        map[string]string
		texts          []string
	}{
		{
			"denied", refuses(codes.PermissionDenied), sent,
			[]string{refused, "go away", "do they allow to write traces"},
		},
		{"unknown", refuses(codes.Unauthenticated), sent, []string{refused, "is the value whole and still valid"}},
		{
			"denied without any", refuses(codes.PermissionDenied), nil,
			[]string{wants, "what the collector's owner gave you"},
		},
		{"denied, HTTP", answers(403), sent, []string{refused, "go away", "do they allow to write traces"}},
		{"unknown, HTTP", answers(401), sent, []string{refused, "still valid"}},
		{"unknown without any, HTTP", answers(401), nil, []string{wants}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := examine(t, Setup{
				Config: telemetry.Config{Endpoint: c.endpoint, Headers: c.headers}, Timeout: 3 * time.Second,
			})
			has(t, r, "test span", Problem, c.texts...)
			for _, f := range r.Checks {
				if strings.Contains(f.Text+f.Advice, "s3cret") {
					t.Errorf("it tells a secret: %+v", f)
				}
			}
		})
	}
}

func TestWhoChoseTheSamplerIsToldHowToSampleAll(t *testing.T) {
	t.Chdir(t.TempDir())
	flag := func(string) string { return "--sample" }
	variable := func(string) string { return "BACKSPAN_SAMPLE" }
	file := func(string) string { return "config.yaml:3:1: sample" }
	none := telemetry.Config{NoExport: true, Sampler: "parentbased_traceidratio", SamplerArg: "0"}
	some := none
	some.SamplerArg = "0.5"
	for _, c := range []struct {
		name   string
		setup  Setup
		env    string
		status Status
		advice string
	}{
		{"flag", Setup{Config: none, Source: flag}, "", Problem, "--sample 1, or leave it out"},
		{"flag, some", Setup{Config: some, Source: flag}, "", Note, "to see every trace: --sample 1, or leave it out"},
		{"own variable", Setup{Config: none, Source: variable}, "", Problem, "unset BACKSPAN_SAMPLE, or set it to 1"},
		{"file", Setup{Config: none, Source: file}, "", Problem, "1 there, or nothing"},
		{"off", Setup{Config: telemetry.Config{NoExport: true}}, "always_off", Problem, "unset OTEL_TRACES_SAMPLER"},
		{
			"ratio",
			Setup{Config: telemetry.Config{NoExport: true}},
			"traceidratio", Problem,
			"unset OTEL_TRACES_SAMPLER, or OTEL_TRACES_SAMPLER_ARG=1",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("OTEL_TRACES_SAMPLER", c.env)
			t.Setenv("OTEL_TRACES_SAMPLER_ARG", "0")
			r := examine(t, c.setup)
			for _, f := range r.Checks {
				if f.Check == "sampler" && (f.Status != c.status || f.Advice != c.advice) {
					t.Errorf("%+v, want %s and %q", f, c.status, c.advice)
				}
			}
		})
	}
}
