package whatif

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/command"
	"github.com/backspan/backspan/cmd/backspan/internal/eventfiles"
	"github.com/backspan/backspan/cmd/backspan/internal/eventquery"
	"github.com/backspan/backspan/cmd/backspan/internal/history"
	"github.com/backspan/backspan/cmd/backspan/internal/pipefile"
	"github.com/backspan/backspan/cmd/backspan/internal/replay"
	"github.com/backspan/backspan/cmd/backspan/internal/term"
	"github.com/backspan/backspan/events"
)

// Options are what the flags of whatif say.
type Options struct {
	cli.Streams
	policy       string
	sweep        bool
	operations   []string
	since, until string
	seed         uint64
	json, utc    bool

	command *cobra.Command
}

// NewCommand makes the verb whatif.
func NewCommand(std cli.Streams) *cobra.Command {
	o := &Options{Streams: std}
	c := &cobra.Command{
		Use:   "whatif [FILE...]",
		Short: "Say what another retry policy would have done",
		Long: `Whatif reads an event log and replays its operations with another retry policy: success rate, calls,
durations, waits and peak, beside those that were recorded. Files and times are as for backspan events.

--policy takes the keys of a pipeline file with their values: max_retries, base_delay, max_delay, multiplier, jitter,
attempt_timeout, max_elapsed, and budget, the capacity of the one that the operations of a process share. What is not
named is retry's default. --sweep tries a grid of max_retries and base_delay instead, and --policy says the rest.

The recorded column is counted. The replayed one is an estimate with an interval that holds it in 95 of 100 cases, and
where failures come with load it is a bound: ≤ or ≥. Before anything is said the recorded policy is replayed; when
that does not give what was counted, nothing else is printed. Beyond the oldest age at which the log saw an attempt
there is no answer. It needs a log with tallies of what succeeded at once: those of exec, run and demo have none.
How well it does, and what it stands on: docs/whatif.md.

The exit code is 0 for an answer, 1 when the log does not give one, 2 for a policy or a file that cannot be used.
--json says the same: answered, and why not.`,
		Example: `  backspan whatif --policy 'max_retries=2 jitter=full'
  backspan whatif --policy 'base_delay=250ms jitter=full budget=10' --operation fetch --since 1d
  backspan whatif --sweep web-*/events.jsonl
  backspan whatif --policy max_retries=0 --json | jq .answers[0].figures.success_rate`,
		Args: cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, files []string) error { return o.run(files) },
	}
	o.command = c
	f := c.Flags()
	f.StringVar(&o.policy, "policy", "", "the `policy` to replay, such as 'max_retries=2 jitter=full'")
	f.BoolVar(&o.sweep, "sweep", false, "a table over those of max_retries and base_delay that --policy does not name")
	f.StringArrayVar(&o.operations, "operation", nil, "only this `operation`")
	f.StringVar(&o.since, "since", "", "from this `time` on")
	f.StringVar(&o.until, "until", "", "before this `time`")
	f.Uint64Var(&o.seed, "seed", 1, "the `number` that chance begins with: the same gives the same answer")
	f.BoolVar(&o.json, "json", false, "the answer as JSON")
	f.BoolVar(&o.utc, "utc", false, "times in UTC instead of local time")
	eventfiles.CompleteTimes(c)
	eventfiles.CompleteOperations(c)
	cli.CompleteWith(c, "policy", func(_ []string, typed string) (words []string, _ cobra.ShellCompDirective) {
		before := typed[:strings.LastIndexByte(typed, ' ')+1]
		for _, key := range pipefile.PolicyKeys() {
			words = append(words, before+key+"=")
		}
		return words, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	})
	cli.CompleteWith(c, "seed", func([]string, string) ([]string, cobra.ShellCompDirective) {
		return nil, cobra.ShellCompDirectiveNoFileComp
	})
	c.ValidArgsFunction = eventfiles.CompleteLogs
	return c
}

func (o *Options) run(files []string) error {
	asked, err := o.asked()
	if err != nil {
		return err
	}
	h, badFile, err := o.history(files)
	if err != nil || h == nil {
		return errors.Join(err, badFile)
	}
	a := answerOf(h, asked, o.seed, o.progress)
	out := bufio.NewWriter(o.Out)
	if o.json {
		err = cli.WriteJSON(out, a)
	} else {
		a.write(out, o.zone(), o.sweep)
	}
	if err = errors.Join(err, out.Flush(), badFile); !a.Answered {
		reason := error(nil)
		if !o.json && a.Why != "" {
			reason = errors.New(a.Why)
		}
		err = errors.Join(err, &cli.ExitError{Code: cli.ExitFailed, Err: reason})
	}
	return err
}

// progress tells a person who waits for many policies how many have been replayed.
func (o *Options) progress(done, all int) {
	if stderr, ok := o.Err.(*os.File); !ok || all == 1 || !term.IsTerminal(stderr) {
		return
	}
	said := fmt.Sprintf("backspan: replayed %d of %d policies", done, all)
	if done == all {
		said = strings.Repeat(" ", len(said)) + "\r"
	}
	cli.Print(o.Err, "\r"+said)
}

// asked are the policies to replay.
func (o *Options) asked() ([]replay.Policy, error) {
	if !o.sweep && strings.TrimSpace(o.policy) == "" {
		what := "neither --policy nor --sweep says what to replay"
		if o.command.Flags().Changed("policy") {
			what = "--policy is empty"
		}
		return nil, cli.UsageError(errors.New(what + ", want for example --policy 'max_retries=2 jitter=full'"))
	}
	words, budget, err := pipefile.ParsePolicy(o.policy)
	if err != nil {
		var all []error
		for line := range strings.SplitSeq(err.Error(), "\n") {
			all = append(all, cli.UsageError(errors.New("--policy: "+line)))
		}
		return nil, errors.Join(all...)
	}
	if !o.sweep {
		return []replay.Policy{{Retry: words.Resolve(0), Budget: budget}}, nil
	}
	return sweep(words, budget), nil
}

// sweep is a grid over what words do not say.
func sweep(words command.Policy, budget int) (list []replay.Policy) {
	retries := []int{0, 1, 2, 3, 5}
	delays := []time.Duration{100 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second}
	if words.MaxRetries != nil {
		retries = []int{*words.MaxRetries}
	}
	if words.BaseDelay != nil {
		delays = []time.Duration{*words.BaseDelay}
	}
	most := words.Resolve(0).WithDefaults().MaxDelay
	if delays = slices.DeleteFunc(delays, func(d time.Duration) bool { return d > most }); len(delays) == 0 {
		delays = []time.Duration{most}
	}
	said := map[string]bool{} // without retries no delay matters
	for _, n := range retries {
		for _, d := range delays {
			one := words
			one.MaxRetries, one.BaseDelay = &n, &d
			p := replay.Policy{Retry: one.Resolve(0), Budget: budget}
			if !said[p.String()] {
				said[p.String()] = true
				list = append(list, p)
			}
		}
	}
	return list
}

func (o *Options) zone() *time.Location {
	if o.utc {
		return time.UTC
	}
	return time.Local
}

// history reads the logs. badFile is the exit code for a file that could not be used; h is nil when there is nothing to
// answer from.
func (o *Options) history(files []string) (h *history.History, badFile, err error) {
	filter := eventquery.Filter{
		Types:      []string{events.TypeAttempt, events.TypeRecovered, events.TypeStopped, events.TypeTally},
		Operations: o.operations,
	}
	if filter.Since, filter.Until, err = eventfiles.Range(o.command.Flags(), o.since, o.until); err != nil {
		return nil, nil, err
	}
	collector := history.NewCollector()
	q := eventfiles.Query{Streams: o.Streams, Zone: o.zone(), Keeps: true}
	some, badFile := q.Lines(filter.Compile(), files, collector.Add)
	switch {
	case errors.Is(badFile, history.ErrTooLarge):
		return nil, nil, cli.UsageError(badFile)
	case !some:
		return nil, badFile, nil
	}
	return collector.History(), badFile, nil
}
