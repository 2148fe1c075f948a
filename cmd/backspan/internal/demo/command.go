package demo

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/command"
	"github.com/backspan/backspan/cmd/backspan/internal/settings"
	"github.com/backspan/backspan/cmd/backspan/internal/watch"
	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
)

// Options are what the flags of demo say.
type Options struct {
	cli.Streams
	settings.Flags
	scenario   Scenario
	seed       uint64
	result     string
	maxRetries int
	baseDelay  time.Duration
	maxDelay   time.Duration
	noRecovery bool
	dryRun     bool
	json       bool
	page       string
}

// NewCommand makes the verb demo.
func NewCommand(std cli.Streams) *cobra.Command {
	o := &Options{Streams: std, scenario: Flaky}
	policy := OperationPolicy().WithDefaults()
	c := &cobra.Command{
		Use:   "demo",
		Short: "Run a small real pipeline against a flaky service and show its retries",
		Long: `Demo starts a data service on a loopback port and runs a pipeline of three phases against it:
data_preparation fetches and checks a data set, analysis computes with it, report writes a result file. The
service fails as services do, for real: answers 503 with Retry-After, connections reset in mid-body, answers
that come too late.

  healthy     nothing fails
  flaky       operations retry, one phase is recovered, all ends well
  outage      the service goes away; the pipeline fails
  permanent   the service sends what no retry can mend; the pipeline fails at once
  slow        many answers come too late at first; all ends well

Exit code: 0 all well, 1 the pipeline failed, 2 usage, 129, 130, 131 or 143 ended by a signal.`,
		Example: `  backspan demo
  backspan demo --scenario outage --max-retries 1
  backspan demo --seed 7 --json | jq .phases[].recovery
  docker compose up -d && backspan demo`,
		Args:              cli.Args(0, 0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	f := c.Flags()
	cli.ChoiceVar(c, f, &o.scenario, "scenario", Scenarios, "how the service behaves")
	f.Uint64Var(&o.seed, "seed", 1, "which requests fail how; the same `number` repeats the run")
	f.StringVar(&o.result, "result", "data/session/result.json", "the `file` that the report phase writes")
	f.IntVar(&o.maxRetries, "max-retries", policy.MaxRetries, "retries of each operation after its first attempt")
	f.DurationVar(&o.baseDelay, "base-delay", policy.BaseDelay, "wait before an operation's first retry")
	f.DurationVar(&o.maxDelay, "max-delay", policy.MaxDelay, "longest wait between an operation's attempts")
	f.BoolVar(&o.noRecovery, "no-recovery", false, "do not recover failed phases")
	f.BoolVar(&o.dryRun, "dry-run", false, "only say what each phase would do")
	f.BoolVar(&o.json, "json", false, "print the report as JSON on stdout, everything else on stderr")
	f.StringVar(&o.page, "report", "", "write the run as a page to look at, an HTML `file`")
	o.Flags.Register(c, settings.DefaultTraceFile)
	return c
}

func (o *Options) run(ctx context.Context) error {
	policy, err := o.policy()
	if err == nil {
		err = o.Targets(o.resultFile(), cli.Target{By: "--report", Path: o.page})
	}
	if err != nil {
		return err
	}
	ctx, stop := cli.WithSignals(ctx)
	defer stop()

	w, err := watch.Start(ctx, o.Streams, &o.Flags)
	if err != nil {
		return err
	}
	report, runErr := o.pipeline(ctx, policy, w.Session())
	exit := cli.ExitOf(ctx, w.Err(runErr)) // now: a signal during the export changes nothing any more
	w.End(ctx)

	picture := o.Out
	if o.json {
		picture = o.Err
		if err := cli.WriteJSON(o.Out, w.Report(report)); err != nil {
			return err
		}
	}
	if o.dryRun {
		printPlan(picture, report)
		return exit
	}
	result := ""
	if runErr == nil {
		result = o.result
	}
	w.Draw(picture, result)
	if err := w.WritePage(picture, o.page); err != nil {
		return errors.Join(err, exit)
	}
	return exit
}

// policy is the operations' policy with what the flags say.
func (o *Options) policy() (retry.Policy, error) {
	if err := cli.NotNegative(o.FlagSet, "max-retries", "base-delay", "max-delay"); err != nil {
		return retry.Policy{}, err
	}
	if err := cli.NotAbove(o.FlagSet, "base-delay", "max-delay"); err != nil {
		return retry.Policy{}, err
	}
	said := command.Policy{MaxRetries: &o.maxRetries, MaxDelay: &o.maxDelay}
	if o.FlagSet.Changed("base-delay") { // its default gives way to a smaller --max-delay
		said.BaseDelay = &o.baseDelay
	}
	p := said.Resolve(defaultBaseDelay)
	p.AttemptTimeout = attemptTimeout
	if o.maxDelay == 0 {
		p.MaxDelay = time.Nanosecond // 0 would mean the default
	}
	return p, nil
}

// pipeline runs the demo's pipeline against its service, which a dry run does not need.
func (o *Options) pipeline(ctx context.Context, policy retry.Policy, session string) (orchestrator.Report, error) {
	url := "http://127.0.0.1:0"
	if !o.dryRun {
		service, err := StartService(o.scenario, o.seed, LateAnswer)
		if err != nil {
			return orchestrator.Report{}, err
		}
		defer service.Close() //nolint:errcheck // the run is over and its results are in
		url = service.URL()
	}
	return Pipeline(url, o.resultFile(), policy).Run(ctx, orchestrator.Options{
		RunID:          session,
		EnableRecovery: !o.noRecovery,
		DryRun:         o.dryRun,
	})
}

// resultFile is the file that the report phase writes.
func (o *Options) resultFile() cli.Target {
	return cli.Target{By: "--result", Path: o.result, Origin: cli.OriginOf(o.FlagSet, "result")}
}

// printPlan prints what each phase of a dry run would do.
func printPlan(out io.Writer, report orchestrator.Report) {
	for _, phase := range report.Phases {
		var plan struct{ Would string }
		if err := phase.Output(&plan); err != nil {
			plan.Would = err.Error()
		}
		cli.Printf(out, "%-18s would %s\n", phase.Phase, plan.Would)
	}
}
