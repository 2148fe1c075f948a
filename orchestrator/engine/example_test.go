package engine_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/orchestrator/engine"
	"github.com/backspan/backspan/retry"
)

// oneByOne is a Driver that makes each attempt when the loop asks what happened next, on a clock of its own.
type oneByOne struct {
	plan   *orchestrator.Plan
	parent trace.SpanContext // of the phases' span
	now    time.Time
	queue  []func() engine.Completion
}

var _ engine.Driver[orchestrator.PhaseResult] = (*oneByOne)(nil)

func (d *oneByOne) Now() time.Time          { return d.now }
func (d *oneByOne) Stopped() *engine.Stop   { return nil }
func (d *oneByOne) CleansUp() bool          { return false }
func (d *oneByOne) BeginPhase(phase string) { fmt.Println("begin", phase) }

func (d *oneByOne) StartAttempt(task engine.Task) {
	d.queue = append(d.queue, func() engine.Completion {
		// This may be in another process, which gets the phase's span context with the task.
		ctx := trace.ContextWithRemoteSpanContext(context.Background(), d.parent)
		done, err := d.plan.Attempt(ctx, task, engine.Limits{Grace: time.Second, MaxResult: 1 << 20})
		if err != nil {
			done = d.plan.Lost(task, err)
		}
		fmt.Println("attempt", task.Attempt, done.Status)
		return engine.Completion{Done: &done}
	})
}

func (d *oneByOne) StartTimer(wait engine.Wait) {
	d.queue = append(d.queue, func() engine.Completion {
		d.now = d.now.Add(wait.Delay)
		fmt.Println("wait", wait.Delay)
		return engine.Completion{Timer: &wait}
	})
}

func (d *oneByOne) EndPhase(result orchestrator.PhaseResult, _ *retry.Error) {
	fmt.Println("end", result.Phase, result.Status)
}

func (d *oneByOne) Next() (engine.Completion, error) {
	next := d.queue[0]
	d.queue = d.queue[1:]
	return next(), nil
}

func Example() {
	pipeline := orchestrator.Pipeline{Name: "nightly", Phases: []orchestrator.Phase{{
		Name: "load",
		Run: func(_ context.Context, in orchestrator.Input) (any, error) {
			if in.Attempt == 0 {
				return nil, errors.New("connection refused")
			}
			return "rows", nil
		},
	}}}
	plan, err := pipeline.Plan()
	if err != nil {
		fmt.Println(err)
		return
	}
	driver := &oneByOne{plan: plan, parent: trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, TraceFlags: trace.FlagsSampled,
	})}
	report, err := plan.Drive(driver, orchestrator.Options{RunID: "run-1", EnableRecovery: true})
	fmt.Println(report.Status, err)
	// Output:
	// begin load
	// attempt 0 error
	// wait 2s
	// attempt 1 success
	// end load success
	// success <nil>
}
