package orchestrator

import (
	"context"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/backspan/backspan/retry"
)

// A PhaseFunc does the work of a phase. Its result is marshalled to JSON: that is what later phases read with
// Input.Output and what the report shows. A result that does not marshal fails the phase for good; nil means that
// there is none. An error from Skip says that there was nothing to do. It must return soon after ctx has ended: see
// Options.Grace.
//
// It is called again when it failed, so what it does to the outside should bear repeating; Input.IdempotencyKey
// helps. The goroutine it runs on is its own. A panic is a failed attempt, but only on that goroutine: one that it
// started itself takes the process down, as everywhere in Go.
type PhaseFunc func(ctx context.Context, in Input) (any, error)

// A Pipeline is a named set of phases. It is a plain value that may be shared and run many times, also at once.
type Pipeline struct {
	Name   string // required: the name of the run's span
	Phases []Phase

	// Recovery is for the phases without a policy of their own. Its zero fields mean the defaults of recovery:
	// 3 retries after 2s, 4s and 8s, never more than 30s.
	Recovery retry.Policy
}

// A Phase is a step of a pipeline that succeeds or fails as a whole.
type Phase struct {
	Name string    // required, unique in the pipeline: the name of the phase's span
	Run  PhaseFunc // required

	// DryRun is called instead of Run in a dry run. With nil the phase is skipped there; phases that need it begin all
	// the same.
	DryRun PhaseFunc

	// Needs names the phases that must succeed before this one begins. When it is nil for all phases of the pipeline,
	// they run one after the other in the order they are written. An empty Needs that is not nil needs nothing: the
	// phase may begin at once, and the pipeline is no sequence.
	Needs []string

	// If says whether the phase begins, by how the phases that it waits for ended. The zero value is OnSuccess.
	If Condition

	// IfBegan names a phase: this one begins only if that one began, whatever became of it. Otherwise it is skipped.
	// Beside Always it is for phases that clean up after another. The named phase must be one that ends before this one
	// begins, as in Uses.
	IfBegan string

	// AllowFailure lets the phase fail without failing the run: PhaseResult.Allowed is then true, phases that need it
	// begin as if it had succeeded, and those whose condition is OnFailure do not begin for it. A phase that has it in
	// Uses is skipped all the same. It is of no account when the run was cancelled or its time was up.
	AllowFailure bool

	// Uses names the phases whose outputs this one reads with Input.Output. Only phases that end before this one
	// begins can be named. A phase in Needs, and in a sequence the phase just before, need not be named again.
	// A phase in Uses that did not succeed counts as one in Needs that did not succeed; see Condition.
	Uses []string

	// Recovery says how the phase is retried after its first try; nil means Pipeline.Recovery. A BaseDelay of 0 is
	// DefaultBaseDelay, or MaxDelay if that is less. Its AttemptTimeout bounds each attempt. Its AfterAttempt is
	// called after each one, but not after the fallback, with the phase's context; a panic there goes to
	// OpenTelemetry's error handler. Its Spans changes nothing: every try of a phase is a span.
	Recovery *retry.Policy

	// Timeout bounds the whole phase, recovery and its waits included. 0 means no bound.
	Timeout time.Duration

	// Fallback is called once when the phase would otherwise have failed: its recovery is spent, or its error
	// permanent. Its result then is the phase's; that is no recovery. It is not called in a dry run, without
	// Options.EnableRecovery, when the phase's time is up or the run was cancelled, and while the phase's function is
	// still running after its grace.
	Fallback PhaseFunc
}

// A Condition says when a phase begins, once all that it waits for has ended. In a run that has been cancelled or
// whose time is up none begins, but for Always with Options.Cleanup.
type Condition uint8

// Skip returns an error with which a PhaseFunc says that there is nothing to do, and why. The phase is then Skipped,
// which is no failure: it is neither tried again nor does it fall back, and phases that need it are skipped too. An
// operation of package retry that returns it is not retried, but its span is that of a failure.
func Skip(reason string) error { return retry.Permanent(&skipError{reason}) }

// The conditions.
const (
	// OnSuccess begins when all that the phase needs succeeded, and, without Options.ContinueOnError, nothing failed.
	OnSuccess Condition = iota

	// OnFailure begins when something that the phase needs failed, or was skipped for a failure. A phase that needs
	// nothing begins when anything failed before. Otherwise it is skipped, which is no failure.
	OnFailure

	// Always begins however that ended.
	Always
)

// String is what pipeline files call it: success, failure or always.
func (c Condition) String() string {
	switch c {
	case OnSuccess:
		return "success"
	case OnFailure:
		return "failure"
	case Always:
		return "always"
	default:
		return strconv.Itoa(int(c))
	}
}

// Options are the settings of one run. The zero Options run the phases without recovery.
type Options struct {
	EnableRecovery bool // retry failed phases, and fall back
	DryRun         bool // never call Run: call DryRun where there is one, and skip the other phases

	// MaxParallel is how many phases may be under way at once, those that wait for their recovery included.
	// 0 means no limit. When more could begin, those that have been ready longest do. A sequence is one at a time.
	MaxParallel int

	// ContinueOnError lets phases begin although another one failed, unless they need it; in a sequence that is all of
	// them. Without it none begins any more; those under way are left to end, recovery included.
	ContinueOnError bool

	// RunID is the run's id and the session.id of its spans. Empty means a new random UUID, also for a run within
	// a phase of another one. Run the same id again only to do the same work: Input.IdempotencyKey comes from it.
	RunID string

	// Grace is how long a phase's function may still run after its context has ended. Then the call is abandoned: the
	// phase fails with ErrAbandoned, and nothing of it is called again, because the old call may still be running.
	// 0 means DefaultGrace.
	Grace time.Duration

	// Cleanup, if set, is the context of the phases whose condition is Always. They begin and go on after the run's
	// context has ended, until this one ends, but then with neither recovery nor fallback. With nil they have the
	// run's context, as all phases.
	Cleanup context.Context //nolint:containedctx // an argument of Run, as ctx is, that few need
}

// The defaults of this package; those of retry.Policy hold for the rest.
const (
	DefaultBaseDelay = 2 * time.Second // before the first recovery attempt, unlike an operation's 1s
	DefaultGrace     = 5 * time.Second
)

// Run runs the pipeline and returns when no phase is under way any more. The report is complete whenever the
// pipeline and the options could be used at all. The error is nil if every phase succeeded, was skipped because there
// was nothing to do, or failed and was allowed to, a *FieldError if nothing was run because an input cannot be used,
// and else an *Error.
//
// When ctx ends, the contexts of the phases under way end too, and the other phases are skipped; see
// Options.Cleanup for the exception. A cancelled run's error matches context.Canceled and context.Cause(ctx).
func (p Pipeline) Run(ctx context.Context, opts Options) (Report, error) {
	plan, err := p.Plan()
	if err != nil {
		return Report{}, err
	}
	if opts.RunID == "" {
		opts.RunID = uuid.NewString()
	}
	if err := opts.Validate(); err != nil {
		return Report{}, err
	}
	if ctx == nil {
		return Report{}, &FieldError{Field: "ctx", Value: "nil", Want: "a context"}
	}
	driver := newLocal(ctx, plan, opts, runSpans{}, time.Time{})
	report, err := plan.Drive(driver, opts)
	driver.End(report, err)
	return report, err
}

// Validate returns a *FieldError for the first thing in the pipeline that cannot be used, or nil. Run calls it first.
func (p Pipeline) Validate() error {
	_, err := p.Plan()
	return err
}
