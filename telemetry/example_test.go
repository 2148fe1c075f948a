package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/telemetry"
)

// A program starts telemetry first and shuts it down last. Spans that were lost on the way to the collector are worth
// a line to the user, and no reason to fail.
func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()

	ctx := context.Background()
	t, err := telemetry.Start(ctx, telemetry.Config{
		Service:  "billing",
		Events:   filepath.Join(dir, "events.jsonl"),
		NoExport: true, // or an Endpoint, or the OTEL_EXPORTER_OTLP_… variables
	})
	if err != nil {
		log.Fatal(err)
	}

	calls := 0
	err = retry.Do(ctx, "charge", retry.Policy{BaseDelay: retry.NoDelay}, func(context.Context) error {
		if calls++; calls == 1 {
			return errors.New("card service is busy")
		}
		return nil
	})
	fmt.Println("charged:", err == nil)

	var lost *telemetry.ExportError
	if err := t.Shutdown(context.WithoutCancel(ctx)); errors.As(err, &lost) {
		fmt.Println(lost)
	}
	fmt.Println(t.Destination())

	reader, err := events.OpenFile(t.EventsPath())
	if err != nil {
		log.Fatal(err)
	}
	defer reader.Close() //nolint:errcheck // it was only read
	for reader.Next() {
		fmt.Println(reader.Line().Type().Text())
	}
	// Output:
	// charged: true
	// spans are not exported
	// autocorrect_attempt
	// autocorrect_recovered
}

// A setting that cannot be used is named, with what would be right.
func ExampleFieldError() {
	_, err := telemetry.Start(context.Background(), telemetry.Config{Sampler: "sometimes"})
	var bad *telemetry.FieldError
	if errors.As(err, &bad) {
		fmt.Println(bad.Field, "is", bad.Value)
	}
	// Output: Config.Sampler is "sometimes"
}

// A program that has a TracerProvider of its own puts the event log into it. At the end the provider is shut down
// before the Writer is closed, because spans that end until then still write. The bound is for the exporter: a
// collector that is away must not hold up the program, nor keep the event log from being closed.
func ExampleNewEventLog() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()

	w, err := events.Open(filepath.Join(dir, "events.jsonl"), events.Options{Service: "billing"})
	if err != nil {
		log.Fatal(err)
	}
	exporter := tracetest.NewInMemoryExporter() // or otlptracegrpc.New(ctx)
	provider := sdktrace.NewTracerProvider(
		// 1% of the traces are exported; the event log sees every failed attempt.
		sdktrace.WithSampler(telemetry.Sampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(0.01)))),
		sdktrace.WithSpanProcessor(telemetry.NewEventLog(w, "")), // before what may be slow to shut down
		sdktrace.WithBatcher(telemetry.NewExporter(exporter, nil)),
	)
	// otel.SetTracerProvider(provider), and the program's work:
	_, span := provider.Tracer("example.com/billing").Start(context.Background(), "charge")
	span.End()

	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	err = errors.Join(provider.Shutdown(ctx), w.Close())
	fmt.Println(w.Dropped(), "lines lost:", err)
	// Output: 0 lines lost: <nil>
}
