package main

import (
	"context"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

const (
	operationName = "data_load"
	tracerName    = "example.com/service"
)

func bareCall(_ context.Context, f *flaky) func() error { return f.call }

// loopByHand is a retry loop without a library.
func loopByHand(ctx context.Context, f *flaky) func() error {
	op := f.withContext
	return func() error {
		for attempt := 1; ; attempt++ {
			err := op(ctx)
			if err == nil || attempt == maxAttempts {
				return err
			}
			if err := pause(ctx, f.delay); err != nil {
				return err
			}
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// loopWithSpans is the same loop as a good engineer traces it in ten minutes: a span for the operation, one for each
// attempt with four attributes, and the errors on them.
func loopWithSpans(ctx context.Context, f *flaky) func() error {
	tracer := otel.Tracer(tracerName)
	op := f.withContext
	attempt := func(ctx context.Context, number int, delay time.Duration) error {
		ctx, span := tracer.Start(ctx, "attempt", trace.WithAttributes(
			attribute.String("retry.operation", operationName),
			attribute.Int("retry.attempt", number),
			attribute.Float64("retry.delay_seconds", delay.Seconds()),
		))
		defer span.End()
		err := op(ctx)
		if err != nil {
			span.SetAttributes(attribute.String("retry.result", "failed"))
			span.RecordError(err)
			span.SetStatus(codes.Error, err.Error())
			return err
		}
		span.SetAttributes(attribute.String("retry.result", "success"))
		return nil
	}
	return tracedLoop(ctx, f, tracer, attempt)
}

// loopWithOneSet is loopWithSpans with one SetAttributes for each attempt, at its end, which takes the SDK less than
// attributes at the start and one more at the end.
func loopWithOneSet(ctx context.Context, f *flaky) func() error {
	tracer := otel.Tracer(tracerName)
	op := f.withContext
	attempt := func(ctx context.Context, number int, delay time.Duration) error {
		ctx, span := tracer.Start(ctx, "attempt")
		defer span.End()
		err := op(ctx)
		result := "success"
		if err != nil {
			result = "failed"
			span.RecordError(err)
			span.SetStatus(codes.Error, err.Error())
		}
		span.SetAttributes(
			attribute.String("retry.operation", operationName),
			attribute.Int("retry.attempt", number),
			attribute.Float64("retry.delay_seconds", delay.Seconds()),
			attribute.String("retry.result", result),
		)
		return err
	}
	return tracedLoop(ctx, f, tracer, attempt)
}

// tracedLoop is the loop around attempts, with the operation's span.
func tracedLoop(
	ctx context.Context, f *flaky, tracer trace.Tracer, attempt func(context.Context, int, time.Duration) error,
) func() error {
	return func() error {
		ctx, span := tracer.Start(ctx, operationName)
		defer span.End()
		delay := time.Duration(0)
		for number := 1; ; number++ {
			err := attempt(ctx, number, delay)
			if err == nil {
				return nil
			}
			if number == maxAttempts {
				span.RecordError(err)
				span.SetStatus(codes.Error, err.Error())
				return err
			}
			delay = f.delay
			if err := pause(ctx, delay); err != nil {
				return err
			}
		}
	}
}

// loopWithFullSpans is the same loop with every attribute and event of Backspan's spans.
func loopWithFullSpans(ctx context.Context, f *flaky) func() error {
	tracer := otel.Tracer(tracerName)
	op := f.withContext
	attempt := func(ctx context.Context, number int, delay time.Duration) error {
		ctx, span := tracer.Start(ctx, "attempt", trace.WithAttributes(
			attribute.String("backspan.kind", "attempt"),
			attribute.String("retry.operation", operationName),
			attribute.Int("retry.attempt", number),
			attribute.Float64("retry.delay_seconds", delay.Seconds()),
		))
		defer span.End()
		err := op(ctx)
		switch {
		case err == nil:
			span.SetAttributes(attribute.String("retry.result", "success"))
			return nil
		case number == maxAttempts:
			span.SetAttributes(attribute.String("retry.result", "failed"), attribute.String("error.type", "refused"))
		default:
			span.SetAttributes(
				attribute.String("retry.result", "retrying"),
				attribute.String("error.type", "refused"),
				attribute.Float64("retry.next_delay_seconds", f.delay.Seconds()),
			)
		}
		span.SetStatus(codes.Error, err.Error())
		return err
	}
	return func() (err error) {
		ctx, span := tracer.Start(ctx, operationName, trace.WithAttributes(
			attribute.String("backspan.kind", "operation"),
			attribute.String("retry.operation", operationName),
			attribute.Int("retry.max_retries", maxAttempts-1),
		))
		defer span.End()
		number, waited, outcome := 1, time.Duration(0), "success"
		for ; ; number++ {
			err = attempt(ctx, number, waited)
			if err == nil {
				break
			}
			if number == maxAttempts {
				outcome = "exhausted"
				span.SetStatus(codes.Error, err.Error())
				break
			}
			outcome = "recovered"
			span.AddEvent("retry.scheduled", trace.WithAttributes(
				attribute.Int("retry.attempt", number),
				attribute.Float64("retry.next_delay_seconds", f.delay.Seconds()),
				attribute.String("retry.reason", err.Error()),
			))
			waited += f.delay
			if err = pause(ctx, f.delay); err != nil {
				outcome = "cancelled"
				break
			}
		}
		span.SetAttributes(
			attribute.String("retry.outcome", outcome),
			attribute.Int("retry.attempts", number),
			attribute.Bool("retry.retried", number > 1),
			attribute.Float64("retry.total_delay_seconds", waited.Seconds()),
		)
		return err
	}
}
