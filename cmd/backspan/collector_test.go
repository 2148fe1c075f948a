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

// A traceReceiver takes spans over HTTP, and keeps the headers of each request.
type traceReceiver struct {
	*httptest.Server
	mu   sync.Mutex
	seen []http.Header
}

func newTraceReceiver(t *testing.T) *traceReceiver {
	t.Helper()
	r := &traceReceiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.seen = append(r.seen, request.Header)
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

func TestHeadersReachTheCollector(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte("otlp_header: {authorization: Bearer abc}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const all, traces = "OTEL_EXPORTER_OTLP_HEADERS=", "OTEL_EXPORTER_OTLP_TRACES_HEADERS="
	const flag = "--otlp-header=authorization=Bearer abc"
	for _, c := range []struct {
		name string
		env  []string
		args []string
	}{
		{"variable", []string{all + "authorization=Bearer%20abc"}, nil},
		{"variable of traces", []string{traces + "authorization=Bearer%20abc", all + "authorization=other"}, nil},
		{"own variable", []string{"BACKSPAN_OTLP_HEADER=authorization=Bearer%20abc", all + "authorization=other"}, nil},
		{"flag", []string{all + "authorization=other"}, []string{flag}},
		{"file", []string{"BACKSPAN_CONFIG=" + file}, nil},
		{"variable before the file", []string{"BACKSPAN_CONFIG=" + file, all + "authorization=Bearer%20abc,x=y"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newTraceReceiver(t)
			args := append(append([]string{"exec", "--otlp-endpoint", r.URL + "/v1/traces"}, c.args...), "--", "go", "version")
			output, code := backspanIn(t, c.env, args...)
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
