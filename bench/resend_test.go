package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/telemetry"
)

// otelhttp, as it is, gets the number of the resend on its own spans. It is absent on the first, as the convention
// wants it, and on the server's.
func TestOtelhttpCountsResends(t *testing.T) {
	w, err := events.Open(filepath.Join(t.TempDir(), "events.jsonl"), events.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close() //nolint:errcheck // nobody reads the file
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithSpanProcessor(telemetry.NewEventLog(w, "")), sdktrace.WithSpanProcessor(recorder))

	var calls atomic.Int64
	server := httptest.NewServer(otelhttp.NewHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}), "serve", otelhttp.WithTracerProvider(provider)))
	defer server.Close()
	client := &http.Client{
		Transport: otelhttp.NewTransport(http.DefaultTransport, otelhttp.WithTracerProvider(provider)),
	}
	defer client.CloseIdleConnections()

	ctx, root := provider.Tracer("test").Start(t.Context(), "request")
	err = retry.Do(ctx, "fetch", retry.Policy{BaseDelay: retry.NoDelay}, func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("server said %s", response.Status)
		}
		return nil
	})
	root.End()
	if err != nil {
		t.Fatal(err)
	}
	server.Close() // the server's spans end when it has answered
	var clients, servers []string
	for _, span := range recorder.Ended() {
		count := "none"
		for _, kv := range span.Attributes() {
			if kv.Key == "http.request.resend_count" {
				count = kv.Value.String()
			}
		}
		switch span.SpanKind() {
		case trace.SpanKindClient:
			clients = append(clients, count)
		case trace.SpanKindServer:
			servers = append(servers, count)
		default:
		}
	}
	if got := fmt.Sprint(clients); got != "[none 1 2]" {
		t.Errorf("clients' spans have %s, want [none 1 2]", got)
	}
	if got := fmt.Sprint(servers); got != "[none none none]" {
		t.Errorf("servers' spans have %s, want [none none none]", got)
	}
}
