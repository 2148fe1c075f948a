package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
)

// The demo waits a quarter of what the guide recommends, so that a run that recovers takes seconds.
const (
	defaultBaseDelay = 250 * time.Millisecond
	defaultMaxDelay  = 2 * time.Second
	attemptTimeout   = 400 * time.Millisecond
	recoveryDelay    = 500 * time.Millisecond
)

// LateAnswer is how long a late answer takes: longer than any attempt is given.
const LateAnswer = 2 * attemptTimeout

// OperationPolicy is how each operation of the pipeline is retried when nothing else is asked for.
func OperationPolicy() retry.Policy {
	return retry.Policy{BaseDelay: defaultBaseDelay, MaxDelay: defaultMaxDelay, AttemptTimeout: attemptTimeout}
}

// The names of the phases.
const (
	phasePreparation = "data_preparation"
	phaseAnalysis    = "analysis"
	phaseReport      = "report"
)

// Pipeline returns the three phases: fetch from the service at url, compute, and write the result to the file result.
func Pipeline(url string, result cli.Target, operations retry.Policy) orchestrator.Pipeline {
	c := newClient(url, operations)
	return orchestrator.Pipeline{
		Name:     "co2_report",
		Recovery: retry.Policy{BaseDelay: recoveryDelay},
		Phases: []orchestrator.Phase{
			{Name: phasePreparation, Run: c.prepare, DryRun: would("fetch and check every page of the catalog")},
			{Name: phaseAnalysis, Run: c.analyse, DryRun: would("fetch the baseline and compute the growth")},
			{Name: phaseReport, Run: reportTo(result), DryRun: would("write " + result.Path)},
		},
	}
}

// would is what a phase does in a dry run.
func would(what string) orchestrator.PhaseFunc {
	return func(context.Context, orchestrator.Input) (any, error) {
		return map[string]string{"would": what}, nil
	}
}

func (c *client) prepare(ctx context.Context, _ orchestrator.Input) (any, error) {
	list, err := c.catalog(ctx)
	if err != nil {
		return nil, err
	}
	var rows []Row
	for _, p := range list {
		part, err := c.page(ctx, p)
		if err != nil {
			return nil, err
		}
		if len(part) != p.Rows {
			return nil, retry.Permanent(fmt.Errorf("%s has %d rows, want %d as in the catalog",
				p.Path, len(part), p.Rows))
		}
		rows = append(rows, part...)
	}
	if err := check(rows); err != nil {
		return nil, retry.Permanent(err)
	}
	return series{len(rows), string(format(rows))}, nil
}

// series is the output of the preparation. The rows travel as CSV, which keeps a report that shows them short.
type series struct {
	Rows int    `json:"rows"`
	CSV  string `json:"csv"`
}

func (c *client) analyse(ctx context.Context, in orchestrator.Input) (any, error) {
	var prepared series
	if err := in.Output(phasePreparation, &prepared); err != nil {
		return nil, err
	}
	rows, err := parse([]byte(prepared.CSV))
	if err != nil {
		return nil, retry.Permanent(err)
	}
	baseline, err := c.baseline(ctx)
	if err != nil {
		return nil, err
	}
	a, err := analyse(rows, baseline)
	if err != nil {
		return nil, retry.Permanent(err)
	}
	return a, nil
}

func reportTo(result cli.Target) orchestrator.PhaseFunc {
	return func(_ context.Context, in orchestrator.Input) (any, error) {
		var a Analysis
		if err := in.Output(phaseAnalysis, &a); err != nil {
			return nil, err
		}
		if err := writeResult(result, a); err != nil {
			return nil, err
		}
		return map[string]string{"file": result.Path}, nil
	}
}
