//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// hostile sets the title of a terminal, clears it, turns the direction of writing, begins a sequence of C1, and forges
// a message of ours and two commands of GitHub Actions.
const hostile = "\x1b]0;pwn\x07\x1b[2J\u202e\u009b\x7f\nbackspan: forged\n::error file=a::forged\n##[error]forged"

// checkSafe fails when output holds what a terminal or the runner of a CI obeys.
func checkSafe(t *testing.T, output []byte) {
	t.Helper()
	for i, line := range strings.Split(string(output), "\n") {
		bad := strings.IndexFunc(line, func(r rune) bool {
			return unicode.Is(unicode.Cc, r) && r != '\t' || unicode.Is(unicode.Bidi_Control, r)
		})
		forged := strings.HasPrefix(strings.TrimSpace(line), "::") || strings.HasPrefix(line, "backspan: forged") ||
			strings.Contains(line, "##[")
		if bad >= 0 || forged || !utf8.ValidString(line) {
			t.Errorf("line %d is %q", i+1, line)
		}
	}
}

// hostileCommand runs backspan in dir, and returns what it printed.
func hostileCommand(t *testing.T, dir string, env []string, args ...string) []byte {
	t.Helper()
	command := exec.CommandContext(t.Context(), "backspan", args...)
	command.Dir = dir
	command.Env = append(append(os.Environ(), "BACKSPAN_CONFIG=off", "OTEL_TRACES_EXPORTER=otlp"), env...)
	output, _ := command.CombinedOutput() // most fail
	return output
}

type hostileCollector struct {
	coltracepb.UnimplementedTraceServiceServer
	partial bool
}

func (c *hostileCollector) answer() *coltracepb.ExportTraceServiceResponse {
	return &coltracepb.ExportTraceServiceResponse{
		PartialSuccess: &coltracepb.ExportTracePartialSuccess{RejectedSpans: 1, ErrorMessage: hostile},
	}
}

func (c *hostileCollector) Export(context.Context, *coltracepb.ExportTraceServiceRequest) (
	*coltracepb.ExportTraceServiceResponse, error,
) {
	if c.partial {
		return c.answer(), nil
	}
	return nil, status.Error(codes.InvalidArgument, hostile)
}

// hostileServer answers each connection with text, as HTTP's servers of Go would not.
func hostileServer(t *testing.T, text string) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if request, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				_, _ = io.Copy(io.Discard, request.Body)
				_, _ = io.WriteString(conn, text)
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close() // ends the loop
		<-done
	})
	return listener.Addr().String()
}

// Whoever a collector is, what it says reaches people as text.
func TestACollectorCannotTouchTheTerminal(t *testing.T) {
	endpoints := map[string]string{}
	for name, partial := range map[string]bool{"a status of gRPC": false, "a partial success of gRPC": true} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		server := grpc.NewServer()
		coltracepb.RegisterTraceServiceServer(server, &hostileCollector{partial: partial})
		go func() { _ = server.Serve(listener) }() // it ends with Stop
		t.Cleanup(server.Stop)
		endpoints[name] = "http://" + listener.Addr().String()
	}
	line := strings.ReplaceAll(hostile, "\n", " ")
	endpoints["a body of HTTP"] = "http://" + hostileServer(t,
		fmt.Sprintf("HTTP/1.1 400 Bad\r\nContent-Length: %d\r\n\r\n%s", len(hostile), hostile)) + "/v1/traces"
	endpoints["a status of HTTP"] = "http://" +
		hostileServer(t, "HTTP/1.1 400 "+line+"\r\nContent-Length: 0\r\n\r\n") + "/v1/traces"
	endpoints["no HTTP"] = "http://" + hostileServer(t, line+"\r\n\r\n") + "/v1/traces"
	pipeline := filepath.Join(t.TempDir(), "p.yaml")
	const text = "name: n\nphases: [{name: p, steps: [{name: s, run: 'true'}]}]\n"
	if err := os.WriteFile(pipeline, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, endpoint := range endpoints {
		for _, args := range [][]string{
			{"exec", "--", "true"},
			{"run", pipeline},
			{"run", pipeline, "--json"},
			{"demo"},
			{"doctor"},
			{"doctor", "--json"},
		} {
			t.Run(name+" "+strings.Join(args[:1], " "), func(t *testing.T) {
				t.Parallel()
				output := hostileCommand(t, t.TempDir(), []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + endpoint}, args...)
				checkSafe(t, output)
				if said := bytes.Contains(output, []byte("forged")); !said && name != "no HTTP" {
					t.Errorf("what the collector said is not told\n%q", output)
				}
			})
		}
	}
}

// Names of files, settings and arguments come from others too.
func TestNamesAndSettingsCannotTouchTheTerminal(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, strings.ReplaceAll(hostile, "/", "")+".jsonl")
	event := `{"schema":"backspan.event/v1","time":"2026-01-02T03:04:05Z","type":"x",` +
		`"message":"\u001b[2J` + "\u202e\u009b\x7f" + `"}`
	if err := os.WriteFile(file, []byte(event+"\nnonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	pipeline := filepath.Join(dir, "::error::x"+hostile+".yaml")
	const steps = `name: n
vars: {v: "\e[2J"}
phases:
  - name: p
    steps: [{name: s, retry: {max_retries: 0}, run: "printf '::error::x\nbackspan: forged\n\e[2J' >&2; exit 1"}]
    fallback: "printf 'x\n::error::x\nbackspan: forged\n\e[2J' >&2; false"
recovery: {max_retries: 0}
`
	if err := os.WriteFile(pipeline, []byte(steps), 0o600); err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(dir, "bad"+hostile+".yaml")
	if err := os.WriteFile(bad, []byte("name: n\n\"\\e[2J\": 1\nphases: 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(dir, "missing"+hostile)
	for _, c := range []struct {
		env  string
		args []string
	}{
		{"", []string{hostile}},
		{"", []string{"--" + hostile}},
		{"", []string{"-" + hostile}},
		{"", []string{"--color", hostile}},
		{"", []string{"help", hostile}},
		{"", []string{"completion", hostile}},
		{"", []string{"man", filepath.Join(bad, "x")}},
		{"", []string{"man", filepath.Join(dir, "man"+hostile)}},
		{"", []string{"init", missing + "-init"}},
		{"", []string{"init", file}},
		{"", []string{"exec", "--", hostile}},
		{"", []string{"exec", "--max-retries", "0", "--name", hostile, "--", missing}},
		{"", []string{"run", pipeline, "--dry-run"}},
		{"", []string{"run", pipeline, "--dry-run", "--json"}},
		{"", []string{"run", bad}},
		{"", []string{"run", missing}},
		{"", []string{"run", pipeline, "--var", hostile + "=1"}},
		{"", []string{"run", pipeline, "--only", hostile}},
		{"", []string{"run", pipeline, "--report", missing + "-report", "--report-file", missing + "-file"}},
		{"", []string{"run", pipeline, "--events", missing + "-e"}},
		{"", []string{"demo", "--scenario", hostile}},
		{"", []string{"demo", "--events", missing + "-demo", "--trace-file", missing + "-demo-trace"}},
		{"", []string{"events", file}},
		{"", []string{"events", file, "--json"}},
		{"", []string{"events", "stats", file, "--json"}},
		{"", []string{"events", "count", file, "--by", "message", "--json"}},
		{"", []string{"events", "count", file, "--by", "message"}},
		{"", []string{"events", missing}},
		{"", []string{"events", file, "--type", hostile}},
		{"", []string{"events", file, "--where", hostile}},
		{"", []string{"show", file}},
		{"", []string{"show", "--list", file}},
		{"", []string{"show", missing}},
		{"", []string{"show", hostile}},
		{"", []string{"report", file, "-o", missing + "-page"}},
		{"", []string{"report", missing}},
		{"BACKSPAN_CONFIG=" + missing, []string{"exec", "--", "true"}},
		{"BACKSPAN_CONFIG=" + bad, []string{"exec", "--", "true"}},
		{"BACKSPAN_SAMPLE=" + hostile, []string{"exec", "--", "true"}},
		{"BACKSPAN_EVENTS=" + dir + hostile, []string{"doctor"}},
		{"BACKSPAN_JAEGER_URL=" + hostile, []string{"doctor"}},
		{"OTEL_PROPAGATORS=" + hostile, []string{"exec", "--", "true"}},
		{"OTEL_PROPAGATORS=" + hostile, []string{"demo"}},
		{"OTEL_PROPAGATORS=" + hostile, []string{"doctor"}},
		{"OTEL_PROPAGATORS=" + hostile, []string{"doctor", "--json"}},
		{"OTEL_SERVICE_NAME=" + hostile, []string{"doctor", "--json"}},
		{"OTEL_SERVICE_NAME=" + hostile, []string{"demo", "--json"}},
		{"OTEL_EXPORTER_OTLP_CERTIFICATE=" + missing, []string{"exec", "--", "true"}},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=" + hostile, []string{"exec", "--", "true"}},
		{"OTEL_TRACES_EXPORTER=" + hostile, []string{"run", pipeline}},
		{"OTEL_TRACES_EXPORTER=console", []string{"exec", "--name", hostile, "--", "true"}},
		{"TRACEPARENT=" + hostile, []string{"doctor"}},
	} {
		t.Run(strings.Join(append(c.args, c.env), " "), func(t *testing.T) {
			t.Parallel()
			env := []string{"OTEL_TRACES_EXPORTER=none"} // nothing is waited for
			if strings.HasPrefix(c.env, "OTEL_EXPORTER_") {
				env = nil
			}
			output := hostileCommand(t, t.TempDir(), append(env, c.env), c.args...)
			if len(output) == 0 {
				t.Error("it says nothing")
			}
			if c.args[0] == "run" { // what the commands write is theirs
				var own [][]byte
				for _, line := range bytes.Split(output, []byte("\n")) {
					if !bytes.HasPrefix(line, []byte("s | ")) && !bytes.HasPrefix(line, []byte("fallback | ")) {
						own = append(own, line)
					}
				}
				output = bytes.Join(own, []byte("\n"))
			}
			checkSafe(t, output)
		})
	}
}

// What a command writes is its own, byte for byte.
func TestTheBytesOfACommandPassThrough(t *testing.T) {
	output := hostileCommand(t, t.TempDir(), nil,
		"exec", "--max-retries", "0", "--no-export", "--", "sh", "-c", `printf %s "$0" >&2; exit 3`, hostile)
	if !bytes.HasPrefix(output, []byte(hostile)) {
		t.Errorf("got %q, want %q first", output, hostile)
	}
}
