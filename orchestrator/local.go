package orchestrator

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/orchestrator/engine"
	"github.com/backspan/backspan/retry"
)

// local is the Driver of Pipeline.Run: a goroutine for each attempt, timers, and live spans.
type local struct {
	plan   *Plan
	grace  time.Duration
	ctx    context.Context //nolint:containedctx // the run's: a driver is a run, and lives no longer
	frame  scope.Frame     // the run's
	after  context.Context //nolint:containedctx // of phases whose condition is Always; nil: ctx
	span   trace.Span      // the run's; nil when it is not recorded
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
	span    trace.Span         // nil when it is not recorded
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
	d.startRun(ctx, opts.RunID)
	return d
}

func (d *local) Now() time.Time { return time.Now() }

func (d *local) BeginPhase(name string) {
	i := d.plan.index[name]
	phase := &d.phases[i]
	phase.ctx, phase.span = d.startPhase(name)
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
	a := d.plan.newAttempt(phase.ctx, task, d.grace)
	a.deliver = func(done *engine.Done) { d.completions <- engine.Completion{Done: done} }
	a.skipped = phase.skipped
	if d.outlives(i) {
		a.stopped = d.ctx.Err
	}
	go a.run(phase.ctx)
}

func (d *local) StartTimer(wait engine.Wait) {
	phase := &d.phases[d.plan.index[wait.Phase]]
	d.scheduled(phase.span, wait)
	over := func() { d.completions <- engine.Completion{Timer: &wait} }
	switch {
	case d.frame.NoWait:
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
	d.endPhase(phase.span, result, failure)
	*phase = localPhase{}
}

func (d *local) Stopped() *engine.Stop {
	if d.stopped || d.ctx.Err() == nil {
		return nil
	}
	return d.stop()
}

func (d *local) Next() engine.Completion {
	if d.held != (engine.Completion{}) {
		c := d.held
		d.held = engine.Completion{}
		return c
	}
	if d.stopped { // d.ctx.Done() stays ready
		return <-d.completions
	}
	select {
	case <-d.ctx.Done():
		return engine.Completion{Stop: d.stop()}
	case c := <-d.completions:
		// When both are ready select picks either, and the end of the context must come first.
		if d.ctx.Err() != nil {
			d.held = c
			return engine.Completion{Stop: d.stop()}
		}
		return c
	}
}

func (d *local) stop() *engine.Stop {
	d.stopped = true
	cause := context.Cause(d.ctx)
	return &engine.Stop{
		Deadline: errors.Is(d.ctx.Err(), context.DeadlineExceeded),
		Cause:    errorText(cause),
		Err:      cause,
	}
}

var _ engine.Driver[PhaseResult] = (*local)(nil)
