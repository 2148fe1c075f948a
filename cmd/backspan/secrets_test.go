package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// What is configured may be a secret, and what is printed ends in the log of a job. Each of these is told without.
func TestSecretsInSettingsAreNotPrinted(t *testing.T) {
	for i, c := range []struct {
		env  string
		file string // the configuration file
		args []string
		want string
	}{
		{env: "OTEL_RESOURCE_ATTRIBUTES=token=s3cret,team", want: "ATTRIBUTES cannot be used (pair 2 has no"},
		{env: "OTEL_RESOURCE_ATTRIBUTES=s3cret", want: "pair 1 has no name"},
		{env: "OTEL_RESOURCE_ATTRIBUTES=token=s3cret%zz", want: "pair 1 has a % without"},
		{env: "OTEL_EXPORTER_OTLP_HEADERS=authorization: Bearer s3cret", want: "OTLP_HEADERS cannot be used"},
		{env: "BACKSPAN_OTLP_HEADER=authorization: Bearer s3cret", want: "BACKSPAN_OTLP_HEADER cannot be used"},
		{args: []string{"--otlp-header", "authorization: Bearer s3cret"}, want: "--otlp-header cannot be used"},
		{args: []string{"--otlp-endpoint", "http://me:s3cret@127.0.0.1:1"}, want: "--otlp-endpoint cannot be used"},
		{args: []string{"--otlp-endpoint", "http://me:s3cret@127.0.0.1:x"}, want: "--otlp-endpoint is"},
		{args: []string{"--otlp-endpoint", "http://127.0.0.1:1?key=s3cret"}, want: "want an endpoint without ?"},
		{args: []string{"--otlp-endpoint", "ftp://127.0.0.1?key=s3cret"}, want: "unknown scheme ftp"},
		{env: "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1#s3cret", want: "want an endpoint without ?"},
		{env: "OTEL_EXPORTER_OTLP_ENDPOINT=http://me:s3cret/x@127.0.0.1:1", want: "OTEL_EXPORTER_OTLP_ENDPOINT is"},
		{
			env:  "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=127.0.0.1:1?key=s3cret",
			args: []string{"--otlp-endpoint", "http://127.0.0.1:1"}, want: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is",
		},
		{file: "otlp_header: {Bearer s3cret}", want: "want a name with one value"},
		{file: "otlp_header: {authorization: [s3cret]}", want: "want a name with one value"},
		{file: "otlp_header: {authorization: *s3cret}", want: "wants quotes"},
		{file: "otlp_header: authorization=s3cret", want: "otlp_header wants names with values"},
		{file: "otlp_endpoint: http://me:s3cret@127.0.0.1:1", want: "cannot be used"},
		{file: "redact: '(s3cret'", want: "redact cannot be used (missing closing ))"},
		{env: "BACKSPAN_REDACT=(s3cret", want: "BACKSPAN_REDACT cannot be used"},
		{args: []string{"--redact", "(s3cret"}, want: "--redact cannot be used"},
	} {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "config.yaml")
			if err := os.WriteFile(path, []byte(c.file+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, verb := range [][]string{{"demo"}, {"exec"}, {"doctor"}} {
				args := append(append([]string{}, verb...), c.args...)
				if verb[0] == "exec" {
					args = append(args, "--", "go", "version")
				}
				output, _ := backspanIn(t, []string{"BACKSPAN_CONFIG=" + path, c.env}, args...)
				if strings.Contains(output, "s3cret") || !strings.Contains(output, c.want) {
					t.Errorf("%+v, %s: want %q without the secret\n%s", c, verb, c.want, output)
				}
			}
		})
	}
}

// The password of a proxy stays out of what is told of it, of the proxy's refusal too.
func TestThePasswordOfAProxyIsNotPrinted(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no", http.StatusProxyAuthRequired)
	}))
	defer proxy.Close()
	at := strings.TrimPrefix(proxy.URL, "http://")
	for _, endpoint := range []string{
		"https://collector.invalid", "http://collector.invalid/v1/traces", "https://collector.invalid/v1/traces",
	} {
		for _, address := range []string{
			"http://me:s3cret@" + at, "http://me:s3cret@pro xy", "socks5://me:s3cret@127.0.0.1:1",
		} {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				env := []string{
					"NO_PROXY=", "HTTP_PROXY=" + address, "HTTPS_PROXY=" + address,
					"OTEL_EXPORTER_OTLP_ENDPOINT=" + endpoint,
				}
				for _, args := range [][]string{{"exec", "--", "go", "version"}, {"doctor"}} {
					if output, _ := backspanIn(t, env, args...); strings.Contains(output, "s3cret") || output == "" {
						t.Errorf("%s: %s", args, output)
					}
				}
			})
		}
	}
}

// An argument that is left over may be the end of a header that was typed without quotes.
func TestTheRestOfAHeaderIsNotPrinted(t *testing.T) {
	output, code := backspanIn(t, nil, "doctor", "--otlp-header", "authorization=Bearer", "s3cret")
	if code != 2 || strings.Contains(output, "s3cret") || !strings.Contains(output, "there is one argument too many") {
		t.Errorf("exit code %d\n%s", code, output)
	}
	output, code = backspanIn(t, nil, "run", "--var", "s3cret")
	if code != 2 || strings.Contains(output, "s3cret") {
		t.Errorf("exit code %d\n%s", code, output)
	}
}

// Jaeger's pages may be behind a password. Links and messages have the address without it; the browser asks for it.
func TestThePasswordOfJaegerIsNotPrinted(t *testing.T) {
	collector := newTraceReceiver(t)
	asked := make(chan string, 100)
	jaeger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, password, _ := r.BasicAuth()
		asked <- password
		http.Error(w, "no", http.StatusForbidden)
	}))
	defer jaeger.Close()
	host := strings.TrimPrefix(jaeger.URL, "http://")
	for _, address := range []string{
		"http://me:s3cret@" + host + "/", "http://me:s3cret@127.0.0.1:1", "http://" + host + "/?key=s3cret",
		"http://me:s3cret@" + host + ":x", "me:s3cret@" + host,
	} {
		t.Run(address, func(t *testing.T) {
			for _, args := range [][]string{{"demo"}, {"doctor"}, {"doctor", "--json"}} {
				env := []string{
					"OTEL_EXPORTER_OTLP_ENDPOINT=" + collector.URL + "/v1/traces", "BACKSPAN_JAEGER_URL=" + address,
				}
				output, _ := backspanIn(t, env, args...)
				if strings.Contains(output, "s3cret") || strings.Contains(output, "me:") {
					t.Errorf("%s tells the password\n%s", args, output)
				}
				isLink := args[0] == "demo" && address == "http://me:s3cret@"+host+"/"
				if isLink && !strings.Contains(output, jaeger.URL+"/trace/") {
					t.Errorf("there is no link to %s/trace/…\n%s", jaeger.URL, output)
				}
			}
		})
	}
	if password := <-asked; password != "s3cret" {
		t.Errorf("Jaeger was asked with the password %q", password)
	}
}
