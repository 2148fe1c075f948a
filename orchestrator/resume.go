package orchestrator

import (
	"context"
	"time"

	"github.com/backspan/backspan/orchestrator/engine"
	"github.com/backspan/backspan/retry"
)

// A PastPhase is what became of a phase in the processes that had its run before this one.
type PastPhase struct {
	Name  string
	Began time.Time // zero: it never began
	Waits []PastWait
	Again bool // the span that the processes before began has been ended by them: another one begins

	// Used is how much of the phase's Timeout is used up.
	Used time.Duration

	// Of a phase that has ended: when and how, as EndPhase was told.
	Ended   time.Time // zero: it goes on
	Result  PhaseResult
	Failure *retry.Error
}

// A PastWait is a wait that began at a time.
type PastWait struct {
	engine.Wait

	At time.Time
}

// Resume takes over a phase of the processes before. One that has ended gets its span, with the times of then: it is
// for phases whose span was not recorded. One that goes on has begun afterwards, and wants an attempt or a timer as
// after BeginPhase.
func (d *Local) Resume(past PastPhase) {
	i := d.plan.index[past.Name]
	var span phaseSpan
	ctx := context.Context(nil)
	if !past.Began.IsZero() {
		ctx, span = d.spans.openPhase(past.Name, past.Began, !past.Again)
		for _, wait := range past.Waits {
			span.scheduled(wait.Wait, wait.At)
		}
	}
	if !past.Ended.IsZero() {
		d.spans.endPhase(span, past.Result, past.Failure, past.Ended)
		return
	}
	phase := &d.phases[i]
	phase.ctx, phase.span = ctx, span
	d.bound(i, past.Used)
}

// ResumeLost writes the span of an attempt that a process did not live to end, of a phase that goes on. done is what
// was decided then, as by Plan.Lost. to is the last that is known of the process.
func (d *Local) ResumeLost(task engine.Task, done engine.Done, from, to time.Time) {
	phase := &d.phases[d.plan.index[task.Phase]]
	if phase.span.span == nil {
		return
	}
	a := d.plan.newAttempt(phase.ctx, task, engine.Limits{})
	a.startSpan(phase.ctx, from)
	a.endSpan(&done, nil, to)
}

var _ engine.Driver[PhaseResult] = (*Local)(nil)
