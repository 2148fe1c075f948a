package drawn

import (
	"io"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"

	"github.com/backspan/backspan/cmd/backspan/internal/live"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
)

// BenchmarkSpan is what an operation of one attempt costs its program before each processor, and what a span costs that
// is not Backspan's.
func BenchmarkSpan(b *testing.B) {
	plain := live.New(io.Discard, live.Options{})
	redraw := live.New(io.Discard, live.Options{Redraw: true})
	defer plain.Stop()
	defer redraw.Stop()
	for _, c := range []struct {
		name      string
		processor []sdktrace.SpanProcessor
	}{
		{"none", nil},
		{"recorder", []sdktrace.SpanProcessor{session.NewRecorder(1)}},
		{"live, lines", []sdktrace.SpanProcessor{plain}},
		{"live, redrawn", []sdktrace.SpanProcessor{redraw}},
	} {
		e := newEngine(b, c.processor...)
		foreign := e.provider.Tracer("example.com/other")
		b.Run("ours, "+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ctx, op := e.start(b.Context(), scope.Frame{}, semconv.KindOperation, "fetch")
				_, attempt := e.start(ctx, scope.Frame{}, semconv.KindAttempt, "attempt 1")
				attempt.End()
				op.End()
			}
		})
		b.Run("foreign, "+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, span := foreign.Start(b.Context(), "GET /")
				span.End()
			}
		})
	}
}
