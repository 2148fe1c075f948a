// Package run is the verbs run, which runs a pipeline file, and init, which writes one to start from.
package run

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/outputs"
	"github.com/backspan/backspan/cmd/backspan/internal/pipefile"
	"github.com/backspan/backspan/cmd/backspan/internal/plan"
	"github.com/backspan/backspan/cmd/backspan/internal/settings"
	"github.com/backspan/backspan/cmd/backspan/internal/steps"
	"github.com/backspan/backspan/cmd/backspan/internal/watch"
	"github.com/backspan/backspan/orchestrator"
)

// defaultPipeline is the file that run reads and init writes unless told otherwise.
const defaultPipeline = "pipeline.yaml"

// Options are what the flags of run say.
type Options struct {
	cli.Streams
	settings.Flags
	dryRun      bool
	noRecovery  bool
	only        []string
	from        string
	maxParallel int
	keepGoing   bool
	vars        []string
	outputs     string
	json        bool
	reportFile  string
	page        string
	junit       string

	checkpoint string
	required   bool
	resume     string
	force      bool
}

// NewCommand makes the verb run.
func NewCommand(std cli.Streams) *cobra.Command {
	o := &Options{Streams: std}
	c := &cobra.Command{
		Use:   "run [pipeline.yaml]",
		Short: "Run a pipeline of commands: retry its steps, recover its phases",
		Long: `Run runs the phases of a pipeline file (pipeline.yaml when none is named, - for stdin). A phase
is a list of steps, which run one after the other; a step is a command, and is retried by itself. When a step
was given up, its whole phase is tried again. Every run, phase, step and attempt is a span. backspan init writes
a file to start from.

A command is a list of words, run as it is, or a text, which sh -e runs: it ends at its first command that fails.
With shell: [bash, -euo, pipefail, -c] in the file, a phase or a step another shell does. Keys that begin with x- are
free for values with YAML anchors, which aliases and << use again further down.

A command runs in the directory of the file, reads nothing from stdin, and finds in its environment:
TRACEPARENT, TRACESTATE, BACKSPAN_SESSION, BACKSPAN_PHASE, BACKSPAN_ATTEMPT (of the step, from 1),
BACKSPAN_RECOVERY (of the phase, 0 for its first try), BACKSPAN_IDEMPOTENCY_KEY (the same for all tries of a
phase), the vars and env of the file, and BACKSPAN_OUTPUT_<PHASE>_<STEP> for each step before it that declares
an output (capital letters, _ for all else). What it writes goes to stdout and stderr with the step's name in
front of each line. A backspan in it writes to the same events and trace file (BACKSPAN_EVENTS,
BACKSPAN_TRACE_FILE), and with a trace file it stands in the same waterfall, below its step.

The outputs of steps that succeeded reach if: failure, if: always and the phase's own fallback, also when their
phase failed or was cancelled, and stand in the report. A command whose text, words, dir or variables name an
output that is not there is not started, and the error says why. A text may say what is to happen without:
${NAME-default}, ${NAME=default}, ${NAME+word} and ${NAME?message}, also with : before the sign, are left to the
shell, which has an empty text where the default or word is empty. The name stands whole: a text that puts one
together, as in eval or BACKSPAN_OUTPUT_${p}_DIR, is refused. A script in a file of its own finds the variable
unset, never empty. An output: text that is blank fails its step; output: text_or_empty may be blank.

--only and --from take the outputs of phases that they leave out from the last run of the file, when that had the
same phases, outputs and vars, and ran the output's step, and those before it, with the same command, shell, dir,
env and before_retry; or from --outputs, whatever they were made with: the JSON of an earlier run's --report-file,
or a session. What was taken, and what was not, is said; when a command names one that is not there, nothing
starts. For that, outputs are kept beside the event log, in outputs/, which only its owner can read: of the last
100 runs, not with events off, and none that looks like a secret.

When a phase has failed, no other begins, except for those with if: failure or always; with continue_on_error: true
or --keep-going those that do not need it do. allow_failure: true lets a phase fail without failing the run and what
needs it, and a step without failing its phase. success_codes: [0, 24] are the exit codes of success; with one of
skip_codes: [75] a step, or the whole phase, counts as skipped, and so do phases that need it. Of retry, retry_on
and retry_on_output are the only failures that are retried, by exit code and by a regular expression for the last
lines of stderr and stdout; stop_on and stop_on_output are final, for the phase too. before_retry is a command that
runs before each retry, in its attempt's time; it finds BACKSPAN_ERROR and BACKSPAN_EXIT_CODE of the attempt that
failed, BACKSPAN_OPERATION, and in BACKSPAN_ATTEMPTS how many were made. Its failure is said and changes nothing.
if_began: PHASE skips a phase when that one did not begin: with if: always, to clean up after it.

Commands of phases with if: failure or always, and fallbacks, find in BACKSPAN_RUN_STATUS how the run has gone so
far (success, failed or cancelled) and, when something failed, BACKSPAN_FAILED_PHASE, BACKSPAN_FAILED_STEP,
BACKSPAN_FAILED_ERROR and BACKSPAN_FAILED_EXIT_CODE: of several failures the first one that the phase waits for,
else the first one; in a fallback its own phase's, and the status there is failed, or cancelled. When nothing
failed, and where something is not known, they are not set: with set -u write ${BACKSPAN_FAILED_PHASE-}. Failures
that are allowed do not count.

--junit writes a test suite for each phase, with a test case for the phase and one for each step: failed attempts are
flakyFailure of what recovered, failure and rerunFailure of what was given up. Under GitHub Actions a warning for what
needed more than one attempt and an error for what was given up go to stderr, and a table to the summary of the job
($GITHUB_STEP_SUMMARY), unless --ci is off. A backspan in a command then leaves it to this one, if there is a trace
file.

--checkpoint keeps the run in a journal, which is synced before and after each try of a phase, so that --resume goes
on with it after a crash, a reboot or a signal: as the same session, without the phases that succeeded, with their
outputs. A phase that was cut off runs again from its first step, with the same BACKSPAN_IDEMPOTENCY_KEY; when it was
cut off as often as its recovery allows failures, or twice without one, it has failed. Waits pass also while nothing
runs, timeouts do not. A file that has changed is refused, with what changed; --force keeps the outputs of phases that
succeeded. The journal holds outputs and vars as they are, secrets too, for its owner only, and is removed when the run
ends. backspan sessions lists the others. A journal that cannot be written is said, and the run goes on without one,
unless --checkpoint-required stops it.

A dry run prints the plan and starts nothing, except that phases with a dry_run command run that one. A plan's worst
case counts every retry and recovery that the policies allow.

On SIGINT, SIGTERM, SIGHUP or SIGQUIT the commands get TERM, and KILL when the file's grace is over; only phases
with "if: always" go on and still begin, to clean up. A second signal is KILL for all of them at once. The report
is complete all the same. HUP never is the second signal, nor is one that comes again within a second: a terminal
that closes sends more than one. A command that runs as another user (sudo, setuid) cannot be told to end: run says
so and waits for it. When backspan itself is killed (KILL), Linux sends TERM to the commands, but not to what they
started, nor to those that run as another user; on other systems they live on. Ctrl-Z stops backspan and what it
prints, but not the commands that run.

Exit code: 0 all well, or what failed was allowed to; 1 the pipeline failed; 2 usage or a file that cannot be used;
129, 130, 131 or 143 ended by a signal.`,
		Example: `  backspan run
  backspan run nightly.yaml --var region=eu --report run.html
  backspan run nightly.yaml --junit junit.xml
  backspan run nightly.yaml --dry-run
  backspan run nightly.yaml --from analysis
  backspan run nightly.yaml --from analysis --outputs last-week.json
  backspan run nightly.yaml --checkpoint; backspan run nightly.yaml --resume
  backspan run nightly.yaml --json | jq '.phases[] | {phase, status}'`,
		Args: func(c *cobra.Command, args []string) error {
			if o.resumes() {
				return cli.Args(0, 2)(c, args)
			}
			return cli.Args(0, 1)(c, args)
		},
		ValidArgsFunction: cobra.FixedCompletions([]string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt),
		RunE: func(c *cobra.Command, args []string) error {
			path, err := o.named(args)
			if err != nil {
				return err
			}
			return o.run(c.Context(), path)
		},
	}
	f := c.Flags()
	f.BoolVar(&o.dryRun, "dry-run", false, "print the plan; run dry_run commands and nothing else")
	f.BoolVar(&o.noRecovery, "no-recovery", false, "do not recover failed phases, nor fall back")
	f.StringSliceVar(&o.only, "only", nil, "run these `phases` only, as if what they need were done")
	f.StringVar(&o.from, "from", "", "run this `phase` and what comes after it, as if what comes before were done")
	f.StringVar(&o.outputs, "outputs", "",
		"take the outputs of phases left out by --only or --from from this `report|session`, or off "+
			"(default the last run of the file, where that made them in the same way)")
	f.BoolVar(&o.keepGoing, "keep-going", false,
		"begin phases although another one has failed, unless they need it, as continue_on_error: true has it")
	f.IntVar(&o.maxParallel, "max-parallel", 0, "most phases under way at once; 0 for no limit")
	f.StringArrayVar(&o.vars, "var", nil, "`name=value` for a var of the file; may be repeated")
	f.BoolVar(&o.json, "json", false,
		"print the report (in a dry run: the plan) as JSON on stdout, everything else on stderr")
	f.StringVar(&o.reportFile, "report-file", "", "write the report as JSON to this `file`")
	f.StringVar(&o.page, "report", "", "write the run as a page to look at, an HTML `file`")
	f.StringVar(&o.junit, "junit", "",
		"write phases and steps as test cases with failed attempts as their reruns, a JUnit XML `file`")
	o.registerCheckpoint(c)
	o.Flags.Register(c, settings.DefaultTraceFile)
	o.Flags.RegisterCI(c)
	completeRun(c)
	return c
}

func (o *Options) run(ctx context.Context, path string) error {
	if err := cmp.Or(o.checkCheckpoint(path), o.check(cmp.Or(path, defaultPipeline))); err != nil {
		return err
	}
	journal, err := o.journalOf(ctx, cmp.Or(path, defaultPipeline))
	if err != nil {
		return err
	}
	path = cmp.Or(journal.resumedFile(path), defaultPipeline)
	whole, err := o.read(path)
	if err != nil {
		return err
	}
	if o.FlagSet.Changed("keep-going") {
		whole.ContinueOnError = o.keepGoing
	}
	s := &selection{path: path, whole: whole, journal: journal}
	if s.store, err = o.storeOf(); err != nil {
		return err
	}
	if journal != nil && journal.resumed != nil {
		return o.runAgain(ctx, s)
	}
	if s.file, err = whole.Select(o.only, o.from); err != nil {
		return cli.UsageError(fmt.Errorf("%s: %w", o.selectedBy(), err))
	}
	if s.values, err = o.values(whole); err != nil {
		return cli.UsageError(err)
	}
	runner := &steps.Runner{Environ: os.Environ(), Values: s.values}
	pipeline := runner.Pipeline(s.file)
	if err := o.takeOutputs(s, runner); err != nil {
		return err
	}
	if o.dryRun {
		if err := o.printPlan(s); err != nil || !slices.ContainsFunc(s.file.Phases, dryRuns) {
			return err
		}
	} else {
		for _, line := range s.taken.Lines() {
			cli.Printf(o.Err, "%s\n", line)
		}
	}
	return o.start(ctx, s, runner, pipeline)
}

// runAgain goes on with a run.
func (o *Options) runAgain(ctx context.Context, s *selection) error {
	if err := s.goOn(s.journal.resumed, o); err != nil {
		return err
	}
	o.Flags.Session = s.journal.resumed.ID
	runner := &steps.Runner{Environ: os.Environ(), Values: s.values}
	pipeline := runner.Pipeline(s.file)
	for phase, state := range s.journal.resumed.Note.States {
		if err := runner.Restore(phase, state); err != nil {
			return err
		}
	}
	o.goesOn(s.journal.resumed)
	return o.start(ctx, s, runner, pipeline)
}

func dryRuns(p pipefile.Phase) bool { return p.DryRun != nil }

// check looks at what is typed, before anything else.
func (o *Options) check(path string) error {
	for flag, empty := range map[string]bool{
		"only": slices.Contains(o.only, "") || len(o.only) == 0, "from": o.from == "",
	} {
		if empty && o.FlagSet.Changed(flag) { // without a name all phases would run
			return cli.BadValue("--"+flag, strings.Join(o.only, ",")+o.from, errors.New("want the name of a phase"))
		}
	}
	if o.from != "" && len(o.only) > 0 {
		return cli.UsageError(errors.New("--only and --from are given, want one of the two"))
	}
	if o.FlagSet.Changed("outputs") {
		switch {
		case o.outputs == "":
			return cli.BadValue("--outputs", "", errors.New("want a report, a session, or off"))
		case o.from == "" && len(o.only) == 0:
			return cli.UsageError(errors.New(
				"--outputs is given, but neither --only nor --from, which leave phases out"))
		}
	}
	if path == "-" {
		path = "" // stdin is no file to keep
	}
	return cmp.Or(cli.NotNegative(o.FlagSet, "max-parallel"), o.Targets(
		cli.Target{By: "the pipeline", Path: path, Input: true},
		cli.Target{By: "--report-file", Path: o.reportFile}, cli.Target{By: "--report", Path: o.page},
		cli.Target{By: "--junit", Path: o.junit}))
}

// read reads the pipeline. What is wrong with it is printed a line each, as compilers do, for editors to follow.
func (o *Options) read(path string) (*pipefile.File, error) {
	file, err := parse(path, o.In)
	var problems *pipefile.Error
	switch {
	case errors.Is(err, os.ErrNotExist) && path == defaultPipeline:
		return nil, cli.UsageError(fmt.Errorf("there is no %s here; name a file, or write one with backspan init",
			path))
	case errors.As(err, &problems):
		for _, line := range problems.Lines() {
			cli.Printf(o.Err, "%s\n", line)
		}
		return nil, cli.UsageError(nil)
	case err != nil:
		return nil, cli.UsageError(err)
	}
	for _, hint := range file.Hints {
		cli.Printf(o.Err, "%s%v\n", nameOf(path), hint)
	}
	return file, nil
}

// nameOf is what messages call the pipeline file at path.
func nameOf(path string) string {
	if path == "-" {
		return "stdin"
	}
	return path
}

// parse reads the pipeline file at path, - for stdin.
func parse(path string, stdin io.Reader) (*pipefile.File, error) {
	text, err := cli.ReadInput(path, stdin, pipefile.MaxBytes)
	if err != nil {
		return nil, err
	}
	file, err := pipefile.Parse(nameOf(path), text)
	if err != nil {
		return nil, err
	}
	if path != "-" {
		file.Dir = filepath.Dir(path)
	}
	return file, nil
}

func (o *Options) values(file *pipefile.File) (map[string]string, error) {
	given := map[string]string{}
	for _, text := range o.vars {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, errors.New("--var cannot be used, want name=value") // the text may be a secret
		}
		given[name] = value
	}
	values, err := file.Values(given, os.Environ())
	if err != nil {
		return nil, fmt.Errorf("--var: %w", err)
	}
	return values, nil
}

func (o *Options) printPlan(s *selection) error {
	planned := plan.Of(s.file, !o.noRecovery, o.maxParallel)
	planned.Outputs = s.taken
	if o.json {
		return cli.WriteJSON(o.Out, planned)
	}
	return planned.Write(o.Out)
}

// start runs what is to be run of a file.
func (o *Options) start(
	ctx context.Context, s *selection, runner *steps.Runner, pipeline orchestrator.Pipeline,
) error {
	std, childOut, lost := o.sharedStreams()
	ctx, cleanup, stop := withSignals(ctx)
	defer stop()
	w, err := watch.Start(ctx, std, &o.Flags)
	if err != nil {
		return err
	}
	runner.Stdout, runner.Stderr = childOut(w)
	runner.Environ = append(runner.Environ, w.Environ()...)
	runner.Mask = w.Mask
	keep := sync.OnceValue(func() *outputs.Keeper {
		return o.keepOutputs(s, w.Session(), func(err error) { w.Live.Printf("backspan: %v", err) })
	})
	runner.OnOutput = func(phase, step string, value json.RawMessage) {
		if keeper := keep(); keeper != nil {
			keeper.Add(phase, step, value)
		}
	}
	if s.journal == nil || s.journal.resumed == nil { // else another process may have the run
		runner.EachOutput(runner.OnOutput)
		keep()
	}
	defer context.AfterFunc(cleanup, runner.Kill)()
	report, runErr := o.drive(settings.ParentTrace(ctx), s, runner, pipeline, orchestrator.Options{
		RunID:           w.Session(),
		EnableRecovery:  !o.noRecovery,
		DryRun:          o.dryRun,
		MaxParallel:     o.maxParallel,
		ContinueOnError: s.file.ContinueOnError,
		Grace:           s.file.Grace + extraGrace,
		Cleanup:         cleanup,
	}, keep, w.Live.Printf)
	w.End(ctx)
	if report.Status == "" { // nothing was run
		return o.refused(s, w.Session(), runErr)
	}
	addUnselected(&report, s)
	err = runner.AddOutputs(&report)
	if keeper := keep(); keeper != nil {
		keeper.End(report.Status)
	}

	err = errors.Join(err, lost(), o.writeResults(std, w, withSteps(w.Report(report), runner)))
	if s.journal != nil {
		say := func(format string, args ...any) { cli.Printf(o.Err, format, args...) }
		err = errors.Join(err, s.journal.close(context.WithoutCancel(ctx), w.Session(), report.Status, say))
	}
	if runErr != nil {
		return errors.Join(err, cli.ExitOf(ctx, w.Err(ending(runErr))))
	}
	return err
}

// extraGrace is what a command may take to end after KILL before its phase is left behind: the kernel needs a moment,
// and output is waited for.
const extraGrace = 5 * time.Second

// writeResults writes what is known of a run that ended: report, picture and page.
func (o *Options) writeResults(std cli.Streams, w *watch.Watch, report stepsReport) error {
	var failures []error
	if o.json && !o.dryRun {
		failures = append(failures, cli.WriteJSON(std.Out, report))
	}
	if o.reportFile != "" {
		target := cli.Target{Path: o.reportFile}
		failures = append(failures, target.WriteFile(func(w io.Writer) error { return cli.WriteJSON(w, report) }))
	}
	// stdout is the commands'.
	var picture io.Writer = o.Err
	w.Draw(picture, "")
	failures = append(failures, w.WritePage(picture, o.page), w.WriteJUnit(o.junit, &report.Report))
	if o.GitHub() {
		if err := w.TellGitHub(&report.Report, func(line string) { cli.Print(std.Err, line+"\n") }); err != nil {
			cli.Printf(std.Err, "backspan: %v\n", err)
		}
	}
	return errors.Join(failures...)
}

// A stepsReport is a report whose phases list their steps.
type stepsReport struct {
	orchestrator.Report
	Phases []phaseReport `json:"phases"` // in place of the report's
}

type phaseReport struct {
	orchestrator.PhaseResult
	Steps []steps.Result `json:"steps,omitempty"` // of the phase's last try, in their order; those that began
}

func withSteps(report orchestrator.Report, runner *steps.Runner) stepsReport {
	out := stepsReport{Report: report, Phases: make([]phaseReport, len(report.Phases))}
	for i, phase := range report.Phases {
		out.Phases[i] = phaseReport{phase, runner.Steps(phase.Phase)}
	}
	return out
}

// addUnselected adds the phases that were left out, so that the report is one of the whole file.
func addUnselected(report *orchestrator.Report, s *selection) {
	phases := make([]orchestrator.PhaseResult, 0, len(s.whole.Phases))
	for _, phase := range s.whole.Phases {
		result, ok := report.Phase(phase.Name)
		if !ok {
			result = orchestrator.PhaseResult{Phase: phase.Name, Status: orchestrator.Skipped, Reason: "not selected"}
		}
		if slices.Contains(s.taken.Phases, phase.Name) {
			result.Reason += ", with the outputs of session " + s.taken.Session
		}
		phases = append(phases, result)
	}
	report.Phases = phases
}
