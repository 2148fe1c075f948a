// Command starter starts a run of the pipeline, or waits for the one whose id is its argument, and prints the report.
// Ctrl-C cancels the run.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"

	"github.com/google/uuid"
	"go.temporal.io/sdk/client"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/orchestrator/temporal"
	"github.com/backspan/backspan/orchestrator/temporal/example"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := start(ctx, os.Args[1:])
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

func start(ctx context.Context, args []string) error {
	c, err := client.NewLazyClient(client.Options{HostPort: example.Address})
	if err != nil {
		return err
	}
	defer c.Close()
	engine := temporal.NewEngine(c, example.Queue)

	var report orchestrator.Report
	if len(args) > 0 {
		report, err = engine.Resume(ctx, example.Nightly(), args[0])
	} else {
		id := uuid.NewString()
		fmt.Fprintln(os.Stderr, "run", id)
		report, err = engine.Run(ctx, example.Nightly(), orchestrator.Options{RunID: id, EnableRecovery: true})
	}
	if report.Status == "" {
		return err
	}
	text, marshalErr := json.MarshalIndent(report, "", "  ")
	fmt.Println(string(text))
	return errors.Join(err, marshalErr)
}
