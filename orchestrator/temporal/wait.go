package temporal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	sdk "go.temporal.io/sdk/temporal"

	"github.com/backspan/backspan/orchestrator"
)

// lookEvery is how often a run that is waited for is looked at.
const lookEvery = 2 * time.Second

// wait waits for the end of run, and tells it of the ends of ctx, unless it knows, and of opts.Cleanup.
func (e *Engine) wait(
	ctx context.Context, run client.WorkflowRun, opts orchestrator.Options, knows bool,
) (orchestrator.Report, error) {
	waiting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	type ended struct {
		o   outcome
		err error
	}
	end := make(chan ended, 1)
	over := make(chan struct{})
	go func() {
		defer close(over)
		var r ended
		r.err = run.Get(waiting, &r.o)
		end <- r
	}()
	defer func() { cancel(); <-over }()

	stopped, cleaned := ctx.Done(), (<-chan struct{})(nil)
	if opts.Cleanup != nil {
		cleaned = opts.Cleanup.Done()
	}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	w := &watch{engine: e, run: run, began: time.Now(), patience: cmp.Or(e.Patience, DefaultPatience)}
	var late <-chan time.Time // of a timer, which needs no Stop
	for {
		select {
		case r := <-end:
			if r.err != nil {
				return orchestrator.Report{}, w.failed(r.err)
			}
			return r.o.result()
		case <-stopped:
			stopped = nil
			if !knows {
				if err := w.tell(waiting, stopSignal, stopOf(ctx)); err != nil {
					return orchestrator.Report{}, err
				}
			}
			if opts.Cleanup == nil { // else it may take as long as that
				late = time.After(cmp.Or(opts.Grace, orchestrator.DefaultGrace) + w.patience)
			}
		case <-cleaned:
			cleaned = nil
			if err := w.tell(waiting, cleanupSignal, nil); err != nil {
				return orchestrator.Report{}, err
			}
		case <-late:
			return orchestrator.Report{}, fmt.Errorf("temporal: run %q was told to stop, and has not ended since: %w",
				run.GetID(), ErrHeldUp)
		case <-look.C:
			if err := w.look(waiting); err != nil {
				return orchestrator.Report{}, err
			}
		}
	}
}

// A watch looks after a run that is waited for.
type watch struct {
	engine   *Engine
	run      client.WorkflowRun
	began    time.Time
	patience time.Duration
}

// tell sends the run a signal. A run that has ended meanwhile needs none.
func (w *watch) tell(ctx context.Context, signal string, arg any) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	err := w.engine.client.SignalWorkflow(ctx, w.run.GetID(), w.run.GetRunID(), signal, arg)
	if err == nil || errors.Is(w.engine.failed("", "", err), ErrUnknown) {
		return nil
	}
	return w.engine.failed("told to stop", w.run.GetID(), err)
}

// heldUpAfter is how many tries of workers make a run one that is held up.
const heldUpAfter = 3

// look returns an error that matches ErrHeldUp when the run does not go on. Temporal may be away for a while.
func (w *watch) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookEvery)
	defer cancel()
	description, err := w.engine.client.DescribeWorkflow(ctx, w.run.GetID(), w.run.GetRunID())
	if err != nil {
		return nil // the call that waits for the end says so
	}
	described := description.RawResponse
	task := described.GetPendingWorkflowTask()
	const onlyAsked = 2 // events: it was started, and a worker asked for
	switch {
	case task == nil:
		return nil
	case task.GetAttempt() >= heldUpAfter:
		return fmt.Errorf("temporal: run %q: %w: workers of queue %q fail to go on with it: %s",
			w.run.GetID(), ErrHeldUp, w.engine.queue, w.why(ctx))
	case described.GetWorkflowExecutionInfo().GetHistoryLength() <= onlyAsked && time.Since(w.began) >= w.patience &&
		task.GetState() == enums.PENDING_WORKFLOW_TASK_STATE_SCHEDULED:
		return fmt.Errorf("temporal: run %q: %w: no worker of queue %q has taken it for %v",
			w.run.GetID(), ErrHeldUp, w.engine.queue, w.patience)
	}
	return nil
}

// why is what the last worker said.
func (w *watch) why(ctx context.Context) string {
	text := "for an unknown reason"
	history := w.engine.client.GetWorkflowHistory(ctx, w.run.GetID(), w.run.GetRunID(), false,
		enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for history.HasNext() {
		event, err := history.Next()
		if err != nil {
			return text
		}
		if failed := event.GetWorkflowTaskFailedEventAttributes(); failed != nil {
			text = failed.GetFailure().GetMessage()
		}
	}
	return text
}

// failed is the error of a run whose end could not be waited for.
func (w *watch) failed(err error) error {
	if _, ended := errors.AsType[*sdk.WorkflowExecutionError](err); ended {
		return fmt.Errorf("temporal: run %q: %w: %w", w.run.GetID(), ErrEnded, err)
	}
	return w.engine.failed("waited for", w.run.GetID(), err)
}
