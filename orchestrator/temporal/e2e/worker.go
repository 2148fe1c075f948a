package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/worker"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/orchestrator/temporal"
	"github.com/backspan/backspan/telemetry"
)

const queue = "e2e"

// dial connects to the server. What is recorded of it names no machine. Large payloads are kept in dir.
func dial(address, dir string) (client.Client, error) {
	return client.NewLazyClient(client.Options{
		HostPort: address, Identity: "e2e", Logger: silent{},
		ExternalStorage: converter.ExternalStorage{
			Drivers: []converter.StorageDriver{files{dir}}, PayloadSizeThreshold: kept,
		},
	})
}

// work is what a worker process does until it is told to stop. Its spans go to a trace file of its own.
func work(address, traces, version string) (err error) {
	started, err := telemetry.Start(context.Background(), telemetry.Config{
		TraceFile: traces, Events: telemetry.Off, NoExport: true,
	})
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		err = errors.Join(err, started.Shutdown(ctx))
	}()
	c, err := dial(address, os.Getenv(notesVariable))
	if err != nil {
		return err
	}
	defer c.Close()
	w := worker.New(c, queue, worker.Options{WorkerStopTimeout: 5 * time.Second})
	pipelines := []orchestrator.Pipeline{waits(), long(), endless(), large(), huge()}
	if version == "changed" {
		pipelines[0] = changed()
	}
	for _, p := range pipelines {
		if err := temporal.Register(w, p); err != nil {
			return err
		}
	}
	if err := w.Run(worker.InterruptCh()); err != nil {
		return fmt.Errorf("worker: %w", err)
	}
	return nil
}

// silent is a logger that says nothing: the server is meant to be away now and then.
type silent struct{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}
