package telemetry

import (
	"context"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"
)

// countResend sets http.request.resend_count on the span of an HTTP request that a later attempt of an operation sends,
// as OpenTelemetry's convention wants it: 1 in the second attempt. Instrumentation such as otelhttp cannot know it. The
// spans of database and gRPC clients have no http.request.method at their start, and get none.
func countResend(parent context.Context, span sdktrace.ReadWriteSpan) {
	if span.SpanKind() != trace.SpanKindClient {
		return
	}
	number := scope.From(parent).Attempt
	if number < 2 {
		return
	}
	isHTTP := false
	for _, kv := range span.Attributes() {
		switch kv.Key {
		case semconv.ResendCountKey:
			return // who made the span knows better
		case semconv.RequestMethodKey:
			isHTTP = true
		}
	}
	if isHTTP {
		span.SetAttributes(semconv.ResendCountKey.Int(number - 1))
	}
}
