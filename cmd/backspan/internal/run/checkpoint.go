package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/backspan/backspan/cmd/backspan/internal/checkpoints"
	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/outputs"
	"github.com/backspan/backspan/cmd/backspan/internal/steps"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/orchestrator/checkpoint"
)

// last, as the value of --resume, is the last unfinished run of the file.
const last = "last"

// A journal is where a run is kept, and which one it goes on with.
type journal struct {
	store   checkpoint.Store
	resumed *checkpoints.Run // nil: the run begins
}

// registerCheckpoint adds the flags of runs that survive their process.
func (o *Options) registerCheckpoint(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.checkpoint, "checkpoint", "",
		"keep the run in a journal in this `DIR`, so that it can be resumed (--checkpoint=DIR; default checkpoints/ "+
			"beside the events file)")
	f.Lookup("checkpoint").NoOptDefVal = checkpoints.Default
	f.BoolVar(&o.required, "checkpoint-required", false,
		"stop the run when its journal cannot be written; without, it goes on and says so")
	f.StringVar(&o.resume, "resume", "",
		"go on with this `SESSION` that was killed or stopped (without one: the last unfinished run of the file)")
	f.Lookup("resume").NoOptDefVal = last
	f.BoolVar(&o.force, "force", false,
		"resume a run although its file has changed: keep the outputs of phases that succeeded, begin the others anew")
	cli.CompleteWith(c, "resume", func([]string, string) ([]string, cobra.ShellCompDirective) {
		return o.sessions(c.Context()), cobra.ShellCompDirectiveNoFileComp
	})
}

// sessions are those that can be resumed, for completion.
func (o *Options) sessions(ctx context.Context) (ids []string) {
	store, _, err := checkpoints.Store(&o.Flags, "--checkpoint", o.directory())
	if err != nil {
		return nil
	}
	runs, _ := checkpoints.Runs(ctx, store, func(error) {})
	for _, run := range runs {
		ids = append(ids, run.ID)
	}
	return ids
}

func (o *Options) directory() string {
	if o.FlagSet.Changed("checkpoint") {
		return o.checkpoint
	}
	return checkpoints.Default
}

func (o *Options) resumes() bool { return o.FlagSet.Changed("resume") }

// named is the pipeline file on the command line; empty when there is none. After --resume a session may stand among
// the arguments: what is no file is one.
func (o *Options) named(args []string) (path string, err error) {
	for _, arg := range args {
		_, missing := os.Stat(arg)
		switch {
		case o.resumes() && o.resume == last && missing != nil && arg != "-":
			o.resume = arg
		case path == "":
			path = arg
		default:
			return "", cli.UsageError(fmt.Errorf("%q is one argument too many, want a file and a session", arg))
		}
	}
	return path, nil
}

// checkCheckpoint looks at what is typed.
func (o *Options) checkCheckpoint(path string) error {
	changed := o.FlagSet.Changed
	if !o.resumes() {
		switch {
		case o.force:
			return cli.UsageError(errors.New("--force is given, but not --resume"))
		case o.required && !changed("checkpoint"):
			return cli.UsageError(errors.New("--checkpoint-required is given, but not --checkpoint"))
		case o.dryRun && changed("checkpoint"):
			return cli.UsageError(errors.New("--checkpoint and --dry-run are given, want one of the two"))
		}
		return nil
	}
	if o.resume == "" {
		return cli.BadValue("--resume", "", errors.New("want a session, or nothing at all"))
	}
	if path == "-" {
		return cli.UsageError(errors.New("--resume needs the run's file, and stdin is none"))
	}
	for _, flag := range []string{
		"dry-run", "no-recovery", "only", "from", "outputs", "keep-going", "max-parallel", "var",
	} {
		if changed(flag) {
			return cli.UsageError(fmt.Errorf("--resume goes on with a run as it began, and --%s cannot be given", flag))
		}
	}
	return nil
}

// journalOf is where the run is to be kept; nil: nowhere.
func (o *Options) journalOf(ctx context.Context, path string) (*journal, error) {
	if !o.resumes() && !o.FlagSet.Changed("checkpoint") {
		return nil, nil
	}
	store, dir, err := checkpoints.Store(&o.Flags, "--checkpoint", o.directory())
	if err != nil || !o.resumes() {
		return &journal{store: store}, err
	}
	runs, err := checkpoints.Runs(ctx, store, func(err error) { cli.Printf(o.Err, "backspan: %v\n", err) })
	if err != nil {
		return nil, err
	}
	session, file := o.resume, ""
	if session == last {
		session = ""
		if file, err = filepath.Abs(path); err != nil {
			return nil, err
		}
	}
	run, err := checkpoints.Find(runs, session, file, dir)
	if err != nil {
		return nil, cli.UsageError(fmt.Errorf("--resume: %w", err))
	}
	if run.State == checkpoint.Running {
		return nil, inUse(run.ID)
	}
	return &journal{store, run}, nil
}

func inUse(session string) error {
	err := fmt.Errorf("session %s cannot be resumed: %w", session, checkpoint.ErrLocked)
	return &cli.ExitError{Code: cli.ExitUsage, Err: err}
}

// goesOn says where the run goes on.
func (o *Options) goesOn(run *checkpoints.Run) {
	lines := []string{fmt.Sprintf("session %s goes on: %d of %s succeeded; backspan show %s draws all of it",
		run.ID, len(run.Done), text.Plural(run.Phases, "phase", "phases"), run.ID)}
	for _, place := range run.At {
		lines = append(lines, "  "+place.String())
	}
	for _, phase := range run.Cleaned {
		lines = append(lines, fmt.Sprintf("  %s: ran when the run was stopped, and runs again", phase))
	}
	for _, line := range lines {
		cli.Printf(o.Err, "%s\n", line)
	}
}

// note is what is kept of the selection.
func (s *selection) note(o *Options, runner *steps.Runner) (json.RawMessage, error) {
	note := checkpoints.Note{
		File: s.key().File, Only: o.only, From: o.from, Values: s.values, Taken: s.taken,
		States: map[string]json.RawMessage{},
	}
	runner.EachState(func(phase string, state json.RawMessage) { note.States[phase] = state })
	return json.Marshal(note)
}

// facts are what phases depend on beside the plan.
func (s *selection) facts() map[string]string {
	facts := map[string]string{}
	for phase, recipes := range outputs.Recipes(s.file) {
		for _, recipe := range recipes {
			facts[fmt.Sprintf("step %q of phase %q", recipe.Step, phase)] = hashOf(recipe.Parts)
		}
	}
	for _, phase := range s.file.Phases {
		if phase.Fallback != nil {
			command := map[string]string{"command": phase.Fallback.String()}
			facts[fmt.Sprintf("the fallback of phase %q", phase.Name)] = hashOf(command)
		}
	}
	return facts
}

// drive runs the pipeline, with a journal if there is to be one.
func (o *Options) drive(
	ctx context.Context, s *selection, runner *steps.Runner, pipeline orchestrator.Pipeline, opts orchestrator.Options,
	keep func() *outputs.Keeper, tell func(format string, args ...any),
) (orchestrator.Report, error) {
	if s.journal == nil {
		return pipeline.Run(ctx, opts)
	}
	note, err := s.note(o, runner)
	if err != nil {
		return orchestrator.Report{}, err
	}
	notes := &checkpoint.Notes{}
	runner.OnState = notes.Put
	kept := checkpoint.Options{
		Store: s.journal.store, Required: o.required, Force: o.force, Facts: s.facts(), Note: note, Notes: notes,
		OnProblem: func(err error) { tell("backspan: %v", err) },
	}
	if s.journal.resumed == nil {
		return checkpoint.Run(ctx, pipeline, opts, kept)
	}
	notes.Found = func(phase string, state json.RawMessage) error {
		if err := runner.Restore(phase, state); err != nil {
			return err
		}
		if keeper := keep(); keeper != nil {
			runner.EachOutput(keeper.Add)
		}
		return nil
	}
	return checkpoint.Resume(ctx, pipeline, opts.RunID, opts, kept)
}

// refused is err, why a run did not begin, with what to do.
func (o *Options) refused(s *selection, session string, err error) error {
	changed, ok := errors.AsType[*checkpoint.ChangedError](err)
	switch {
	case errors.Is(err, checkpoint.ErrLocked):
		return inUse(session)
	case errors.Is(err, checkpoint.ErrExists):
		err = fmt.Errorf("%w; resume it, or remove it with backspan sessions --remove", err)
	case ok && !changed.Ended:
		for _, line := range changed.Changes {
			cli.Printf(o.Err, "%s: %s\n", s.path, line)
		}
		err = fmt.Errorf("%s is not what session %s began with; --force keeps the outputs of phases that succeeded, "+
			"and begins the others anew", s.path, changed.RunID)
	}
	return &cli.ExitError{Code: cli.ExitUsage, Err: err}
}

// close removes the journal of a run that has ended, and says how to go on with one that has not. One that succeeded
// has ended, also where that could not be written any more.
func (j *journal) close(
	ctx context.Context, session string, status orchestrator.Status, say func(format string, args ...any),
) error {
	runs, err := checkpoints.Runs(ctx, j.store, func(error) {})
	if err != nil {
		return err
	}
	i := slices.IndexFunc(runs, func(r checkpoints.Run) bool { return r.ID == session })
	switch {
	case i < 0: // there was no journal any more
	case runs[i].State == checkpoint.Ended, status == orchestrator.Success:
		return j.store.Remove(ctx, session)
	default:
		say("session %s has not ended: backspan run --resume=%s goes on with it\n", session, session)
	}
	return nil
}

// resumedFile is the pipeline file of a run that is resumed: the one that is named, else the one that it began with.
func (j *journal) resumedFile(path string) string {
	if path != "" || j == nil || j.resumed == nil {
		return path
	}
	file := j.resumed.Note.File
	if here, err := os.Getwd(); err == nil {
		if relative, err := filepath.Rel(here, file); err == nil && !strings.HasPrefix(relative, "..") {
			return relative
		}
	}
	return file
}

// goOn takes from the journal what the run began with.
func (s *selection) goOn(run *checkpoints.Run, o *Options) (err error) {
	o.only, o.from = run.Note.Only, run.Note.From
	if s.file, err = s.whole.Select(o.only, o.from); err != nil {
		return cli.UsageError(fmt.Errorf("session %s began with %s: %w", run.ID, o.selectedBy(), err))
	}
	s.values, s.taken = run.Note.Values, run.Note.Taken
	return nil
}
