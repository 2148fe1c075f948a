package orchestrator

import (
	"context"
	"errors"
	"time"

	"github.com/backspan/backspan/orchestrator/engine"
	"github.com/backspan/backspan/retry"
)

// local is the Driver of Pipeline.Run: a goroutine for each attempt, timers, and live spans.
type local struct {
	plan   *Plan
	grace  time.Duration
	spans  runSpans
	after  context.Context //nolint:containedctx // of phases whose condition is Always; nil: the run's
	phases []localPhase

	// The capacity is one for each phase, so that an attempt that ends late never blocks.
	completions chan engine.Completion
	held        engine.Completion // arrived with the end of the context, and is delivered after it
	stopped     bool              // the end of the context has been delivered
}

// localPhase is a phase that has begun.
type localPhase struct {
	ctx     context.Context    //nolint:containedctx // the phase's, from BeginPhase to EndPhase
	cancel  context.CancelFunc // nil without a timeout
	span    phaseSpan
	timer   *time.Timer
	skipped time.Duration // waits that took no time because of NoWait; they count as elapsed
}

func newLocal(ctx context.Context, plan *Plan, opts Options) *local {
	d := &local{
		plan:        plan,
		grace:       opts.Grace,
		after:       opts.Cleanup,
		phases:      make([]localPhase, len(plan.order)),
		completions: make(chan engine.Completion, len(plan.order)),
	}
	d.spans.startRun(ctx, plan.pipeline.Name, opts, time.Time{})
	return d
}

func (d *local) Now() time.Time { return time.Now() }

func (d *local) BeginPhase(name string) {
	i := d.plan.index[name]
	phase := &d.phases[i]
	phase.ctx, phase.span = d.spans.startPhase(name, time.Time{})
	if d.outlives(i) {
		phase.ctx = cleanupContext{d.after, context.WithoutCancel(phase.ctx)}
	}
	if timeout := d.plan.pipeline.Phases[i].Timeout; timeout > 0 {
		phase.ctx, phase.cancel = context.WithTimeoutCause(phase.ctx, timeout, &timeoutError{"phase", timeout})
	}
}

// outlives reports whether phase i does not end with the run's context.
func (d *local) outlives(i int) bool { return d.after != nil && d.plan.pipeline.Phases[i].If == Always }

// A cleanupContext ends when its Context does. Its values are first those of values (the span, the run's frame),
// then its own.
type cleanupContext struct {
	context.Context //nolint:containedctx // it is a context

	values context.Context //nolint:containedctx // likewise; it never ends
}

func (c cleanupContext) Value(key any) any {
	if v := c.values.Value(key); v != nil {
		return v
	}
	return c.Context.Value(key)
}

func (d *local) StartAttempt(task engine.Task) {
	i := d.plan.index[task.Phase]
	phase := &d.phases[i]
	a := d.plan.newAttempt(phase.ctx, task, engine.Limits{Grace: d.grace})
	a.deliver = func(done *engine.Done) { d.completions <- engine.Completion{Done: done} }
	a.skipped = phase.skipped
	if d.outlives(i) {
		a.stopped = d.spans.ctx.Err
	}
	go a.run(phase.ctx)
}

func (d *local) StartTimer(wait engine.Wait) {
	phase := &d.phases[d.plan.index[wait.Phase]]
	phase.span.scheduled(wait, time.Time{})
	over := func() { d.completions <- engine.Completion{Timer: &wait} }
	switch {
	case d.spans.frame.NoWait:
		phase.skipped += wait.Delay
		over()
	case wait.Delay <= 0:
		over()
	default:
		phase.timer = time.AfterFunc(wait.Delay, over)
	}
}

func (d *local) EndPhase(result PhaseResult, failure *retry.Error) {
	phase := &d.phases[d.plan.index[result.Phase]]
	if phase.timer != nil {
		phase.timer.Stop()
	}
	if phase.cancel != nil {
		phase.cancel()
	}
	d.spans.endPhase(phase.span, result, failure, time.Time{})
	*phase = localPhase{}
}

func (d *local) Stopped() *engine.Stop {
	if d.stopped || d.spans.ctx.Err() == nil {
		return nil
	}
	return d.stop()
}

func (d *local) CleansUp() bool { return d.after != nil && d.after.Err() == nil }

func (d *local) Next() (engine.Completion, error) {
	if d.held != (engine.Completion{}) {
		c := d.held
		d.held = engine.Completion{}
		return c, nil
	}
	if d.stopped { // d.spans.ctx.Done() stays ready
		return <-d.completions, nil
	}
	select {
	case <-d.spans.ctx.Done():
		return engine.Completion{Stop: d.stop()}, nil
	case c := <-d.completions:
		// When both are ready select picks either, and the end of the context must come first.
		if stop := d.Stopped(); stop != nil {
			d.held = c
			return engine.Completion{Stop: stop}, nil
		}
		return c, nil
	}
}

func (d *local) stop() *engine.Stop {
	d.stopped = true
	cause := context.Cause(d.spans.ctx)
	return &engine.Stop{
		Deadline: errors.Is(d.spans.ctx.Err(), context.DeadlineExceeded),
		Cause:    errorText(cause),
		Err:      cause,
	}
}

var _ engine.Driver[PhaseResult] = (*local)(nil)
