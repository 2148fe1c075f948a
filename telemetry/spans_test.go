package telemetry

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"
)

// begin starts a span as package retry and the orchestrator do: the kind is in the frame around Start, and gone from
// the context that comes back.
func begin(ctx context.Context, tp trace.TracerProvider, kind, name string, options ...trace.SpanStartOption) (
	context.Context, trace.Span,
) {
	frame := scope.From(ctx)
	starting := frame
	starting.Starting = kind
	ctx, span := tp.Tracer(semconv.ScopeName).Start(scope.With(ctx, starting), name, options...)
	return scope.With(ctx, frame), span
}

// end sets what is known of a span only then, and ends it. A failure of "" means that all went well.
func end(span trace.Span, kind, failure string, attributes ...attribute.KeyValue) {
	span.SetAttributes(append([]attribute.KeyValue{semconv.KindKey.String(kind)}, attributes...)...)
	if failure != "" {
		span.SetStatus(codes.Error, failure)
	}
	span.End()
}

// attempt is one attempt of operation, made and over at once.
func attempt(ctx context.Context, tp trace.TracerProvider, operation string, number int, result, failure string) {
	_, span := begin(ctx, tp, semconv.KindAttempt, semconv.AttemptName(number))
	attributes := []attribute.KeyValue{
		semconv.OperationKey.String(operation),
		semconv.AttemptKey.Int(number),
		semconv.DelayKey.Float64(float64(number - 1)),
		semconv.ResultKey.String(result),
	}
	if result == semconv.ResultRetrying {
		attributes = append(attributes, semconv.NextDelayKey.Float64(float64(number)))
	}
	if failure != "" {
		attributes = append(attributes, semconv.ErrorTypeKey.String("timeout"))
	}
	frame := scope.From(ctx)
	if frame.Session != "" {
		attributes = append(attributes, semconv.SessionIDKey.String(frame.Session))
	}
	if frame.Phase != "" {
		attributes = append(attributes, semconv.PhaseNameKey.String(frame.Phase))
	}
	end(span, semconv.KindAttempt, failure, attributes...)
}

// operation is an operation that failed once and then succeeded: 3 spans and, in the event log, 2 lines.
func operation(ctx context.Context, tp trace.TracerProvider, name string) {
	ctx, span := begin(ctx, tp, semconv.KindOperation, name)
	attempt(ctx, tp, name, 1, semconv.ResultRetrying, "Connection timeout")
	attempt(ctx, tp, name, 2, semconv.ResultSuccess, "")
	end(span, semconv.KindOperation, "", semconv.OperationKey.String(name),
		semconv.OutcomeKey.String(semconv.OutcomeRecovered),
		semconv.AttemptsKey.Int(2))
}

const (
	spansOfOperation = 3
	linesOfOperation = 2
)

// foreign is a span of somebody else's instrumentation.
func foreign(ctx context.Context, tp trace.TracerProvider, name string) (context.Context, trace.Span) {
	return tp.Tracer("example.com/other").Start(ctx, name)
}

// quiet is a Config that touches nothing of the world but a directory of the test's.
func quiet(t testing.TB) Config {
	return Config{Events: filepath.Join(t.TempDir(), "events.jsonl"), NoExport: true, Local: true}
}

// run starts telemetry, and shuts it down when the test ends.
func run(t testing.TB, cfg Config) *Telemetry {
	t.Helper()
	tel, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tel.Shutdown(context.WithoutCancel(t.Context())) })
	return tel
}

// lines reads a file of lines.
func lines(t testing.TB, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	if text == "" {
		return nil
	}
	if !strings.HasSuffix(text, "\n") {
		t.Errorf("%s ends without a newline: %q", path, text)
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}
