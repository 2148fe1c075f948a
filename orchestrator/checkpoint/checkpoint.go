package checkpoint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/tracer"
	"github.com/backspan/backspan/orchestrator"
)

// Options are what Run and Resume need beside those of the run.
type Options struct {
	Store Store // required

	// Required stops a run whose journal cannot be written any more, as the end of its context would, with the error as
	// its cause; and Run fails when it cannot begin one. Otherwise the run goes on without a journal, which is then
	// removed, and cannot be resumed. Resume always fails when it cannot write it at first.
	Required bool

	// OnProblem is told what keeps the journal from being written, once. Nil: OpenTelemetry's error handler. A panic in
	// it is the run's.
	OnProblem func(error)

	// Facts are what the functions of the pipeline depend on beside the pipeline itself, such as the text of a command
	// by its name. Resume refuses the run when they have changed.
	Facts map[string]string

	// Note is kept in the journal for the caller; see Info.
	Note json.RawMessage

	// Notes may be nil.
	Notes *Notes

	// Force resumes a run whose plan or facts have changed. Of what happened, only the results of phases that succeeded
	// count then; all other phases begin anew.
	Force bool
}

// A ChangedError says what keeps a run from being resumed without Options.Force.
type ChangedError struct {
	RunID   string
	Ended   bool     // the run has ended, and cannot go on with another plan
	Changes []string // a line each, as engine.Outline has it
}

// Error lists the changes.
func (e *ChangedError) Error() string {
	had := "had"
	if e.Ended {
		had = "has ended, and had"
	}
	return fmt.Sprintf("run %q %s another plan: %s", e.RunID, had, strings.Join(e.Changes, "; "))
}

// Run is Pipeline.Run with a journal. The error is that of Pipeline.Run; ErrExists or ErrLocked when the store has a
// journal for run.RunID; or, with Options.Required, why there is none.
//
// The journal of a run that has ended stays, so that Resume returns its report again, until Store.Remove. One that was
// stopped, by the end of its context, has not ended: it can be resumed.
func Run(
	ctx context.Context, p orchestrator.Pipeline, run orchestrator.Options, opts Options,
) (orchestrator.Report, error) {
	plan, err := opts.check(ctx, p)
	if err != nil {
		return orchestrator.Report{}, err
	}
	if run.RunID == "" {
		run.RunID = uuid.NewString()
	}
	journal, err := opts.Store.Open(ctx, run.RunID)
	if errors.Is(err, ErrLocked) {
		return orchestrator.Report{}, fmt.Errorf("run %q: %w", run.RunID, err)
	}
	h := &history{}
	k := &keeper{history: h, store: opts.Store, opts: &opts, journal: journal}
	if err == nil {
		err = unused(journal)
	}
	if errors.Is(err, ErrExists) {
		return orchestrator.Report{}, errors.Join(fmt.Errorf("run %q: %w", run.RunID, err), k.close())
	}
	start := headOf(plan, run, opts)
	start.Parent = spanOf(trace.SpanContextFromContext(ctx))
	if err == nil {
		err = k.add(record{Head: &start})
	}
	if err != nil && opts.Required {
		return orchestrator.Report{}, errors.Join(fmt.Errorf("run %q: its journal: %w", run.RunID, err), k.close())
	}
	if err != nil {
		k.lost = err
		if err := h.add(record{At: now(), Head: &start}); err != nil {
			return orchestrator.Report{}, err
		}
	}
	d := newDriver(plan, h, k)
	d.live = true
	return d.run(ctx, run)
}

// unused says why a journal cannot be that of a new run.
func unused(journal Journal) error {
	records, err := journal.Read()
	if err == nil && len(records) > 0 {
		err = ErrExists
	}
	return err
}

// Resume goes on with a run that a process did not live to end, or that was stopped. Of run it uses Grace and Cleanup;
// the other options are those that the run began with.
//
// An attempt that was cut off, because its process died, is made again as if it had not been. But each of these counts
// as a failure of its phase with orchestrator.ErrLost, which the phase's policy is asked about: when that allows no
// further retry, the attempt has failed for good, so that a phase that kills its process is given up after as many
// attempts as one that fails. Once it is made again in any case, unless the policy's Retryable refuses ErrLost. Each is
// a span. Attempts that end because the run is stopped do not count.
//
// The error is that of Pipeline.Run, or one of these, and nothing has begun: ErrNotFound; ErrLocked; a *ChangedError; a
// *CorruptError; that of the store.
func Resume(
	ctx context.Context, p orchestrator.Pipeline, id string, run orchestrator.Options, opts Options,
) (orchestrator.Report, error) {
	plan, err := opts.check(ctx, p)
	if err != nil {
		return orchestrator.Report{}, err
	}
	d, err := resumed(ctx, plan, id, opts)
	if err != nil {
		return orchestrator.Report{}, err
	}
	run.RunID, run.EnableRecovery, run.DryRun = d.RunID, d.EnableRecovery, d.DryRun
	run.MaxParallel, run.ContinueOnError = d.MaxParallel, d.ContinueOnError
	parent, err := d.Parent.context()
	if err != nil {
		err = fmt.Errorf("run %q: the span around it: %w", id, err)
		return orchestrator.Report{}, errors.Join(err, d.journal.close())
	}
	return d.run(below(ctx, parent), run)
}

// below is ctx with parent as the span in it, whose spans go to the same provider as those below ctx.
func below(ctx context.Context, parent trace.SpanContext) context.Context {
	frame := scope.From(ctx)
	_, frame.Provider = tracer.For(ctx)
	return trace.ContextWithSpanContext(scope.With(ctx, frame), parent)
}

// resumed opens the journal of a run and readies a driver that goes on with it.
func resumed(ctx context.Context, plan *orchestrator.Plan, id string, opts Options) (*driver, error) {
	journal, err := opts.Store.Open(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("run %q: %w", id, err)
	}
	records, err := journal.Read()
	var h *history
	if err == nil {
		h, err = read("the journal of run "+id, records)
	}
	switch {
	case err != nil:
		return nil, errors.Join(fmt.Errorf("run %q: %w", id, err), journal.Close())
	case h == nil:
		return nil, errors.Join(fmt.Errorf("run %q: %w", id, ErrNotFound), journal.Close(), opts.Store.Remove(ctx, id))
	}
	d := newDriver(plan, h, &keeper{history: h, store: opts.Store, opts: &opts, journal: journal})
	if err := d.takeOver(headOf(plan, orchestrator.Options{}, opts), opts); err != nil {
		return nil, errors.Join(err, d.journal.close())
	}
	return d, nil
}

// takeOver notes that this process has the run. The error says why it cannot have it.
func (d *driver) takeOver(start head, opts Options) error {
	changes := d.changes(&start)
	if len(changes) > 0 && (!opts.Force || d.finished != nil) {
		return &ChangedError{d.RunID, d.finished != nil, changes}
	}
	if d.finished != nil {
		return opts.Notes.tell(d.notes)
	}
	if err := opts.Notes.tell(d.notes); err != nil {
		return err
	}
	d.worked, d.alive = d.had.until(d.last), d.last
	part := d.part
	process := thisProcess()
	err := d.journal.add(record{Resumed: &process})
	if err == nil && len(changes) > 0 {
		start.RunID, start.EnableRecovery, start.DryRun = d.RunID, d.EnableRecovery, d.DryRun
		start.MaxParallel, start.ContinueOnError = d.MaxParallel, d.ContinueOnError
		err = d.journal.add(record{Head: &start})
		d.past, d.live = nil, true
	}
	if err != nil {
		return fmt.Errorf("run %q: its journal: %w", d.RunID, err)
	}
	if d.part == part {
		d.spanBegan = d.partBegan
	}
	return nil
}

func (o *Options) check(ctx context.Context, p orchestrator.Pipeline) (*orchestrator.Plan, error) {
	switch {
	case ctx == nil:
		return nil, &orchestrator.FieldError{Field: "ctx", Value: "nil", Want: "a context"}
	case o.Store == nil:
		const field = "Options.Store"
		return nil, &orchestrator.FieldError{Field: field, Value: "nil", Want: "a store, such as checkpoint.Dir"}
	case o.Note != nil && !json.Valid(o.Note):
		const field = "Options.Note"
		return nil, &orchestrator.FieldError{Field: field, Value: fmt.Sprintf("%d bytes", len(o.Note)), Want: "JSON"}
	}
	return p.Plan()
}

func headOf(plan *orchestrator.Plan, run orchestrator.Options, opts Options) head {
	return head{
		Format: format, RunID: run.RunID, Outline: plan.Outline(),
		EnableRecovery: run.EnableRecovery, DryRun: run.DryRun, MaxParallel: run.MaxParallel,
		ContinueOnError: run.ContinueOnError, Facts: opts.Facts, Note: opts.Note, Process: thisProcess(),
	}
}

func thisProcess() process {
	host, _ := os.Hostname() // it is for people only
	return process{os.Getpid(), host}
}

func (o *Options) tell(err error) {
	if o.OnProblem != nil {
		o.OnProblem(err)
		return
	}
	otel.Handle(err)
}

// now is the time as it is kept: without a monotonic reading, which the next process does not share.
func now() time.Time { return time.Now().UTC().Round(0) }
