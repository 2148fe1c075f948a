package temporal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/orchestrator/engine"
)

// The defaults of Engine.
const (
	DefaultHeartbeat = 10 * time.Second
	DefaultMaxResult = 256 << 10
	DefaultMaxReport = 3 << 19 // 1.5 MiB
	DefaultPatience  = 30 * time.Second
)

// startTimeout is how long Temporal may take to answer.
const startTimeout = 10 * time.Second

// An Engine starts runs on Temporal and waits for their ends. Its fields may be set before its first run. They hold
// for the runs that it starts, and are kept with these.
type Engine struct {
	// Heartbeat is after how long without a sign of life from its worker an attempt is lost. A worker that has died is
	// noticed no sooner, and an attempt learns no sooner than after 80% of it that the run was cancelled. 0 means
	// DefaultHeartbeat. At least a second.
	Heartbeat time.Duration

	// MaxResult bounds the JSON of a phase's result, in bytes, and MaxReport the results and errors of a run together.
	// A result that does not fit fails its phase for good, with an error that says its size. 0 means DefaultMaxResult
	// and DefaultMaxReport. Temporal carries 2 MiB, which the report must not pass: raise them only where the clients
	// of starters and workers have a converter.ExternalStorage, which keeps large payloads elsewhere.
	MaxResult, MaxReport int

	// Patience is how long Run and Resume wait for a run that no worker has taken, and, after it was told to stop, for
	// its end beyond Options.Grace. 0 means DefaultPatience. At least a second.
	Patience time.Duration

	client client.Client
	queue  string
}

// NewEngine returns an Engine whose runs are made by the workers of a task queue. Several programs may have one for the
// same queue. The client may be lazy.
func NewEngine(c client.Client, queue string) *Engine { return &Engine{client: c, queue: queue} }

// Run runs the pipeline, which must be registered with the workers of the queue, and returns when no phase is under way
// any more. Report and error are those of Pipeline.Run, or the error is one of this package's, with an empty report.
//
// A run goes on when its starter dies: see Resume. When ctx ends the run is stopped; its deadline holds also when the
// starter has died by then. So it is with Options.Cleanup, whose deadline is not kept. The run's span is a child of the
// span in ctx. Anybody may cancel the run by its workflow, whose id is Options.RunID.
func (e *Engine) Run(
	ctx context.Context, pipeline orchestrator.Pipeline, opts orchestrator.Options,
) (orchestrator.Report, error) {
	plan, err := pipeline.Plan()
	if err != nil {
		return orchestrator.Report{}, err
	}
	if opts.RunID == "" {
		opts.RunID = uuid.NewString()
	}
	if err := e.check(ctx, opts); err != nil {
		return orchestrator.Report{}, err
	}
	o := e.order(ctx, plan.Fingerprint(), opts)
	starting, cancel := context.WithTimeout(context.WithoutCancel(ctx), startTimeout)
	defer cancel()
	run, err := e.client.ExecuteWorkflow(starting, client.StartWorkflowOptions{
		ID:                                       opts.RunID,
		TaskQueue:                                e.queue,
		WorkflowIDReusePolicy:                    enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		WorkflowIDConflictPolicy:                 enums.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		StaticSummary:                            pipeline.Name,
		StaticDetails:                            o.Fingerprint, // for Resume
	}, typeOf(pipeline.Name), o)
	if err != nil {
		return orchestrator.Report{}, e.failed("started", opts.RunID, err)
	}
	return e.wait(ctx, run, opts, o.Stop != nil)
}

// Resume waits for the end of a run that was started before, by this process or another, and returns its report, also
// when it has ended. The run itself goes on without it. When ctx ends the run is stopped, as by Run. Several may wait
// for the same run: each gets the same report.
//
// The error matches ErrChanged when pipeline is not the one that the run began with.
func (e *Engine) Resume(
	ctx context.Context, pipeline orchestrator.Pipeline, runID string,
) (orchestrator.Report, error) {
	plan, err := pipeline.Plan()
	if err != nil {
		return orchestrator.Report{}, err
	}
	opts := orchestrator.Options{RunID: runID}
	if err := e.check(ctx, opts); err != nil {
		return orchestrator.Report{}, err
	}
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), startTimeout)
	defer cancel()
	described, err := e.client.DescribeWorkflow(asking, runID, "")
	if err != nil {
		return orchestrator.Report{}, e.failed("found", runID, err)
	}
	info := described.RawResponse.GetWorkflowExecutionInfo()
	if kind := info.GetType().GetName(); kind != typeOf(pipeline.Name) {
		return orchestrator.Report{}, fmt.Errorf("temporal: %q is a workflow of type %q, and no run of pipeline %q: %w",
			runID, kind, pipeline.Name, ErrUnknown)
	}
	began, err := described.GetStaticDetails()
	if err != nil {
		return orchestrator.Report{}, fmt.Errorf("temporal: run %q: %w", runID, err)
	}
	if began != plan.Fingerprint() {
		return orchestrator.Report{}, fmt.Errorf("temporal: run %q: %w: its fingerprint is %q, that of %q is %q",
			runID, ErrChanged, began, pipeline.Name, plan.Fingerprint())
	}
	return e.wait(ctx, e.client.GetWorkflow(ctx, runID, info.GetExecution().GetRunId()), opts, false)
}

// check returns a *orchestrator.FieldError for what cannot be used.
func (e *Engine) check(ctx context.Context, opts orchestrator.Options) error {
	bad := func(field, value, want string) error {
		return &orchestrator.FieldError{Field: field, Value: value, Want: want}
	}
	switch {
	case ctx == nil:
		return bad("ctx", "nil", "a context")
	case e.client == nil:
		return bad("NewEngine's client", "nil", "a client of Temporal")
	case e.queue == "":
		return bad("NewEngine's queue", `""`, "the task queue of the workers")
	case e.Heartbeat < 0 || e.Heartbeat > 0 && e.Heartbeat < time.Second:
		return bad("Engine.Heartbeat", e.Heartbeat.String(), "1s or more, or 0")
	case e.Patience < 0 || e.Patience > 0 && e.Patience < time.Second:
		return bad("Engine.Patience", e.Patience.String(), "1s or more, or 0")
	case e.MaxResult < 0:
		return bad("Engine.MaxResult", fmt.Sprint(e.MaxResult), "0 or more bytes")
	case e.MaxReport < 0:
		return bad("Engine.MaxReport", fmt.Sprint(e.MaxReport), "0 or more bytes")
	}
	return opts.Validate()
}

func (e *Engine) order(ctx context.Context, fingerprint string, opts orchestrator.Options) order {
	o := order{
		Fingerprint:     fingerprint,
		RunID:           opts.RunID,
		EnableRecovery:  opts.EnableRecovery,
		DryRun:          opts.DryRun,
		ContinueOnError: opts.ContinueOnError,
		MaxParallel:     opts.MaxParallel,
		Grace:           opts.Grace,
		Cleanup:         opts.Cleanup != nil,
		Caller:          inject(trace.SpanContextFromContext(ctx)),
		Heartbeat:       cmp.Or(e.Heartbeat, DefaultHeartbeat),
		MaxResult:       cmp.Or(e.MaxResult, DefaultMaxResult),
		MaxReport:       cmp.Or(e.MaxReport, DefaultMaxReport),
	}
	if at, ok := ctx.Deadline(); ok {
		o.Deadline = deadline{at, context.DeadlineExceeded.Error()}
	}
	if ctx.Err() != nil {
		o.Stop = stopOf(ctx)
	}
	return o
}

// stopOf is why ctx has ended.
func stopOf(ctx context.Context) *engine.Stop {
	return &engine.Stop{
		Deadline: errors.Is(ctx.Err(), context.DeadlineExceeded), Cause: context.Cause(ctx).Error(),
	}
}

// failed is the error for a call of Temporal about a run.
func (e *Engine) failed(was, runID string, err error) error {
	reason := ErrUnreachable
	switch err.(type) { //nolint:errorlint // as the client returns them
	case *serviceerror.WorkflowExecutionAlreadyStarted:
		reason = ErrExists
	case *serviceerror.NotFound:
		reason = ErrUnknown
	case *serviceerror.InvalidArgument, *serviceerror.PermissionDenied, *serviceerror.NamespaceNotFound:
		return fmt.Errorf("temporal: run %q cannot be %s on queue %q: %w", runID, was, e.queue, err)
	}
	return fmt.Errorf("temporal: run %q cannot be %s on queue %q: %w: %w", runID, was, e.queue, reason, err)
}
