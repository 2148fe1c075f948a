package live

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What was waited is told as measured, also of the wait that an operation was stopped in.
func TestWaitsAreToldAsMeasured(t *testing.T) {
	var out strings.Builder
	view := New(&out, Options{})
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(view)).Tracer(semconv.ScopeName)
	at := func(ms int) trace.SpanEventOption {
		return trace.WithTimestamp(time.Unix(1_800_000_000, 0).Add(time.Duration(ms) * time.Millisecond))
	}
	start := func(ctx context.Context, kind, name string, ms int) (context.Context, trace.Span) {
		ctx, span := tracer.Start(scope.With(ctx, scope.Frame{Starting: kind}), name, at(ms))
		span.SetAttributes(semconv.KindKey.String(kind))
		return ctx, span
	}
	ctx, operation := start(t.Context(), semconv.KindOperation, "fetch", 0)
	for _, ms := range []int{0, 250} { // planned were 200 ms and then 200 ms
		_, attempt := start(ctx, semconv.KindAttempt, "attempt", ms)
		attempt.SetAttributes(semconv.ResultKey.String(semconv.ResultRetrying), semconv.NextDelayKey.Float64(0.2))
		attempt.SetStatus(codes.Error, "refused")
		attempt.End(at(ms + 10))
	}
	operation.SetAttributes(semconv.OutcomeKey.String(semconv.OutcomeCancelled), semconv.TotalDelayKey.Float64(0.4))
	operation.SetStatus(codes.Error, "SIGTERM")
	operation.End(at(300))
	view.Stop()
	if want := "cancelled, 2 attempts, took 300ms, waited 280ms: SIGTERM"; !strings.Contains(out.String(), want) {
		t.Errorf("got\n%swant %q", out.String(), want)
	}
}

// However many spans run, the live view keeps a bounded number, and none after Stop.
func TestLiveIsBounded(t *testing.T) {
	view := New(io.Discard, Options{})
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(view)).Tracer(semconv.ScopeName)
	ctx := scope.With(t.Context(), scope.Frame{Starting: semconv.KindOperation})
	for range maxLiveSpans + 10 {
		tracer.Start(ctx, "fetch")
	}
	if n := len(view.state.spans); n != maxLiveSpans {
		t.Errorf("it keeps %d spans, want %d", n, maxLiveSpans)
	}
	view.Stop()
	tracer.Start(ctx, "late")
	if n := len(view.state.spans) + len(view.state.roots); n != 0 {
		t.Errorf("after Stop it keeps %d spans", n)
	}
}
