package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// httpExport makes a command export with HTTP, 50 ms after a span has ended.
var httpExport = []string{"OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "OTEL_BSP_SCHEDULE_DELAY=50"}

// failsTwice is the command line of a command whose second attempt comes 700 ms after the first.
func failsTwice(endpoint string) []string {
	return []string{
		"exec", "--events", "off", "--max-retries", "1", "--base-delay", "700ms", "--otlp-endpoint", endpoint, "--",
		"go", "no-such-verb",
	}
}

// net/http logs what a server says unasked, with the standard logger. That line is not for the user.
func TestLinesOfNetHTTPStayAway(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() //nolint:errcheck // nobody is served any more
	var served atomic.Int32
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			in := bufio.NewReader(conn)
			request, err := http.ReadRequest(in)
			if err != nil {
				continue
			}
			_, _ = io.Copy(io.Discard, request.Body)
			served.Add(1)
			// Both in one write: the second answer is there when the connection becomes idle.
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 400 Bad Request\r\n\r\n")
		}
	}()
	output, code := backspanIn(t, httpExport, failsTwice("http://"+listener.Addr().String())...)
	if code != 2 || served.Load() == 0 || strings.Contains(output, "Unsolicited") ||
		strings.Contains(output, "http: ") {
		t.Errorf("exit code %d, %d requests\n%s", code, served.Load(), output)
	}
}

// A collector that refuses is told of when it does, with the reason; at the end there is no second reason, but the way
// to find out more.
func TestTheReasonOfALossIsToldOnce(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "quota of team payments", http.StatusForbidden)
	}))
	defer server.Close()
	output, code := backspanIn(t, httpExport, failsTwice(server.URL+"/v1/traces")...)
	const doctor = "; to find out more: backspan doctor"
	where := "3 spans were not exported to " + server.URL + "/v1/traces" + doctor + " --otlp-endpoint " + server.URL
	if code != 2 || strings.Count(output, "quota of team payments") != 1 || !strings.Contains(output, where) {
		t.Errorf("exit code %d, want the reason once and %q\n%s", code, where, output)
	}
	// An endpoint that the environment names is found there again.
	env := append(httpExport, "OTEL_EXPORTER_OTLP_ENDPOINT="+server.URL)
	output, _ = backspanIn(t, env, "exec", "--events", "off", "--max-retries", "0", "--", "go", "version")
	if !strings.Contains(output, "quota of team payments") || !strings.Contains(output, doctor+"\n") {
		t.Errorf("want the reason and the doctor\n%s", output)
	}
	// Other verbs say it in the same way.
	output, _ = backspanIn(t, env, "demo", "--scenario", "healthy")
	if strings.Count(output, "quota of team payments") != 1 || !strings.Contains(output, doctor+"\n") {
		t.Errorf("demo: want the reason once, and the doctor\n%s", output)
	}
}

// A server that reads the spans and says nothing may have taken them.
func TestSpansWithoutAnAnswerMayBeMissing(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-release
	}))
	defer server.Close()
	defer close(release)
	output, code := backspanIn(t, httpExport[:1], "exec", "--otlp-endpoint", server.URL, "--", "go", "version")
	want := "2 spans may be missing at " + server.URL + "/v1/traces: no answer in time; "
	if code != 0 || !strings.Contains(output, want) || strings.Contains(output, "not exported") {
		t.Errorf("exit code %d, want %q\n%s", code, want, output)
	}
}
