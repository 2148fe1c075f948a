package events

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/eventquery"
	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/internal/nearest"
)

// A view is what the flags of stats ask for.
type view struct {
	by string
}

func (o *Options) newStats() *cobra.Command {
	var v view
	c := &cobra.Command{
		Use: "stats [FILE...]", Args: cobra.ArbitraryArgs,
		Short: "Sum up each operation: attempts, recoveries, waits, errors",
		Long: `Stats sums up each operation that had a failed attempt, what hurts most first: how often it was
asked for and how many calls that became (retry amplification), how many were retried, recovered and given up,
the time spent waiting, and the commonest errors. The waits are those planned before the retries that were made;
one that was cut short is not among them: show tells how long that was. Calls that succeed at once are counted by
the log's tallies: they are in SUCCESS and in no other number. The log tells some operations only
together, as (other): those have no rate. Then each phase that failed, if only at first: whether a recovery or its
fallback saved it, or it was lost. Errors are counted by what their texts have in common: … stands for numbers, ids,
addresses and what is in quotes. A terminal shows what fits; into a pipe goes everything, one line each.`,
		Example: statsExamples,
		RunE:    func(_ *cobra.Command, files []string) error { return o.stats(files, &v) },
	}
	c.Flags().StringVar(&v.by, "by", eventquery.ByOperation, "sum up by this `key` instead")
	cli.Complete(c, "by", statsKeys())
	return c
}

const statsExamples = `  backspan events stats --since 1h                      # what failed most in the last hour
  backspan events stats --by host                       # which host, service or pid wrote this
  backspan events stats --by error                      # the errors by what they have in common
  backspan events stats --since 1d --format csv         # for a spreadsheet; --format json for jq`

func statsKeys() []string { return append(slices.Clone(eventquery.Groups), string(eventquery.ByError)) }

// An answer is what was counted, as it can be written.
type answer interface {
	Write(w io.Writer, s eventquery.Style) error
	CSV(w io.Writer) error
}

func (o *Options) stats(files []string, v *view) error {
	if v.by == string(eventquery.ByError) {
		return o.countBy(files, v.by)
	}
	if !slices.Contains(statsKeys(), v.by) {
		return cli.UsageError(fmt.Errorf("--by is %q, want one of %s%s; count --by takes every key",
			v.by, strings.Join(statsKeys(), ", "), nearest.Ask(v.by, statsKeys())))
	}
	m, err := o.matcher()
	if err != nil {
		return err
	}
	if split := o.filter.Splits(); split != "" {
		return cli.UsageError(fmt.Errorf("stats sums up whole calls, and --%s keeps some of their events and leaves "+
			"out others: want --operation, --phase, --session, --trace, --since, --until, or --where with host, "+
			"service or pid; count and list take every filter", split))
	}
	all := eventquery.NewCounter(v.by)
	counters := make([]*eventquery.Counter, workers)
	for i := range counters {
		counters[i] = all.Fork()
	}
	dropped, some, err := o.inAnyOrder(m, files, func(worker int, l *events.Line) { counters[worker].Add(l) })
	if !some {
		return err
	}
	for _, c := range counters {
		all.Merge(c)
	}
	all.AddDropped(dropped)
	s := all.Stats()
	return cmp.Or(o.answer(&s), err)
}

// answer writes a in the format that was asked for.
func (o *Options) answer(a answer) error {
	out := bufio.NewWriter(o.Out)
	var err error
	switch o.format {
	case formatJSON:
		err = cli.WriteJSON(out, a)
	case formatCSV:
		err = a.CSV(out)
	default:
		err = a.Write(out, o.style())
	}
	return errors.Join(err, out.Flush())
}
