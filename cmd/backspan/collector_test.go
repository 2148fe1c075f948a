package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// A traceReceiver takes spans over HTTP, and keeps the headers of each request. It takes metrics too.
type traceReceiver struct {
	*httptest.Server
	mu      sync.Mutex
	seen    []http.Header // with spans
	metrics []http.Header
}

func newTraceReceiver(t *testing.T) *traceReceiver {
	t.Helper()
	r := &traceReceiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if strings.HasSuffix(request.URL.Path, "/v1/metrics") {
			r.metrics = append(r.metrics, request.Header)
		} else {
			r.seen = append(r.seen, request.Header)
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(r.Close)
	return r
}

// backspanIn runs the program in a directory of its own, with env instead of what variables of OpenTelemetry there are.
func backspanIn(t *testing.T, env []string, args ...string) (output string, code int) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "backspan", args...)
	command.Dir = t.TempDir()
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "OTEL_") && !strings.HasPrefix(entry, "BACKSPAN_") {
			command.Env = append(command.Env, entry)
		}
	}
	command.Env = append(append(command.Env, "BACKSPAN_CONFIG=off"), env...)
	out, _ := command.CombinedOutput() // the exit code tells
	return string(out), command.ProcessState.ExitCode()
}

// A header reaches the collector whose endpoint comes from the same place, or from one that is less specific. One that
// was meant for another collector does not: a key in the file, for https, must not go to where a variable points.
func TestHeadersGoWithTheEndpoint(t *testing.T) {
	places := []string{"--otlp-header", "BACKSPAN_OTLP_HEADER", "OTEL_EXPORTER_OTLP_HEADERS", "config.yaml"}
	for endpoint, endpointPlace := range []string{
		"--otlp-endpoint", "BACKSPAN_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT", "config.yaml",
	} {
		for header, headerPlace := range places {
			t.Run(headerPlace+" with the endpoint of "+endpointPlace, func(t *testing.T) {
				t.Parallel()
				r := newTraceReceiver(t)
				url := r.URL + "/v1/traces"
				args, env, file := []string{"exec"}, []string{}, ""
				switch endpoint {
				case 0:
					args, file = append(args, "--otlp-endpoint", url), "otlp_endpoint: https://collector-a.invalid\n"
				case 3:
					file = "otlp_endpoint: " + url + "\n"
				default:
					env, file = append(env, endpointPlace+"="+url), "otlp_endpoint: https://collector-a.invalid\n"
				}
				switch header {
				case 0:
					args = append(args, "--otlp-header=authorization=Bearer abc")
				case 3:
					file += "otlp_header: {authorization: Bearer abc}\n"
				default:
					env = append(env, headerPlace+"=authorization=Bearer%20abc")
				}
				path := filepath.Join(t.TempDir(), "config.yaml")
				if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
					t.Fatal(err)
				}
				env = append(env, "BACKSPAN_CONFIG="+path)
				output, code := backspanIn(t, env, append(args, "--", "go", "version")...)
				r.mu.Lock()
				defer r.mu.Unlock()
				if code != 0 || len(r.seen) != 1 {
					t.Fatalf("exit code %d, %d requests, want 0 and 1\n%s", code, len(r.seen), output)
				}
				want, told := "Bearer abc", false
				if header > endpoint {
					want, told = "", true
				}
				if got := r.seen[0].Get("Authorization"); got != want {
					t.Errorf("the header is %q, want %q", got, want)
				}
				got := strings.Contains(output, "header authorization is not sent")
				if got != told || strings.Contains(output, "abc") {
					t.Errorf("that it is not sent is told: %v, want %v, without its value\n%s", got, told, output)
				}
			})
		}
	}
}

// The more specific of two places has the header.
func TestTheMoreSpecificHeaderIsSent(t *testing.T) {
	const all, traces = "OTEL_EXPORTER_OTLP_HEADERS=", "OTEL_EXPORTER_OTLP_TRACES_HEADERS="
	for _, c := range []struct {
		name string
		env  []string
		args []string
	}{
		{"variable of traces", []string{traces + "authorization=Bearer%20abc", all + "authorization=other"}, nil},
		{"own variable", []string{"BACKSPAN_OTLP_HEADER=authorization=Bearer%20abc", all + "authorization=other"}, nil},
		{"flag", []string{all + "authorization=other"}, []string{"--otlp-header=authorization=Bearer abc"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newTraceReceiver(t)
			env := append(c.env, "OTEL_EXPORTER_OTLP_ENDPOINT="+r.URL+"/v1/traces")
			output, code := backspanIn(t, env, append(append([]string{"exec"}, c.args...), "--", "go", "version")...)
			r.mu.Lock()
			defer r.mu.Unlock()
			if code != 0 || len(r.seen) != 1 {
				t.Fatalf("exit code %d, %d requests, want 0 and 1\n%s", code, len(r.seen), output)
			}
			if got := r.seen[0].Get("Authorization"); got != "Bearer abc" {
				t.Errorf("the header is %q, want %q", got, "Bearer abc")
			}
		})
	}
}

// Whoever is on the way to another host reads what goes there in plaintext. The proxy is such a one.
func TestHeadersLeaveInPlaintextOnlyWhenSomebodySaysSo(t *testing.T) {
	for _, c := range []struct {
		name string
		env  string
		sent bool
	}{
		{"nobody", "", false},
		{"the same place", "BACKSPAN_OTLP_INSECURE=true", true},
		{"a less specific place", "OTEL_EXPORTER_OTLP_INSECURE=true", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newTraceReceiver(t)
			env := []string{
				"BACKSPAN_OTLP_ENDPOINT=http://collector.invalid:4318", "BACKSPAN_OTLP_HEADER=x-api-key=s3cret",
				"HTTP_PROXY=" + r.URL, "NO_PROXY=", c.env,
			}
			output, code := backspanIn(t, env, "exec", "--", "go", "version")
			r.mu.Lock()
			defer r.mu.Unlock()
			if code != 0 || len(r.seen) != 1 {
				t.Fatalf("exit code %d, %d requests, want 0 and 1\n%s", code, len(r.seen), output)
			}
			if sent := r.seen[0].Get("X-Api-Key") != ""; sent != c.sent {
				t.Errorf("the header is sent: %v, want %v", sent, c.sent)
			}
			const note = "backspan: header x-api-key is not sent (BACKSPAN_OTLP_HEADER): http://collector.invalid:4318"
			if told := strings.Contains(output, note) && strings.Contains(output, "--otlp-insecure"); told == c.sent {
				t.Errorf("that it is not sent is told: %v, want %v\n%s", told, !c.sent, output)
			}
			output, _ = backspanIn(t, env, "doctor")
			told := strings.Contains(output, note[len("backspan: "):])
			if told == c.sent || strings.Contains(output, "s3cret") {
				t.Errorf("doctor tells that it is not sent: %v, want %v\n%s", told, !c.sent, output)
			}
		})
	}
}

func TestBadHeadersAreRefusedWithoutTellingThem(t *testing.T) {
	for _, value := range []string{"Authorization: Bearer s3cret", "a b=s3cret", "a=s3cret%zz", "s3cret"} {
		for _, name := range []string{"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"} {
			for _, header := range []string{"", "--otlp-header=x=y"} { // the exporter reads the variable in both cases
				t.Run(strings.Join([]string{name, value, header}, " "), func(t *testing.T) {
					t.Parallel()
					r := newTraceReceiver(t)
					flags := []string{"--otlp-endpoint", r.URL + "/v1/traces"}
					if header != "" {
						flags = append(flags, header)
					}
					env := []string{name + "=" + value}
					want := name + " cannot be used, want name=value pairs"

					args := append(append([]string{"exec"}, flags...), "--", "go", "version")
					output, code := backspanIn(t, env, args...) // the command runs all the same
					if code != 0 || strings.Count(output, want) != 1 || strings.Contains(output, "s3cret") {
						t.Errorf("exec: exit code %d, want 0 and %q once\n%s", code, want, output)
					}
					output, code = backspanIn(t, env, append([]string{"demo"}, flags...)...)
					if code != 2 || !strings.Contains(output, want) || strings.Contains(output, "s3cret") {
						t.Errorf("demo: exit code %d, want 2 and %q\n%s", code, want, output)
					}
					output, code = backspanIn(t, env, append([]string{"doctor"}, flags...)...)
					finding := "settings     " + name + " cannot be used"
					if code != 1 || !strings.Contains(output, finding) || strings.Contains(output, "s3cret") {
						t.Errorf("doctor: exit code %d, want 1 and %q\n%s", code, finding, output)
					}
					if len(r.seen) != 0 {
						t.Errorf("%d requests, want none", len(r.seen))
					}
				})
			}
		}
	}
}

// Metrics are exported only when a variable says so, with the headers that are meant for their collector.
func TestMetricsOfCommands(t *testing.T) {
	const (
		on, endpoint  = "OTEL_METRICS_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_ENDPOINT=URL"
		header        = "OTEL_EXPORTER_OTLP_METRICS_HEADERS=authorization=Bearer%20abc"
		ofMetrics     = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=URL/v1/metrics"
		typed         = "--otlp-endpoint=URL"
		headerInAFile = "otlp_header: {authorization: Bearer abc}\n"
	)
	for _, c := range []struct {
		name, flag, file string
		env              []string
		metrics          bool
		key              string
		withheld         bool // it is told that the header is not sent
	}{
		{"not unless it is said", "", "", []string{endpoint, header}, false, "", false},
		{"said", "", "", []string{on, endpoint}, true, "", false},
		{"with a header", "", "", []string{on, endpoint, header}, true, "Bearer abc", false},
		{"to the endpoint of a flag", typed, "", []string{on}, true, "", false},
		{"a variable's header with a flag's endpoint", typed, "", []string{on, header}, true, "", true},
		{"a file's header with a variable's endpoint", "", headerInAFile, []string{on, ofMetrics}, true, "", true},
		{"no export", "--no-export", "", []string{on, endpoint}, false, "", false},
		{"no spans", "", "", []string{on, ofMetrics, "OTEL_TRACES_EXPORTER=none"}, true, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newTraceReceiver(t)
			with := func(text string) string { return strings.ReplaceAll(text, "URL", r.URL) }
			path := filepath.Join(t.TempDir(), "config.yaml")
			if err := os.WriteFile(path, []byte(c.file), 0o600); err != nil {
				t.Fatal(err)
			}
			env, args := []string{"BACKSPAN_CONFIG=" + path}, []string{"exec"}
			for _, entry := range c.env {
				env = append(env, with(entry))
			}
			if c.flag != "" {
				args = append(args, with(c.flag))
			}
			output, code := backspanIn(t, append(env, "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"),
				append(args, "--", "go", "version")...)
			r.mu.Lock()
			defer r.mu.Unlock()
			if code != 0 || (len(r.metrics) > 0) != c.metrics {
				t.Fatalf("exit code %d, %d requests of metrics, want 0 and some: %v\n%s",
					code, len(r.metrics), c.metrics, output)
			}
			if c.metrics && r.metrics[0].Get("Authorization") != c.key {
				t.Errorf("the header is %q, want %q", r.metrics[0].Get("Authorization"), c.key)
			}
			if told := strings.Contains(output, "header authorization is not sent"); told != c.withheld {
				t.Errorf("that it is not sent is told: %v, want %v\n%s", told, c.withheld, output)
			}
		})
	}
}

func TestAnExporterOfMetricsThatIsNotKnown(t *testing.T) {
	output, code := backspanIn(t, []string{"OTEL_METRICS_EXPORTER=prometheus"}, "demo")
	if code != 2 || !strings.Contains(output, `OTEL_METRICS_EXPORTER is "prometheus", want otlp, console or none`) {
		t.Errorf("exit code %d\n%s", code, output)
	}
}

// A collector of metrics that is away is told of, and changes no exit code.
func TestACollectorOfMetricsThatIsAway(t *testing.T) {
	output, code := backspanIn(t, []string{
		"OTEL_METRICS_EXPORTER=otlp", "OTEL_TRACES_EXPORTER=none", "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1",
	}, "exec", "--", "go", "version")
	if code != 0 || strings.Count(output, "metrics were not exported to http://127.0.0.1:1") != 1 {
		t.Errorf("exit code %d\n%s", code, output)
	}
}
