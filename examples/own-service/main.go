// Own-service sends the retries of a service of one's own to Jaeger and to events.jsonl.
//
// With a collector on localhost:4317 (docker compose up -d starts Jaeger) the trace is at the printed address;
// without one the events file tells the same story.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/telemetry"
)

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	tel, err := telemetry.Start(ctx, telemetry.Config{
		Service:  "price-importer",
		Events:   os.Getenv("EVENTS"), // empty: data/session/events.jsonl
		Discover: true,                // export only when a collector listens
	})
	if err != nil {
		return err
	}
	defer func() {
		// A context of its own: the spans of a cancelled run must get out too.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if err := tel.Shutdown(ctx); err != nil {
			log.Print(err)
		}
	}()

	ctx, span := otel.Tracer("price-importer").Start(ctx, "import") // the service's own span, as usual
	defer span.End()

	calls := 0
	err = retry.Do(ctx, "load_prices", retry.Policy{BaseDelay: 20 * time.Millisecond}, func(context.Context) error {
		if calls++; calls < 3 {
			return errors.New("connection reset by peer")
		}
		return nil
	})
	fmt.Println("loaded after", calls, "attempts")
	return err
}
