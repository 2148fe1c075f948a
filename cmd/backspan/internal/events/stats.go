package events

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/eventquery"
	"github.com/backspan/backspan/internal/nearest"
)

// A view is what the flags of stats ask for.
type view struct {
	by, per, compareTo string
	times, loops       bool
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
	c.Flags().StringVar(&v.per, "per", "", "failures and waits in each piece of this `length`, such as 1h, with a bar")
	c.Flags().StringVar(&v.compareTo, "compare-to", "",
		"what is worse than in this `time` before --since; or TIME..TIME")
	c.Flags().BoolVar(&v.times, "times", false, "how long attempts, waits and recoveries took: p50, p95, p99")
	c.Flags().BoolVar(&v.loops, "loops", false, "loops within loops: what they multiply to, and what they wasted")
	c.MarkFlagsMutuallyExclusive("by", "per", "compare-to", "times", "loops")
	cli.Complete(c, "by", statsKeys())
	cli.Complete(c, "per", []string{"1m", "10m", "1h", "1d"})
	cli.Complete(c, "compare-to", []string{"1h", "1d", "1w", "yesterday..today"})
	return c
}

const statsExamples = `  backspan events stats --since 1h                      # what failed most in the last hour
  backspan events stats --since 1h --compare-to 1d      # whose retries are worse than in the day before
  backspan events list --session 4786a9a2               # one session's story in order
  backspan events stats --per 1h --since 1d             # time lost waiting, hour by hour
  backspan events stats --by host                       # which host, service or pid wrote this
  backspan events stats --by error                      # the errors by what they have in common
  backspan events stats --times                         # p50, p95, p99 of attempts, waits, recoveries
  backspan events stats --loops                         # loops within loops, and the work that was thrown away
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
	switch {
	case v.per != "":
		return o.timeline(m, files, v.per)
	case v.compareTo != "":
		return o.compare(m, files, v.compareTo)
	case v.times || v.loops:
		return o.followCalls(m, files, v)
	}
	all := eventquery.NewCounter(v.by)
	dropped, some, err := forked(o, m, files, all, (*eventquery.Counter).Add)
	if !some {
		return err
	}
	all.AddDropped(dropped)
	s := all.Stats()
	return cmp.Or(o.answer(&s), err)
}

func (o *Options) timeline(m *eventquery.Matcher, files []string, per string) error {
	step, err := eventquery.ParseStep(per)
	if err != nil {
		return cli.UsageError(fmt.Errorf("--per: %w", err))
	}
	all := eventquery.NewTimeline(step, o.style().Zone)
	dropped, some, err := forked(o, m, files, all, (*eventquery.Timeline).Add)
	if !some {
		return err
	}
	o.query().Dropped(dropped)
	pieces, tooMany := all.Pieces()
	if tooMany != nil {
		return cli.UsageError(fmt.Errorf("--per %s makes more than %d rows of this log: want a longer time, or --since",
			per, eventquery.MaxPieces))
	}
	return cmp.Or(o.answer(pieces), err)
}

func (o *Options) compare(m *eventquery.Matcher, files []string, to string) error {
	nowSide, beforeSide, err := eventquery.ParseComparison(m.Since(), m.Until(), to, time.Now())
	if err != nil {
		return cli.UsageError(err)
	}
	both := o.filter
	both.Since, both.Until = beforeSide.From, nowSide.Until
	if nowSide.From.Before(both.Since) {
		both.Since = nowSide.From
	}
	if beforeSide.Until.After(both.Until) {
		both.Until = beforeSide.Until
	}
	all := eventquery.NewComparer(nowSide, beforeSide)
	dropped, some, err := forked(o, both.Compile(), files, all, (*eventquery.Comparer).Add)
	if !some {
		return err
	}
	o.query().Dropped(dropped)
	return cmp.Or(o.answer(all.Comparison()), err)
}

func (o *Options) followCalls(m *eventquery.Matcher, files []string, v *view) error {
	all := eventquery.NewCallCounter()
	some, err := o.query().InOrder(m, files, eventquery.AppendCallNote, func(note []byte) error {
		all.Add(note)
		return nil
	}, func() error { return nil })
	if !some {
		return err
	}
	if v.times {
		return cmp.Or(o.answer(all.Times()), err)
	}
	return cmp.Or(o.answer(all.Loops()), err)
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
