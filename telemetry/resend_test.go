package telemetry

import (
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"
)

func TestResendCount(t *testing.T) {
	get := semconv.RequestMethodKey.String("GET")
	for _, c := range []struct {
		name       string
		scope      string
		attempt    int // 0: in no operation
		kind       trace.SpanKind
		attributes []attribute.KeyValue
		want       int64 // 0: not there
	}{
		{"in no operation", "example.com/client", 0, trace.SpanKindClient, []attribute.KeyValue{get}, 0},
		{"first attempt", "example.com/client", 1, trace.SpanKindClient, []attribute.KeyValue{get}, 0},
		{"second attempt", "example.com/client", 2, trace.SpanKindClient, []attribute.KeyValue{get}, 1},
		{"fifth attempt", "example.com/client", 5, trace.SpanKindClient, []attribute.KeyValue{attribute.String("server.address", "h"), get}, 4},
		{"a server", "example.com/client", 2, trace.SpanKindServer, []attribute.KeyValue{get}, 0},
		{"a database's client", "example.com/client", 2, trace.SpanKindClient, []attribute.KeyValue{attribute.String("db.system.name", "mysql")}, 0},
		{"a gRPC client", "example.com/client", 2, trace.SpanKindClient, []attribute.KeyValue{attribute.String("rpc.system", "grpc")}, 0},
		{"otelhttp, which says later what it is", otelhttp, 2, trace.SpanKindClient, nil, 1},
		{"otelhttp's server", otelhttp, 2, trace.SpanKindServer, nil, 0},
		{"who knows better", "example.com/client", 2, trace.SpanKindClient, []attribute.KeyValue{get, semconv.ResendCountKey.Int(7)}, 7},
	} {
		for _, processor := range []sdktrace.SpanProcessor{
			newEventLog(discard{}, testSession, true), newMirror(testSession, nil, nil, nil),
		} {
			recorder := tracetest.NewSpanRecorder()
			tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(processor), sdktrace.WithSpanProcessor(recorder))
			ctx := t.Context()
			if c.attempt > 0 {
				ctx = scope.WithAttempt(ctx, scope.Attempt{Operation: "load", Number: c.attempt})
			}
			_, span := tp.Tracer(c.scope).Start(ctx, "GET",
				trace.WithSpanKind(c.kind), trace.WithAttributes(c.attributes...))
			span.End()
			var got int64
			for _, kv := range recorder.Ended()[0].Attributes() {
				if kv.Key == semconv.ResendCountKey {
					got = kv.Value.AsInt64()
				}
			}
			if got != c.want {
				t.Errorf("%s, %T: got %d, want %d", c.name, processor, got, c.want)
			}
		}
	}
}
