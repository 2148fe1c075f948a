package drawn

import (
	"context"
	"fmt"
	"os"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/backspan/backspan/cmd/backspan/internal/term"
	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"

	"github.com/backspan/backspan/cmd/backspan/internal/live"
)

// helperVariable makes the test binary a program that shows a run on its standard error.
const helperVariable = "BACKSPAN_WATERFALL_HELPER"

func helper() {
	view := live.New(os.Stderr, live.OptionsFor(term.Of(os.Stderr, os.Getenv)))
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(view))
	tracer := provider.Tracer(semconv.ScopeName)
	for range 3 {
		ctx := scope.With(context.Background(), scope.Frame{Starting: semconv.KindRun})
		_, span := tracer.Start(ctx, "demo")
		view.Printf("a line")
		span.End()
	}
	view.Stop()
	fmt.Println("still there")
}
