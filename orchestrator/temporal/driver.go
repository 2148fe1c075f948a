package temporal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/trace"
	sdk "go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/orchestrator/engine"
	"github.com/backspan/backspan/retry"
)

// driver is the Driver of a run that is a workflow.
type driver struct {
	planned *planned
	order   order
	span    trace.SpanContext // the run's
	root    workflow.Context  // never ends
	run     contextOf         // of attempts
	cleanup contextOf         // of attempts that outlive the run's context
	selects workflow.Selector
	queue   []engine.Completion
	stop    *engine.Stop // the run's context has ended
	stopped bool         // the loop knows
	begun   map[string]time.Time
	timers  map[string]workflow.CancelFunc // by phase
	answers answers
	size    int // of the report so far, in bytes
	sent    int // bytes of the tasks since the workflow last waited
}

// A contextOf is a context with what ends it.
type contextOf struct {
	workflow.Context

	cancel workflow.CancelFunc
}

var _ engine.Driver[orchestrator.PhaseResult] = (*driver)(nil)

// Temporal's own limits are 51,200 events, 50 MiB for a history, and 4 MiB for what one step of a workflow sends.
const (
	maxEvents      = 40_000
	maxHistory     = 40 << 20
	maxSent        = 2 << 20
	attemptSize    = 512                  // of an attempt in the report, beside its texts
	attemptTimeout = 365 * 24 * time.Hour // a phase's own is kept by the worker
)

func newDriver(ctx workflow.Context, p *planned, o order) *driver {
	d := &driver{
		planned: p, order: o, stop: o.Stop, selects: workflow.NewSelector(ctx),
		begun: map[string]time.Time{}, timers: map[string]workflow.CancelFunc{},
	}
	d.root, _ = workflow.NewDisconnectedContext(ctx)
	d.run.Context, d.run.cancel = workflow.WithCancel(d.root)
	d.cleanup.Context, d.cleanup.cancel = workflow.WithCancel(d.root)
	d.span = p.runSpan(ctx, &o)
	d.answers.began = d.Now()

	d.selects.AddReceive(workflow.GetSignalChannel(d.root, stopSignal), func(c workflow.ReceiveChannel, _ bool) {
		var stop engine.Stop
		c.Receive(d.root, &stop)
		d.end(&stop)
	})
	d.selects.AddReceive(workflow.GetSignalChannel(d.root, cleanupSignal), func(c workflow.ReceiveChannel, _ bool) {
		c.Receive(d.root, nil)
		d.cleanup.cancel()
	})
	d.selects.AddReceive(ctx.Done(), func(c workflow.ReceiveChannel, _ bool) { // by anybody's request to Temporal
		c.Receive(d.root, nil)
		d.end(&engine.Stop{Cause: context.Canceled.Error()})
	})
	if at := o.Deadline.At; !at.IsZero() {
		d.selects.AddFuture(workflow.NewTimer(d.run, at.Sub(d.Now())), func(f workflow.Future) {
			if f.Get(d.root, nil) == nil {
				d.end(o.Deadline.end())
			}
		})
	}
	return d
}

// end notes the end of the run's context. The first one counts.
func (d *driver) end(stop *engine.Stop) {
	if d.stop == nil {
		d.stop = stop
	}
}

func (d *driver) Now() time.Time { return workflow.Now(d.root) }

// poll handles what has happened, without waiting.
func (d *driver) poll() {
	for d.selects.HasPending() {
		d.selects.Select(d.root)
	}
	if info := workflow.GetInfo(d.root); info.GetCurrentHistoryLength() > maxEvents ||
		info.GetCurrentHistorySize() > maxHistory {
		d.end(&engine.Stop{Cause: fmt.Sprintf("%v: %d events, %d bytes",
			errHistory, info.GetCurrentHistoryLength(), info.GetCurrentHistorySize())})
	}
}

func (d *driver) Stopped() *engine.Stop {
	stop := d.ended()
	if stop != nil {
		d.answers.add(answer{At: d.Now(), Stopped: stop})
	}
	return stop
}

// ended returns the end of the run's context once. The attempts that go by it are told.
func (d *driver) ended() *engine.Stop {
	if d.poll(); d.stop == nil || d.stopped {
		return nil
	}
	d.stopped = true
	if !d.stop.Deadline || d.order.Deadline.At.IsZero() {
		d.run.cancel()
		return d.stop
	}
	// The attempts know the deadline themselves, and end with it as their cause. Those that no worker has are
	// cancelled.
	timer := workflow.NewTimer(d.run, cmp.Or(d.order.Grace, orchestrator.DefaultGrace))
	d.selects.AddFuture(timer, func(workflow.Future) { d.run.cancel() })
	return d.stop
}

func (d *driver) CleansUp() bool {
	d.poll()
	cleansUp := d.order.Cleanup && d.cleanup.Err() == nil
	d.answers.add(answer{At: d.Now(), CleansUp: &cleansUp})
	return cleansUp
}

func (d *driver) BeginPhase(phase string) { d.begun[phase] = d.Now() }

// outlives reports whether the phase does not end with the run's context.
func (d *driver) outlives(phase string) bool { return d.order.Cleanup && d.planned.always[phase] }

func (d *driver) StartAttempt(task engine.Task) {
	c := call{Task: task, Grace: d.order.Grace, Run: d.order.Deadline}
	c.Phase = inject(engine.PhaseSpan(d.span, task.RunID, task.Phase))
	c.Max = max(1, min(d.order.MaxResult, d.order.MaxReport-d.size))
	ctx := d.run.Context
	outlives := d.outlives(task.Phase)
	if outlives {
		ctx, c.Run = d.cleanup.Context, deadline{}
	}
	d.makeRoom(task)
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: attemptTimeout,
		HeartbeatTimeout:    d.order.Heartbeat,
		WaitForCancellation: true,
		RetryPolicy:         &sdk.RetryPolicy{MaximumAttempts: 1},
		Summary:             label(task),
	})
	d.selects.AddFuture(workflow.ExecuteActivity(ctx, typeOf(d.planned.name), c), func(f workflow.Future) {
		var r result
		err := f.Get(d.root, &r)
		done := d.done(task, err, &r, ctx)
		if outlives && d.stopped && done.Decision.Retry { // the worker did not know that the run had ended
			done.Decision = engine.Decision{Reason: engine.ReasonExhausted}
		}
		d.queue = append(d.queue, engine.Completion{Done: &done})
	})
}

// makeRoom waits for a moment when so much was started at once that one message to Temporal cannot hold it.
func (d *driver) makeRoom(task engine.Task) {
	size := 0
	for _, input := range task.Inputs {
		size += len(input)
	}
	if d.sent += size; d.sent > maxSent && d.sent > size {
		d.sent = size
		_ = workflow.Sleep(d.root, time.Millisecond) // the context never ends
	}
}

// label is what Temporal shows of an activity.
func label(task engine.Task) string {
	switch {
	case task.Fallback:
		return task.Phase + ": fallback"
	case task.Attempt == 0:
		return task.Phase + ": attempt 1"
	default:
		return fmt.Sprintf("%s: recovery %d", task.Phase, task.Attempt)
	}
}

// done is how the attempt ended: err and r are those of its activity, ctx the context of its phase.
func (d *driver) done(task engine.Task, err error, r *result, ctx workflow.Context) engine.Done {
	cancelled := ctx.Err() != nil
	task.Elapsed = max(0, d.Now().Sub(d.begun[task.Phase]))
	done := r.Done
	switch canceled := (*sdk.CanceledError)(nil); {
	case err != nil && errors.As(err, &canceled) && cancelled:
		done = notCalled(task, d.cause())
	case err != nil:
		done = d.planned.plan.Lost(task, d.why(err))
	case done.Decision.Reason == engine.ReasonCancelled && !cancelled:
		done = d.planned.plan.Lost(task, errCancelled)
		done.NoSpan = false
	case r.Ended && !d.stopped:
		d.end(d.order.Deadline.end())
	}
	d.size += attemptSize + len(done.Error)
	switch room := d.order.MaxReport - d.size; {
	case len(done.Output) > max(0, room):
		done = tooLarge(done, max(0, room))
	case room < 0:
		d.end(&engine.Stop{
			Cause: fmt.Sprintf("the report has reached %d bytes, and %d are allowed", d.size, d.order.MaxReport),
		})
	}
	d.size += len(done.Output)
	return done
}

// cause is what ended the run's context, or that of what cleans up.
func (d *driver) cause() *engine.Stop {
	if d.stop != nil {
		return d.stop
	}
	return &engine.Stop{Cause: context.Canceled.Error()}
}

var errCancelled = errors.New("its worker ended its context")

// why says what is known of an attempt that was lost.
func (d *driver) why(err error) error {
	if timeout, ok := errors.AsType[*sdk.TimeoutError](err); ok {
		return fmt.Errorf("no heartbeat came from its worker for %v (%v)", d.order.Heartbeat, timeout.TimeoutType())
	}
	if application, ok := errors.AsType[*sdk.ApplicationError](err); ok {
		return errors.New(application.Message())
	}
	return err
}

func (d *driver) StartTimer(wait engine.Wait) {
	ctx, cancel := workflow.WithCancel(d.root)
	d.timers[wait.Phase] = cancel
	timer := workflow.NewTimerWithOptions(ctx, wait.Delay, workflow.TimerOptions{
		Summary: fmt.Sprintf("%s: wait before recovery %d", wait.Phase, wait.Attempt),
	})
	d.selects.AddFuture(timer, func(f workflow.Future) {
		if f.Get(d.root, nil) == nil {
			d.queue = append(d.queue, engine.Completion{Timer: &wait})
		}
	})
}

func (d *driver) EndPhase(r orchestrator.PhaseResult, _ *retry.Error) {
	if cancel := d.timers[r.Phase]; cancel != nil {
		cancel()
	}
	delete(d.timers, r.Phase)
}

func (d *driver) Next() (engine.Completion, error) {
	c := d.next()
	d.answers.add(answer{At: d.Now(), Next: &c})
	return c, nil
}

func (d *driver) next() engine.Completion {
	for {
		if stop := d.ended(); stop != nil {
			return engine.Completion{Stop: stop}
		}
		if len(d.queue) > 0 {
			c := d.queue[0]
			d.queue = d.queue[1:]
			return c
		}
		d.sent = 0
		d.selects.Select(d.root)
	}
}
