package orchestrator

import (
	"context"
	"errors"
	"time"

	"github.com/backspan/backspan/orchestrator/engine"
	"github.com/backspan/backspan/retry"
)

// A Local is the Driver of Pipeline.Run: a goroutine for each attempt, timers, and live spans. It is for engines that
// keep a history of a run beside it, so that another process can go on with the run; see Resume.
type Local struct {
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

// Local returns the Driver of one run. It uses opts.RunID, DryRun, Grace and Cleanup. began is when the run's span
// began in another process, which did not live to end it; zero means that it begins now. With a provider that has an
// engine.IDGenerator, the ids of the spans of the run and its phases come from the run's id and part: a run that was
// stopped, whose spans have ended, goes on in another part.
//
// The error is a *FieldError. After Drive, End must be called.
func (p *Plan) Local(ctx context.Context, opts Options, began time.Time, part int) (*Local, error) {
	if ctx == nil {
		return nil, &FieldError{Field: "ctx", Value: "nil", Want: "a context"}
	}
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	return newLocal(ctx, p, opts, runSpans{derived: true, part: part, resumed: !began.IsZero()}, began), nil
}

func newLocal(ctx context.Context, plan *Plan, opts Options, spans runSpans, began time.Time) *Local {
	d := &Local{
		plan:        plan,
		grace:       opts.Grace,
		after:       opts.Cleanup,
		phases:      make([]localPhase, len(plan.order)),
		completions: make(chan engine.Completion, len(plan.order)),
		spans:       spans,
	}
	d.spans.startRun(ctx, plan.pipeline.Name, opts, began)
	return d
}

// Context is the run's context, with its span.
func (d *Local) Context() context.Context { return d.spans.ctx }

// End ends the run's span with what Drive returned.
func (d *Local) End(report Report, err error) { d.spans.endRun(report, err, time.Time{}) }

// Now is part of engine.Driver.
func (d *Local) Now() time.Time { return time.Now() }

// BeginPhase is part of engine.Driver.
func (d *Local) BeginPhase(name string) {
	i := d.plan.index[name]
	phase := &d.phases[i]
	phase.ctx, phase.span = d.spans.startPhase(name, time.Time{})
	d.bound(i, 0)
}

// bound gives the context of phase i the phase's bounds; used is what is used up of its Timeout.
func (d *Local) bound(i int, used time.Duration) {
	phase := &d.phases[i]
	if d.outlives(i) {
		phase.ctx = cleanupContext{d.after, context.WithoutCancel(phase.ctx)}
	}
	if timeout := d.plan.pipeline.Phases[i].Timeout; timeout > 0 {
		phase.ctx, phase.cancel = context.WithTimeoutCause(phase.ctx, timeout-used, &timeoutError{"phase", timeout})
	}
}

// outlives reports whether phase i does not end with the run's context.
func (d *Local) outlives(i int) bool { return d.after != nil && d.plan.pipeline.Phases[i].If == Always }

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

// StartAttempt is part of engine.Driver.
func (d *Local) StartAttempt(task engine.Task) {
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

// StartTimer is part of engine.Driver.
func (d *Local) StartTimer(wait engine.Wait) {
	d.phases[d.plan.index[wait.Phase]].span.scheduled(wait, time.Time{})
	d.ResumeTimer(wait, wait.Delay)
}

// ResumeTimer is StartTimer for a wait that began in another process, and of which left is left.
func (d *Local) ResumeTimer(wait engine.Wait, left time.Duration) {
	phase := &d.phases[d.plan.index[wait.Phase]]
	over := func() { d.completions <- engine.Completion{Timer: &wait} }
	switch {
	case d.spans.frame.NoWait:
		phase.skipped += left
		over()
	case left <= 0:
		over()
	default:
		phase.timer = time.AfterFunc(left, over)
	}
}

// EndPhase is part of engine.Driver.
func (d *Local) EndPhase(result PhaseResult, failure *retry.Error) {
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

// Stopped is part of engine.Driver.
func (d *Local) Stopped() *engine.Stop {
	if d.stopped || d.spans.ctx.Err() == nil {
		return nil
	}
	return d.stop()
}

// CleansUp is part of engine.Driver.
func (d *Local) CleansUp() bool { return d.after != nil && d.after.Err() == nil }

// Next is part of engine.Driver.
func (d *Local) Next() (engine.Completion, error) {
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

func (d *Local) stop() *engine.Stop {
	d.stopped = true
	cause := context.Cause(d.spans.ctx)
	return &engine.Stop{
		Deadline: errors.Is(d.spans.ctx.Err(), context.DeadlineExceeded),
		Cause:    errorText(cause),
		Err:      cause,
	}
}
