// Command worker makes the attempts of the pipeline until it is told to stop.
package main

import (
	"context"
	"errors"
	"log"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/backspan/backspan/orchestrator/temporal"
	"github.com/backspan/backspan/orchestrator/temporal/example"
	"github.com/backspan/backspan/telemetry"
)

func main() {
	if err := work(); err != nil {
		log.Fatal(err)
	}
}

func work() (err error) {
	tel, err := telemetry.Start(context.Background(), telemetry.Config{Service: "nightly-worker", Discover: true})
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		err = errors.Join(err, tel.Shutdown(ctx))
	}()
	c, err := client.Dial(client.Options{HostPort: example.Address})
	if err != nil {
		return err
	}
	defer c.Close()
	// The time in which attempts that are told to stop can say how they ended.
	w := worker.New(c, example.Queue, worker.Options{WorkerStopTimeout: 10 * time.Second})
	if err := temporal.Register(w, example.Nightly()); err != nil {
		return err
	}
	return w.Run(worker.InterruptCh())
}
