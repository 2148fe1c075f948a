// A program that is not part of the project and imports it, as its users do.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/telemetry"
)

func main() {
	ctx := context.Background()
	tel, err := telemetry.Start(ctx, telemetry.Config{Service: "user", NoExport: true})
	if err != nil {
		log.Fatal(err)
	}
	calls := 0
	pipeline := orchestrator.Pipeline{Name: "nightly", Phases: []orchestrator.Phase{{
		Name: "load",
		Run: func(ctx context.Context, _ orchestrator.Input) (any, error) {
			return nil, retry.Do(ctx, "fetch", retry.Policy{BaseDelay: retry.NoDelay}, func(context.Context) error {
				if calls++; calls < 3 {
					return errors.New("refused")
				}
				return nil
			})
		},
	}}}
	report, err := pipeline.Run(ctx, orchestrator.Options{EnableRecovery: true})
	if err := errors.Join(err, tel.Shutdown(ctx)); err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.Status, "after", calls, "calls")
}
