package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
)

// The folder in which the phases note their calls. Workers find it in their environment.
const notesVariable = "E2E_NOTES"

// note appends a line to the notes of the phase.
func note(in orchestrator.Input) error {
	path := filepath.Join(os.Getenv(notesVariable), in.RunID+"."+in.Phase)
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) //nolint:gosec // of our own parent
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "attempt %d\n", in.Attempt)
	return errors.Join(err, f.Close())
}

// noted is a phase function that notes its call first, where there are notes.
func noted(function orchestrator.PhaseFunc) orchestrator.PhaseFunc {
	return func(ctx context.Context, in orchestrator.Input) (any, error) {
		if os.Getenv(notesVariable) != "" {
			if err := note(in); err != nil {
				return nil, retry.Permanent(err)
			}
		}
		return function(ctx, in)
	}
}

func succeeds(result any) orchestrator.PhaseFunc {
	return func(context.Context, orchestrator.Input) (any, error) { return result, nil }
}

// flaky fails n times, and then succeeds.
func flaky(n int) orchestrator.PhaseFunc {
	return func(_ context.Context, in orchestrator.Input) (any, error) {
		if in.Attempt < n {
			return nil, errors.New("connection refused")
		}
		return fmt.Sprintf("rows of attempt %d", in.Attempt), nil
	}
}

// works takes a minute in its first n attempts, and heeds its context.
func works(n int) orchestrator.PhaseFunc {
	return func(ctx context.Context, in orchestrator.Input) (any, error) {
		if in.Attempt >= n {
			return "worked", nil
		}
		select {
		case <-time.After(time.Minute):
			return "worked for a minute", nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// reads succeeds with what the phase before it returned.
func reads(phase string) orchestrator.PhaseFunc {
	return func(_ context.Context, in orchestrator.Input) (any, error) {
		var text string
		if err := in.Output(phase, &text); err != nil {
			return nil, err
		}
		return strings.ToUpper(text), nil
	}
}

// The pipelines of the workers.

// waits fails twice and waits 4s and 8s.
func waits() orchestrator.Pipeline {
	return orchestrator.Pipeline{Name: "waits", Phases: []orchestrator.Phase{
		{Name: "extract", Run: noted(succeeds("rows"))},
		{Name: "load", Run: noted(flaky(2)), Recovery: &retry.Policy{BaseDelay: 4 * time.Second}},
		{Name: "publish", Run: noted(reads("load"))},
	}}
}

// changed is waits after a change that a run of it cannot go on with.
func changed() orchestrator.Pipeline {
	p := waits()
	p.Phases = append(p.Phases, orchestrator.Phase{Name: "tell", Run: noted(succeeds(nil))})
	return p
}

// long is cut off in its only phase.
func long() orchestrator.Pipeline {
	return orchestrator.Pipeline{Name: "long", Phases: []orchestrator.Phase{
		{Name: "work", Run: noted(works(1)), Recovery: &retry.Policy{BaseDelay: time.Second}},
	}}
}

// endless works until it is cancelled, and then cleans up.
func endless() orchestrator.Pipeline {
	return orchestrator.Pipeline{Name: "endless", Phases: []orchestrator.Phase{
		{Name: "work", Run: noted(works(1 << 30))},
		{Name: "clean", Run: noted(succeeds("clean")), If: orchestrator.Always},
	}}
}

// huge has results that only fit when they are kept elsewhere.
func huge() orchestrator.Pipeline {
	return orchestrator.Pipeline{Name: "huge", Phases: []orchestrator.Phase{
		{Name: "dump", Run: noted(succeeds(strings.Repeat("x", 3_000_000)))},
		{Name: "copy", Run: noted(reads("dump"))},
	}}
}

// large has a result that Temporal is not to carry.
func large() orchestrator.Pipeline {
	return orchestrator.Pipeline{Name: "large", Phases: []orchestrator.Phase{
		{Name: "fits", Run: noted(succeeds(strings.Repeat("x", 250_000)))},
		{Name: "dump", Run: noted(succeeds(strings.Repeat("x", 300_000)))},
	}}
}
