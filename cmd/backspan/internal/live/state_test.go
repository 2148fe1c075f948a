package live

import (
	"io"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/goleak"

	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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
