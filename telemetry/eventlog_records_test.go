package telemetry

import (
	"context"
	"testing"
	"time"

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
		{
			0, []attribute.KeyValue{
				kind(semconv.KindOperation), operation, semconv.AttemptsKey.Int(1), outcome(semconv.OutcomeSuccess),
			},
		},
		{
			0, []attribute.KeyValue{
				kind(semconv.KindOperation), operation, semconv.AttemptsKey.Int(1), outcome(semconv.OutcomeExhausted),
			},
		},
		{
			0, []attribute.KeyValue{
				kind(semconv.KindOperation), operation, semconv.AttemptsKey.Int(1), outcome(semconv.OutcomeCancelled),
			},
		},
		{
			1, []attribute.KeyValue{
				kind(semconv.KindOperation), operation, semconv.NextDelayKey.Float64(1),
				outcome(semconv.OutcomeCancelled),
			},
		},
		{
			1, []attribute.KeyValue{
				kind(semconv.KindOperation), operation, semconv.NextDelayKey.Float64(1),
				outcome(semconv.OutcomeDeadline),
			},
		},
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

// Each detail of an attempt, and what a run and its phases say of themselves.
func TestWhatIsKnownIsInTheDetails(t *testing.T) {
	got := eventsOf(t, func(ctx context.Context, tp trace.TracerProvider) {
		_, span := begin(ctx, tp, semconv.KindAttempt, "attempt 4")
		pass(800 * time.Millisecond)
		end(span, semconv.KindAttempt, "Connection timeout", semconv.OperationKey.String("inner"),
			semconv.AttemptKey.Int(4),
			semconv.DelayKey.Float64(4), semconv.ResultKey.String(semconv.ResultFailed),
			semconv.OutcomeKey.String(semconv.OutcomeBudget), semconv.ErrorTypeKey.String("timeout"),
			semconv.BudgetNameKey.String("billing"), semconv.BudgetTokensKey.Float64(0.5), semconv.MaxRetriesKey.Int(3),
			semconv.MaxElapsedKey.Float64(7.5), semconv.DepthKey.Int(2), semconv.ParentOpKey.String("outer"),
			semconv.AfterKey.Float64(1.5))

		named := trace.WithAttributes(semconv.RunNameKey.String("nightly"), semconv.RunDryRunKey.Bool(true))
		_, run := begin(ctx, tp, semconv.KindRun, "nightly", named)
		_, phase := begin(ctx, tp, semconv.KindPhase, "load", named)
		end(phase, semconv.KindPhase, "", semconv.PhaseStatusKey.String(semconv.StatusSkipped),
			semconv.PhaseReasonKey.String("dry run"))
		end(run, semconv.KindRun, "", semconv.RunStatusKey.String(semconv.StatusSuccess))
	})
	checkLines(t, got,
		`{"type": "autocorrect_attempt", "phase": "", "level": "error", "message": "Autocorrect attempt 4: Error in inner: Connection timeout", "details": {"attempt_number": 4, "reason": "Error in inner: Connection timeout", "result": "failed", "outcome": "budget", "operation": "inner", "error": "Connection timeout", "error_type": "timeout", "delay": 4, "duration": 0.8, "max_retries": 3, "max_elapsed": 7.5, "depth": 2, "parent_operation": "outer", "after": 1.5, "budget": "billing"}}`,
		`{"type": "run_start", "phase": "", "level": "info", "message": "Dry run of nightly started", "details": {"pipeline": "nightly", "dry_run": true}}`,
		`{"type": "phase_start", "phase": "load", "level": "info", "message": "Phase load started", "details": {"pipeline": "nightly", "dry_run": true}}`,
		`{"type": "phase_end", "phase": "load", "level": "info", "message": "Phase load ended: skipped: dry run", "details": {"pipeline": "nightly", "dry_run": true, "reason": "dry run", "result": "skipped", "duration": 0}}`,
		`{"type": "run_end", "phase": "", "level": "info", "message": "Dry run of nightly ended: success", "details": {"pipeline": "nightly", "dry_run": true, "result": "success", "duration": 0}}`)
}
