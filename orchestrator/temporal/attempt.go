package temporal

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/activity"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/orchestrator/engine"
)

// A call is the input of the activity.
type call struct {
	Task  engine.Task            `json:"task"`
	Phase propagation.MapCarrier `json:"phase,omitempty"` // the span context of the phase
	Grace time.Duration          `json:"grace,omitempty"` // in nanoseconds
	Max   int                    `json:"max_result"`      // in bytes
	Run   deadline               `json:"run,omitzero"`    // of the run's context
}

// A deadline is when a context ends, and its cause.
type deadline struct {
	At    time.Time `json:"at,omitzero"` // zero: never
	Cause string    `json:"cause,omitempty"`
}

// context returns ctx with the deadline.
func (d deadline) context(ctx context.Context) (context.Context, context.CancelFunc) {
	switch {
	case d.At.IsZero():
		return context.WithCancel(ctx)
	case d.Cause == context.DeadlineExceeded.Error():
		return context.WithDeadline(ctx, d.At)
	default:
		return context.WithDeadlineCause(ctx, d.At, errors.New(d.Cause))
	}
}

// A result is that of the activity.
type result struct {
	Done  engine.Done `json:"done"`
	Ended bool        `json:"ended,omitempty"` // the run's deadline has passed, by the worker's clock
}

var format propagation.TraceContext

// attempt is the activity: one attempt of a phase.
func (p *planned) attempt(ctx context.Context, c call) (result, error) {
	info := activity.GetInfo(ctx)
	c.Task.Elapsed += max(0, info.StartedTime.Sub(info.ScheduledTime)) // until a worker took it
	// A span of the worker's own is not the attempt's parent.
	ctx = trace.ContextWithSpanContext(ctx, trace.SpanContext{})
	run, cancel := c.Run.context(format.Extract(ctx, c.Phase))
	defer cancel()
	defer beat(ctx, info.HeartbeatTimeout)()
	done, err := p.plan.Attempt(run, c.Task, engine.Limits{Grace: c.Grace, MaxResult: c.Max})
	if err != nil {
		return result{}, err
	}
	ended := errors.Is(run.Err(), context.DeadlineExceeded)
	return result{done, ended}, nil
}

// beat sends heartbeats until the returned function is called. The SDK sends no more of them than Temporal needs: one
// in 80% of timeout.
func beat(ctx context.Context, timeout time.Duration) (stop func()) {
	if timeout <= 0 {
		return func() {}
	}
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(timeout / 4)
		defer ticker.Stop()
		for {
			activity.RecordHeartbeat(ctx)
			select {
			case <-ticker.C:
			case <-over:
				return
			}
		}
	}()
	return func() { close(over); <-ended }
}

// stoppable returns the pipeline with functions whose contexts end when their worker stops. The phase's context does
// not, so that another attempt follows.
func stoppable(p orchestrator.Pipeline) orchestrator.Pipeline {
	phases := make([]orchestrator.Phase, len(p.Phases))
	for i, phase := range p.Phases {
		for _, function := range []*orchestrator.PhaseFunc{&phase.Run, &phase.DryRun, &phase.Fallback} {
			if *function != nil {
				*function = heedStop(*function)
			}
		}
		phases[i] = phase
	}
	p.Phases = phases
	return p
}

func heedStop(function orchestrator.PhaseFunc) orchestrator.PhaseFunc {
	return func(ctx context.Context, in orchestrator.Input) (any, error) {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		stopping := activity.GetWorkerStopChannel(ctx)
		over := make(chan struct{})
		defer close(over)
		go func() {
			select {
			case <-stopping:
				cancel(errStopping)
			case <-over:
			}
		}()
		output, err := function(ctx, in)
		if err != nil && context.Cause(ctx) == errStopping { //nolint:errorlint // it is the very cause
			err = &stoppedError{err}
		}
		return output, err
	}
}

var errStopping = errors.New("the worker is stopping")

// stoppedError is the error of an attempt that failed after its worker was told to stop.
type stoppedError struct{ err error }

func (e *stoppedError) Error() string {
	return orchestrator.ErrLost.Error() + ": " + errStopping.Error() + ": " + e.err.Error()
}
func (e *stoppedError) Unwrap() []error   { return []error{orchestrator.ErrLost, e.err} }
func (e *stoppedError) ErrorType() string { return "lost" }
