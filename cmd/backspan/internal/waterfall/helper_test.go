package waterfall

import (
	"context"
	"fmt"
	"os"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"
)

// helperVariable makes the test binary a program that shows a run on its standard error.
const helperVariable = "BACKSPAN_WATERFALL_HELPER"

func helper() {
	live := LiveOn(os.Stderr)
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(live))
	tracer := provider.Tracer(semconv.ScopeName)
	for range 3 {
		ctx := scope.With(context.Background(), scope.Frame{Starting: semconv.KindRun})
		_, span := tracer.Start(ctx, "demo")
		live.Printf("a line")
		span.End()
	}
	live.Stop()
	fmt.Println("still there")
}
