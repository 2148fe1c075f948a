package telemetry

import (
	"context"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"
)

// otelhttp is the scope of an instrumentation that says only after the start of a span that it is a request.
const otelhttp = "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

// countResend sets http.request.resend_count on the span of an HTTP request that a retry sends, as OpenTelemetry's
// convention wants it: 1 in the second attempt. The retries of all loops around count together, recovery attempts of a
// phase too: each of them sends the request again. The instrumentation cannot know it. The client spans of databases
// and gRPC get none: they are not otelhttp's, and have no http.request.method at their start.
func countResend(parent context.Context, span sdktrace.ReadWriteSpan) {
	if span.SpanKind() != trace.SpanKindClient {
		return
	}
	retries := scope.From(parent).Retries
	if retries == 0 {
		return
	}
	isHTTP := span.InstrumentationScope().Name == otelhttp
	for _, kv := range span.Attributes() {
		switch kv.Key {
		case semconv.ResendCountKey:
			return // who made the span knows better
		case semconv.RequestMethodKey:
			isHTTP = true
		}
	}
	if isHTTP {
		span.SetAttributes(semconv.ResendCountKey.Int(retries))
	}
}
