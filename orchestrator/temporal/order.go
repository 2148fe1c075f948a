package temporal

import (
	"time"

	"go.opentelemetry.io/otel/propagation"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/orchestrator/engine"
)

// An order is the input of the workflow: one run of the pipeline. Its names are those of orchestrator.Options.
type order struct {
	Fingerprint     string                 `json:"fingerprint"` // of the starter's plan
	RunID           string                 `json:"run_id"`
	EnableRecovery  bool                   `json:"enable_recovery,omitempty"`
	DryRun          bool                   `json:"dry_run,omitempty"`
	ContinueOnError bool                   `json:"continue_on_error,omitempty"`
	MaxParallel     int                    `json:"max_parallel,omitempty"`
	Grace           time.Duration          `json:"grace,omitempty"` // in nanoseconds
	Cleanup         bool                   `json:"cleanup,omitempty"`
	Deadline        deadline               `json:"deadline,omitzero"`
	Stop            *engine.Stop           `json:"stop,omitempty"`   // the run's context had ended before it began
	Caller          propagation.MapCarrier `json:"caller,omitempty"` // the span context that the run is below

	Heartbeat time.Duration `json:"heartbeat"` // in nanoseconds
	MaxResult int           `json:"max_result"`
	MaxReport int           `json:"max_report"`
}

func (o *order) options() orchestrator.Options {
	return orchestrator.Options{
		RunID: o.RunID, EnableRecovery: o.EnableRecovery, DryRun: o.DryRun, ContinueOnError: o.ContinueOnError,
		MaxParallel: o.MaxParallel,
	}
}

// The signals of a run.
const (
	stopSignal    = "backspan.stop"    // with an engine.Stop: the run's context has ended
	cleanupSignal = "backspan.cleanup" // so has that of what cleans up
)
