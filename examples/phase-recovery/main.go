// Phase-recovery runs a pipeline whose first phase fails and is recovered. It is the guide's second example.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/telemetry"
)

var calls int

func prepare(context.Context, orchestrator.Input) (any, error) {
	if calls++; calls < 3 {
		return nil, errors.New("connection refused")
	}
	return map[string]int{"rows": 66}, nil
}

func analyse(_ context.Context, in orchestrator.Input) (any, error) {
	var data struct{ Rows int }
	if err := in.Output("data_preparation", &data); err != nil {
		return nil, err
	}
	return fmt.Sprintf("%d rows analysed", data.Rows), nil
}

func main() {
	ctx := context.Background()
	tel, err := telemetry.Start(ctx, telemetry.Config{Service: "phase-recovery", Discover: true})
	if err != nil {
		log.Fatal(err)
	}
	defer func() {
		if err := tel.Shutdown(ctx); err != nil {
			log.Print(err)
		}
	}()

	pipeline := orchestrator.Pipeline{
		Name:     "nightly",
		Recovery: retry.Policy{BaseDelay: 20 * time.Millisecond}, // the default is 2s, 4s, 8s
		Phases: []orchestrator.Phase{
			{Name: "data_preparation", Run: prepare},
			{Name: "analysis", Run: analyse},
		},
	}
	report, err := pipeline.Run(ctx, orchestrator.Options{EnableRecovery: true})
	if err != nil {
		log.Fatal(err)
	}
	for _, phase := range report.Phases {
		if phase.Recovery != nil && phase.Recovery.Success {
			fmt.Printf("%s recovered after %d attempts\n", phase.Phase, len(phase.Recovery.Attempts))
		}
	}
	text, err := json.MarshalIndent(report.Phases, "", "  ")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(text))
}
