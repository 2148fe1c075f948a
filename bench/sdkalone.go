package main

import (
	"context"
	"slices"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// These contenders measure the SDK alone: spans are started, get attributes that were made before, and are ended. It
// is the lower bound for every library that makes the same spans.

var (
	wholeAttributes = []attribute.KeyValue{
		attribute.String("backspan.kind", "operation"),
		attribute.String("retry.operation", operationName),
		attribute.String("retry.outcome", "recovered"),
		attribute.Int("retry.attempts", 1),
		attribute.Int("retry.max_retries", maxAttempts-1),
		attribute.Bool("retry.retried", true),
		attribute.Float64("retry.total_delay_seconds", 0),
	}
	atFirstAttributes = wholeAttributes[:4]
	failedAttributes  = []attribute.KeyValue{
		attribute.String("backspan.kind", "attempt"),
		attribute.String("retry.operation", operationName),
		attribute.Int("retry.attempt", 1),
		attribute.Float64("retry.delay_seconds", 0),
		attribute.String("retry.result", "retrying"),
		attribute.String("error.type", "*errors.errorString"),
		attribute.Float64("retry.next_delay_seconds", 0),
		attribute.Int("retry.max_retries", maxAttempts-1),
	}
	succeededAttributes = failedAttributes[:5]
	scheduled           = []trace.EventOption{trace.WithAttributes(
		attribute.Int("retry.attempt", 1),
		attribute.Float64("retry.next_delay_seconds", 0),
		attribute.String("retry.reason", errRefused.Error()),
	)}
)

// spansOf makes the spans of the operation and of its attempts; with described, also Backspan's attributes and events,
// and those in more.
func spansOf(described bool, more ...attribute.KeyValue) func(context.Context, *flaky) func() error {
	whole, atFirst := slices.Concat(wholeAttributes, more), slices.Concat(atFirstAttributes, more)
	failed, succeeded := slices.Concat(failedAttributes, more), slices.Concat(succeededAttributes, more)
	return func(ctx context.Context, f *flaky) func() error {
		tracer := otel.Tracer(tracerName)
		op := f.withContext
		attempt := func(ctx context.Context) error {
			ctx, span := tracer.Start(ctx, "attempt")
			err := op(ctx)
			switch {
			case !described:
			case err == nil:
				span.SetAttributes(succeeded...)
			default:
				span.SetAttributes(failed...)
				span.SetStatus(codes.Error, err.Error())
			}
			span.End()
			return err
		}
		return func() error {
			ctx, span := tracer.Start(ctx, operationName)
			err := attempt(ctx)
			attributes := atFirst
			for n := 1; err != nil && n < maxAttempts; n++ {
				attributes = whole
				if described {
					span.AddEvent("retry.scheduled", scheduled...)
				}
				err = attempt(ctx)
			}
			if described {
				span.SetAttributes(attributes...)
			}
			span.End()
			return err
		}
	}
}

// wholeSpan makes only the span of the operation.
func wholeSpan(ctx context.Context, f *flaky) func() error {
	tracer := otel.Tracer(tracerName)
	op := f.withContext
	return func() error {
		ctx, span := tracer.Start(ctx, operationName)
		err := op(ctx)
		span.SetAttributes(atFirstAttributes...)
		span.End()
		return err
	}
}
