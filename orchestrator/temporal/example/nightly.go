// Package example has the pipeline of the two programs below it, a worker and a starter.
//
//	docker compose --profile temporal up -d
//	go run ./example/worker
//	go run ./example/starter
//
// Kill the worker while the pipeline waits, and start it again: the run goes on. The same pipeline runs in one process
// with example.Nightly().Run.
package example

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
)

// The names that worker and starter agree on.
const (
	Address = "localhost:7233"
	Queue   = "nightly"
)

// Nightly is the pipeline. Its second phase fails twice.
func Nightly() orchestrator.Pipeline {
	return orchestrator.Pipeline{
		Name: "nightly",
		Phases: []orchestrator.Phase{
			{Name: "extract", Run: extract},
			{Name: "load", Run: load, Recovery: &retry.Policy{BaseDelay: 5 * time.Second}, Timeout: time.Hour},
			{Name: "clean_up", Run: cleanUp, If: orchestrator.Always, IfBegan: "extract"},
		},
	}
}

func extract(context.Context, orchestrator.Input) (any, error) {
	return map[string]int{"rows": 1200}, nil
}

func load(_ context.Context, in orchestrator.Input) (any, error) {
	var extracted struct{ Rows int }
	if err := in.Output("extract", &extracted); err != nil {
		return nil, err
	}
	if in.Attempt < 2 {
		return nil, errors.New("connection refused")
	}
	// The key lets the database take the rows once, however often this is called.
	return fmt.Sprintf("%d rows as %s", extracted.Rows, in.IdempotencyKey), nil
}

func cleanUp(context.Context, orchestrator.Input) (any, error) { return nil, nil }
