// A program that is not part of the project and runs a pipeline on Temporal with it, as its users do. Nobody answers at
// the address, so that no server is needed.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/orchestrator/temporal"
)

func main() {
	pipeline := orchestrator.Pipeline{Name: "nightly", Phases: []orchestrator.Phase{{
		Name: "load",
		Run:  func(context.Context, orchestrator.Input) (any, error) { return "rows", nil },
	}}}
	c, err := client.NewLazyClient(client.Options{HostPort: "127.0.0.1:1"})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	if err := temporal.Register(worker.New(c, "nightly", worker.Options{}), pipeline); err != nil {
		log.Fatal(err)
	}
	_, err = temporal.NewEngine(c, "nightly").Run(context.Background(), pipeline, orchestrator.Options{RunID: "monday"})
	fmt.Println("registered; unreachable:", errors.Is(err, temporal.ErrUnreachable))
}
