package telemetry

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/semconv"
)

// What is written of a span does not depend on the order of its attributes, and a first success writes nothing.
func TestTheOrderOfAttributesDoesNotMatter(t *testing.T) {
	kind, result, outcome := semconv.KindKey.String, semconv.ResultKey.String, semconv.OutcomeKey.String
	operation, number := semconv.OperationKey.String("load"), semconv.AttemptKey.Int
	for _, test := range []struct {
		want       int
		attributes []attribute.KeyValue
	}{
		{0, []attribute.KeyValue{kind(semconv.KindAttempt), operation, number(1), result(semconv.ResultSuccess)}},
		{1, []attribute.KeyValue{kind(semconv.KindAttempt), operation, number(2), result(semconv.ResultSuccess)}},
		{1, []attribute.KeyValue{kind(semconv.KindAttempt), operation, number(1), result(semconv.ResultRetrying)}},
		{1, []attribute.KeyValue{kind(semconv.KindAttempt), operation, number(1), result(semconv.ResultFailed)}},
		{0, []attribute.KeyValue{kind(semconv.KindAttempt), number(1), result(semconv.ResultSuccess)}},
		{1, []attribute.KeyValue{kind(semconv.KindAttempt), number(1), result(semconv.ResultFailed)}},
		{1, []attribute.KeyValue{kind(semconv.KindRecovery), number(1), result(semconv.ResultSuccess)}},
		{1, []attribute.KeyValue{kind(semconv.KindFallback), number(1), result(semconv.ResultSuccess)}},
		{0, []attribute.KeyValue{kind(semconv.KindOperation), operation, semconv.AttemptsKey.Int(1), outcome(semconv.OutcomeSuccess)}},
		{0, []attribute.KeyValue{kind(semconv.KindOperation), operation, semconv.AttemptsKey.Int(1), outcome(semconv.OutcomeExhausted)}},
		{0, []attribute.KeyValue{kind(semconv.KindOperation), operation, semconv.AttemptsKey.Int(1), outcome(semconv.OutcomeCancelled)}},
		{1, []attribute.KeyValue{kind(semconv.KindOperation), operation, semconv.NextDelayKey.Float64(1), outcome(semconv.OutcomeCancelled)}},
		{1, []attribute.KeyValue{kind(semconv.KindOperation), operation, semconv.NextDelayKey.Float64(1), outcome(semconv.OutcomeDeadline)}},
	} {
		for from := range test.attributes {
			got := eventsOf(t, func(ctx context.Context, tp trace.TracerProvider) {
				_, span := tp.Tracer(semconv.ScopeName).Start(ctx, "x")
				span.SetAttributes(test.attributes[from:]...)
				span.SetAttributes(test.attributes[:from]...)
				span.End()
			})
			if len(got) != test.want {
				t.Errorf("%v, from the one at %d on: %d lines, want %d", test.attributes, from, len(got), test.want)
			}
		}
	}
}
