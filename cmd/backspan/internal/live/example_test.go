package live_test

import (
	"os"

	"github.com/backspan/backspan/cmd/backspan/internal/live"
)

// Without a terminal a Live prints lines.
func ExampleLive() {
	view := live.New(os.Stdout, live.Options{})
	// sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(view)), and spans
	view.Printf("printed above what is drawn")
	view.Stop()
	// Output: printed above what is drawn
}
