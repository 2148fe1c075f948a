package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retryhttp"
	script "github.com/backspan/backspan/retry/retrytest/flaky"
	"github.com/backspan/backspan/telemetry"
)

// Each send of a retryhttp.Transport above otelhttp is a client's span below its attempt. It ends before the next
// attempt begins, also when the body stalls, and so does the connection's use.
func TestRetryhttpAboveOtelhttp(t *testing.T) {
	w, err := events.Open(filepath.Join(t.TempDir(), "events.jsonl"), events.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close() //nolint:errcheck // nobody reads the file
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithSpanProcessor(telemetry.NewEventLog(w, "")), sdktrace.WithSpanProcessor(recorder))

	played, err := script.NewHandler(script.Config{Script: "503 size=32KiB, 503 size=1KiB slow=1m, 200 {hello}"})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(otelhttp.NewHandler(retryhttp.Handler(played, retryhttp.HandlerOptions{}), "serve",
		otelhttp.WithTracerProvider(provider)))
	defer server.Close()
	base := &http.Transport{MaxConnsPerHost: 1}
	defer base.CloseIdleConnections()
	transport := &retryhttp.Transport{
		Base: otelhttp.NewTransport(base, otelhttp.WithTracerProvider(provider)), SendAttempt: true,
		Policy: &retry.Policy{MaxRetries: 2, BaseDelay: retry.NoDelay},
	}
	client := &http.Client{Transport: transport}
	defer client.CloseIdleConnections() // otelhttp has none to forward it to

	ctx, root := provider.Tracer("test").Start(t.Context(), "request")
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(response.Body); string(body) != "hello" || err != nil {
		t.Errorf("%q, %v", body, err)
	}
	if err := response.Body.Close(); err != nil {
		t.Error(err)
	}
	root.End()
	if err := played.Close(); err != nil {
		t.Error(err)
	}
	server.Close() // the server's spans end when it has answered

	attempts := map[trace.SpanID]sdktrace.ReadOnlySpan{}
	for _, span := range recorder.Ended() {
		if value(span, "backspan.kind").AsString() == "attempt" {
			attempts[span.SpanContext().SpanID()] = span
		}
	}
	var clients, servers []string
	var last time.Time
	for _, span := range recorder.Ended() {
		switch span.SpanKind() {
		case trace.SpanKindClient:
			attempt := attempts[span.Parent().SpanID()]
			if attempt == nil || attempt.StartTime().Before(last) {
				t.Errorf("the client's span %d is below no attempt, or began too early", len(clients)+1)
			}
			last = span.EndTime()
			clients = append(clients, value(span, "http.request.resend_count").String())
		case trace.SpanKindServer:
			servers = append(servers, value(span, "retry.resend").String())
		default:
		}
	}
	if got, want := fmt.Sprintf("%q", clients), `["" "1" "2"]`; got != want {
		t.Errorf("resend counts of the clients' spans: %s, want %s", got, want)
	}
	if len(servers) != 3 {
		t.Errorf("%d spans of the server, want 3: %q", len(servers), servers)
	}
	resent := 0
	for _, s := range servers {
		if s == "true" {
			resent++
		}
	}
	if resent != 2 {
		t.Errorf("%d spans of the server say that a retry sent the request, want 2", resent)
	}
}

// Idle connections are closed by who has them: otelhttp passes nothing on.
func TestCloseIdleConnectionsAboveOtelhttp(t *testing.T) {
	server := script.New(t, "200")
	base := &http.Transport{}
	client := &http.Client{Transport: &retryhttp.Transport{Base: otelhttp.NewTransport(base)}}
	get := func() {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL(), nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			t.Error(err)
		}
		if err := response.Body.Close(); err != nil {
			t.Error(err)
		}
	}
	get()
	client.CloseIdleConnections()
	get()
	server.ExpectConnections(t, 1)
	base.CloseIdleConnections()
	get()
	server.ExpectConnections(t, 2)
	base.CloseIdleConnections()
}

// value is an attribute's, or one without a text.
func value(span sdktrace.ReadOnlySpan, key attribute.Key) attribute.Value {
	for _, kv := range span.Attributes() {
		if kv.Key == key {
			return kv.Value
		}
	}
	return attribute.StringValue("")
}
