package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/backspan/backspan/cmd/backspan/internal/doctor"
	"github.com/backspan/backspan/cmd/backspan/internal/root"
)

// A collector that takes the test span, and a Jaeger that has it: exit code 0, and nothing left behind.
func TestDoctorFindsNothingWrong(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{
		"OTEL_TRACES_EXPORTER", "OTEL_TRACES_SAMPLER", "OTEL_SDK_DISABLED", "TRACEPARENT", "NO_COLOR",
	} {
		t.Setenv(name, "")
	}
	t.Setenv("BACKSPAN_CONFIG", "off")
	var sent, header string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/v1/traces" && r.Method == http.MethodPost:
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			sent, header = string(body), r.Header.Get("X-Team")
			w.Header().Set("Content-Type", "application/x-protobuf")
		case strings.HasPrefix(r.URL.Path, "/api/v3/traces/"):
			_, _ = io.WriteString(w, `{"result":{"resourceSpans":[]}}`)
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	t.Setenv("BACKSPAN_JAEGER_URL", server.URL+"/")
	args := []string{
		"doctor", "--otlp-endpoint", server.URL + "/v1/traces", "--otlp-header", "x-team=payments", "--sample", "0.001",
	}

	var out, errOut bytes.Buffer
	if code := root.Execute(args, strings.NewReader(""), &out, &errOut); code != 0 || errOut.Len() != 0 {
		t.Fatalf("exit code %d\n%s%s", code, out.String(), errOut.String())
	}
	for _, want := range []string{
		"headers x-team", "taken by the collector", "it has the test span: " + server.URL + "/trace/",
		"No problem was found.",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if !strings.Contains(sent, "backspan doctor") || header != "payments" {
		t.Errorf("the collector got %q with header %q", sent, header)
	}
	if strings.Contains(out.String(), "payments") {
		t.Errorf("it shows a header's value:\n%s", out.String())
	}

	out.Reset()
	if code := root.Execute(append(args, "--json"), strings.NewReader(""), &out, &errOut); code != 0 {
		t.Fatalf("exit code %d\n%s", code, errOut.String())
	}
	var report doctor.Report
	if err := json.Unmarshal(out.Bytes(), &report); err != nil || !report.OK || len(report.TraceID) != 32 ||
		len(report.Checks) < 8 {
		t.Errorf("%v: %+v", err, report)
	}
	if left, err := os.ReadDir("."); err != nil || len(left) != 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}

// What is wrong with the export of metrics is found, and where they go is said.
func TestDoctorTellsOfMetrics(t *testing.T) {
	for _, c := range []struct {
		env  []string
		want string // empty: nothing is said
	}{
		{nil, ""},
		{[]string{"OTEL_METRICS_EXPORTER=prometheus"}, `OTEL_METRICS_EXPORTER is "prometheus"`},
		{
			[]string{"OTEL_METRICS_EXPORTER=otlp", "OTEL_METRIC_EXPORT_INTERVAL=1m"},
			`OTEL_METRIC_EXPORT_INTERVAL is "1m"`,
		},
		{
			[]string{"OTEL_METRICS_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://localhost:1"},
			"metrics go to http://localhost:1 (OTEL_EXPORTER_OTLP_METRICS_ENDPOINT), grpc, every 1m0s " +
				"(OTEL_METRICS_EXPORTER)",
		},
		{[]string{"OTEL_METRICS_EXPORTER=console"}, "metrics are printed, every 1m0s (OTEL_METRICS_EXPORTER)"},
	} {
		output, _ := backspanIn(t, append(c.env, "OTEL_TRACES_EXPORTER=none"), "doctor")
		if c.want == "" && strings.Contains(output, "metrics") || !strings.Contains(output, c.want) {
			t.Errorf("%v: want %q in\n%s", c.env, c.want, output)
		}
	}
}
