// Logs hands what is retried to OpenTelemetry's logs, beside the traces.
//
// otelslog's handler takes the trace and the span of each record from its context. Here an exporter prints the records;
// a service takes otlploggrpc.New(ctx) in its place, which reads OTEL_EXPORTER_OTLP_ENDPOINT.
package main

import (
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"os"
	"time"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/otel/exporters/stdout/stdoutlog"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/telemetry"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer) (err error) {
	exporter, err := stdoutlog.New(stdoutlog.WithWriter(out))
	if err != nil {
		return err
	}
	logs := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewSimpleProcessor(exporter)))
	handler := otelslog.NewHandler("price-logger", otelslog.WithLoggerProvider(logs))
	tel, err := telemetry.Start(ctx, telemetry.Config{
		Service:    "price-logger",
		Events:     os.Getenv("EVENTS"), // empty: data/session/events.jsonl
		Discover:   true,                // export spans only when a collector listens
		Processors: []sdktrace.SpanProcessor{telemetry.NewSlog(handler, nil)},
	})
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		err = errors.Join(err, tel.Shutdown(ctx), logs.Shutdown(ctx)) // spans that end are logged: logs come last
	}()

	calls := 0
	err = retry.Do(ctx, "load_prices", retry.Policy{BaseDelay: 20 * time.Millisecond}, func(context.Context) error {
		if calls++; calls < 3 {
			return errors.New("connection reset by peer")
		}
		return nil
	})
	slog.New(handler).InfoContext(ctx, "imported") // the service's own records go the same way
	return err
}
