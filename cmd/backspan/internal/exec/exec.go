// Package exec is the verb exec: it runs a command, retries it when it fails, and traces it.
package exec

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/backspan/backspan/cmd/backspan/internal/child"
	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/command"
	"github.com/backspan/backspan/cmd/backspan/internal/settings"
	"github.com/backspan/backspan/cmd/backspan/internal/watch"
	"github.com/backspan/backspan/retry"
)

// Options are what the flags of exec say.
type Options struct {
	cli.Streams
	settings.Flags
	name             string
	unnamed          bool           // name is that of a shell or an interpreter, and says little
	policy           command.Policy // without the jitter
	jitter           string
	grace            time.Duration
	beforeRetry      string
	onFailure        string
	onFailureTimeout time.Duration
	holdStdout       bool
	replayStdin      bool
	quiet            bool
	junit            string

	captureStderr bool
}

// NewCommand makes the verb exec.
func NewCommand(std cli.Streams) *cobra.Command {
	o := &Options{Streams: std, jitter: retry.NoJitter.String()}
	policy := retry.Policy{}.WithDefaults()
	c := &cobra.Command{
		Use:   "exec [flags] -- COMMAND [ARG…]",
		Short: "Run a command, retry it when it fails, and trace it",
		Long: `Exec runs a command until it succeeds or is given up. The whole is one span, every attempt a span
below it with the command line (secrets masked, 128 bytes at most), its exit code or signal, the wait before it, and
the last lines of its stderr as the reason of its failure (not on a terminal: see below). Nothing is printed unless an
attempt fails; then it is one line on stderr, with the wait. stdout is the command's alone.

The command finds TRACEPARENT and TRACESTATE, BACKSPAN_SESSION, BACKSPAN_PHASE (empty outside a phase) and
BACKSPAN_ATTEMPT (from 1) in its environment, so that a backspan or any instrumented program in it joins the
trace; exec itself joins that of a TRACEPARENT that it finds. A backspan in it writes to the same files, which
BACKSPAN_EVENTS and BACKSPAN_TRACE_FILE name.

Every attempt is a process group of its own. INT, TERM, HUP, QUIT, USR1 and USR2 are handed on to it; the first
four also end the retrying, and how the command then ends is its own matter. When --attempt-timeout is over the
group gets TERM, and after --grace KILL; no process of the group survives that, but a descendant that has made a
session or group of its own (setsid) is out of reach, and lives on. A process that runs as another user (sudo,
setuid) cannot be told to end: exec says so, and waits for it. When backspan itself is killed (KILL), Linux sends
TERM to the command, but not to what the command started, nor to one that runs as another user; on other systems
the command lives on.

On a terminal the command may read, and Ctrl-C and Ctrl-Z work as without backspan. When stdout and stderr are
both terminals, stderr is the command's own, so that pagers (less, git log, man) and job control work; the
reason of a failure is then its exit code or signal alone. Otherwise, and with --capture-stderr, stderr goes
through backspan: through a terminal of its own when stderr is one and --capture-stderr is not given, else
through a pipe. What a command leaves running in the background then loses it when the attempt ends, and what a
full disk does not take of it is lost. A stream that is closed is the null device for the command.

Without --retry-on and --retry-on-output every failure is retried, but not a command that cannot be started (126,
127). With them, those that either names are; --stop-on and --stop-on-output win over both. Nothing is retried when
nobody reads stdout any more, nor what a pager shows. In numbers, 0 means zero: --max-retries 0 runs the command once, --base-delay 0 does
not wait; for timeouts and --max-elapsed it means none.

--retry-on-output and --stop-on-output look for a regular expression (as Go has them: RE2) in the last 64 KiB of
stderr and of stdout, without colours; ^ and $ are the ends of a line. With either, both streams go through pipes, as
stderr does with --capture-stderr. Where backspan has the last lines of stdout, for these rules or for --hold-stdout,
they are the reason of a failure of which stderr says nothing. What --hold-stdout keeps of the last attempt is
printed to stderr when that failed.

--before-retry runs before the command in every attempt but the first, after the wait, and --on-failure when the
command was given up, not when a signal ended it. Both find BACKSPAN_EXIT_CODE and BACKSPAN_ERROR of the attempt that
failed, BACKSPAN_OPERATION, and BACKSPAN_ATTEMPTS, how many were made, in their environment; for --before-retry
BACKSPAN_ATTEMPT is the one that begins. sh -e runs them (cmd /C on Windows): they end at their first command that
fails. Their stdout goes to stderr. An exit code of theirs is said and changes nothing. --before-retry takes its time
of the attempt's: when --attempt-timeout is over meanwhile, the attempt has failed. --on-failure has
--on-failure-timeout for itself, and then ends as an attempt does: TERM, and KILL after --grace.

--junit writes a test case: failed attempts are flakyFailure of what recovered, failure and rerunFailure of what was
given up. Under GitHub Actions a warning for a command that needed more than one attempt, or an error for one that was
given up, goes to stderr (not with --quiet), and a table to the summary of the job ($GITHUB_STEP_SUMMARY), unless
--ci is off. A file that cannot be written is said and changes nothing.

Exit code, as that of timeout(1): the command's own from its last attempt; 124 when that timed out, 137 when it
had to be killed for it; 125 when exec itself failed, also when what was typed cannot be used; 126 when the
command cannot be executed, 127 when it does not exist; 128+N when signal N ended it (exec then ends by that
signal, too). Trouble with telemetry never changes it: it is told in a line, and spans wait for a collector for
2 seconds at most.

` + settings.Help,
		Example: `  backspan exec -- curl -fsS https://example.com/data.json
  backspan exec --max-retries 5 --jitter full -- rsync -a src/ host:dst/
  backspan exec --attempt-timeout 30s --retry-on timeout,75 -- ./job.sh
  backspan exec --stop-on-output 'unauthorized|not found' -- ./deploy.sh
  backspan exec --max-retries unlimited --max-elapsed 5m -- pg_isready -h db
  backspan exec --hold-stdout --replay-stdin -- ./convert < in > out
  backspan exec --before-retry 'rm -rf build' -- make
  backspan exec --name integration --junit junit.xml -- make integration
  backspan exec --on-failure 'mail -s "$BACKSPAN_ERROR" ops' -- ./backup.sh`,
		// A bad configuration file is no reason not to run the command.
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil },
		RunE:              func(c *cobra.Command, args []string) error { return o.run(c.Context(), args) },
	}
	f := c.Flags()
	f.SetInterspersed(false) // flags behind the command are the command's
	f.StringVar(&o.name, "name", "",
		"name of the `operation` in traces and events (default the command's name, which says\n"+
			"little of what a shell or an interpreter runs)")
	f.Var((*retryCount)(&policy.MaxRetries), "max-retries", "retries after the first attempt, or unlimited")
	o.policy = command.Policy{
		MaxRetries: &policy.MaxRetries,
		BaseDelay:  f.Duration("base-delay", policy.BaseDelay, "wait before the first retry"),
		MaxDelay:   f.Duration("max-delay", policy.MaxDelay, "longest wait"),
		Multiplier: f.Float64("multiplier", policy.Multiplier,
			"growth of the wait from one retry to the next, at least 1"),
		AttemptTimeout: f.Duration("attempt-timeout", 0, "how long an attempt may take; 0 for no limit"),
		MaxElapsed:     f.Duration("max-elapsed", 0, "begin no wait that would end later than this; 0 for no limit"),
		RetryOn:        &command.Ends{},
		StopOn:         &command.Ends{},
		RetryOnOutput:  &command.Patterns{},
		StopOnOutput:   &command.Patterns{},
	}
	f.Var(o.policy.RetryOn, "retry-on",
		"retry only after these `ends`: exit codes, ranges such as 75-78, timeout, signal; commas between")
	f.Var(o.policy.StopOn, "stop-on", "do not retry after these `ends`")
	f.Var(o.policy.RetryOnOutput, "retry-on-output",
		"retry only when the last lines of stderr or stdout match this `regex`; may be repeated")
	f.Var(o.policy.StopOnOutput, "stop-on-output",
		"do not retry when the last lines of stderr or stdout match this `regex`; may be repeated")
	cli.ChoiceVar(c, f, &o.jitter, "jitter", []string{
		retry.NoJitter.String(), retry.FullJitter.String(), retry.EqualJitter.String(),
		retry.DecorrelatedJitter.String(),
	}, "how waits are spread, so that those who failed together do not come back together")
	f.DurationVar(&o.grace, "grace", 10*time.Second,
		"how long after TERM, at a timeout, to send KILL; 0 sends KILL at once")
	f.StringVar(&o.beforeRetry, "before-retry", "", "shell `command` to run before each retry, after the wait")
	f.StringVar(&o.onFailure, "on-failure", "", "shell `command` to run when the command was given up")
	f.DurationVar(&o.onFailureTimeout, "on-failure-timeout", time.Minute,
		"how long the --on-failure command may take; 0 for no limit")
	f.BoolVar(&o.holdStdout, "hold-stdout", false,
		"keep each attempt's stdout back, and print only that of the one that succeeds;\n"+
			"when the last one fails, its stdout goes to stderr")
	f.BoolVar(&o.captureStderr, "capture-stderr", false,
		"keep the last lines of stderr also on a terminal, through a pipe: pagers work, colours go")
	f.BoolVar(&o.replayStdin, "replay-stdin", false, "read stdin to its end first, and give all of it to every attempt")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print nothing about retries and telemetry")
	f.StringVar(&o.junit, "junit", "", "write a test case with failed attempts as its reruns, a JUnit XML `file`")
	o.Flags.Register(c, "")
	o.Flags.RegisterCI(c)
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return ownFailure(cli.FlagError(c, err)) })
	cli.Complete(c, "max-retries", []string{"0", "3", "5", "10", "unlimited"})
	for _, flag := range []string{"retry-on", "stop-on"} {
		cli.Complete(c, flag, []string{"timeout", "signal"})
	}
	return c
}

// ownFailure gives a failure of exec itself an exit code of its own, also when a flag is wrong: a command may return 2
// as well, and a script has to tell the two apart.
func ownFailure(err error) error {
	return &cli.ExitError{Code: child.CodeOwn, Err: err, Usage: true}
}

func (o *Options) run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return ownFailure(errors.New("no command to run, want one behind the flags: backspan exec -- COMMAND"))
	}
	if err := o.checkPolicy(); err != nil {
		return ownFailure(err)
	}
	if o.name == "" {
		o.name = command.Name(args)
		o.unnamed = command.IsInterpreter(o.name)
	}
	if err := o.checkJUnit(); err != nil {
		return ownFailure(err)
	}
	tracing, err := o.startTracing(ctx)
	if err != nil {
		return ownFailure(err)
	}
	signals := watchSignals(ctx)
	defer signals.stop()

	x := &execution{Options: o, args: args, tracing: tracing, signals: signals}
	defer func() {
		x.stdin.close()
		x.held.close()
	}()
	end, err := x.run()
	if err == nil && x.gaveUp {
		x.tellFailure()
	}
	tracing.end(signals.finishing(watch.ExportTimeout))
	x.tellCI()
	if err != nil {
		return &cli.ExitError{Code: child.CodeOwn, Err: err}
	}
	return end.leave()
}

// checkJUnit says why the file of --junit cannot be written. What is wrong with the files of telemetry is told later.
func (o *Options) checkJUnit() error {
	flags := &o.Flags
	if flags.Targets() != nil {
		flags = o.TypedOnly()
	}
	return flags.Targets(cli.Target{By: "--junit", Path: o.junit})
}

// An ending says how exec ends.
type ending struct {
	code int
	died bool // by the signal code-128
}

// leave ends this process by the signal that ended the command, or returns the exit code.
func (e ending) leave() error {
	if e.died {
		child.Die(syscall.Signal(e.code - child.CodeSignal))
	}
	if e.code == 0 {
		return nil
	}
	return &cli.ExitError{Code: e.code}
}

// checkPolicy completes the policy, and refuses one that cannot be used.
func (o *Options) checkPolicy() error {
	jitter, err := retry.ParseJitter(o.jitter)
	if err != nil {
		return err
	}
	o.policy.Jitter = &jitter
	err = cli.NotNegative(o.FlagSet, "base-delay", "max-delay", "attempt-timeout", "grace", "max-elapsed",
		"on-failure-timeout")
	if err != nil {
		return err
	}
	if m := *o.policy.Multiplier; m == 0 || (retry.Policy{Multiplier: m}).Validate() != nil {
		return cli.BadValue("--multiplier", fmt.Sprint(m), errors.New("want a finite number of at least 1"))
	}
	if err := cli.NotAbove(o.FlagSet, "base-delay", "max-delay"); err != nil {
		return err
	}
	if !o.FlagSet.Changed("base-delay") { // its default gives way to a smaller --max-delay
		o.policy.BaseDelay = nil
	}
	return o.policy.Resolve(0).Validate()
}
