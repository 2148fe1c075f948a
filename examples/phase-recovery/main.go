// Phase-recovery runs a pipeline whose first phase fails and is recovered. It is the guide's second example.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
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
	pipeline := orchestrator.Pipeline{
		Name:     "nightly",
		Recovery: retry.Policy{BaseDelay: 20 * time.Millisecond}, // the default is 2s, 4s, 8s
		Phases: []orchestrator.Phase{
			{Name: "data_preparation", Run: prepare},
			{Name: "analysis", Run: analyse},
		},
	}
	report, err := pipeline.Run(context.Background(), orchestrator.Options{EnableRecovery: true})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for _, phase := range report.Phases {
		if phase.Recovery != nil && phase.Recovery.Success {
			fmt.Printf("%s recovered after %d attempts\n", phase.Phase, len(phase.Recovery.Attempts))
		}
	}
	text, err := json.MarshalIndent(report.Phases, "", "  ")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(string(text))
}
