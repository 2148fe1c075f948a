// Package advise is the verb advise: it says what an event log suggests to change.
package advise

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/backspan/backspan/cmd/backspan/internal/advice"
	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/eventfiles"
	"github.com/backspan/backspan/cmd/backspan/internal/eventquery"
	"github.com/backspan/backspan/cmd/backspan/internal/history"
	"github.com/backspan/backspan/events"
)

// Options are what the flags of advise say.
type Options struct {
	cli.Streams
	flags        *pflag.FlagSet
	operations   []string
	since, until string
	json, utc    bool
}

// NewCommand makes the verb advise.
func NewCommand(std cli.Streams) *cobra.Command {
	o := &Options{Streams: std}
	c := &cobra.Command{
		Use:   "advise [FILE...]",
		Short: "Say what the events suggest to change about retries",
		Long: `Advise looks at each operation in event logs for what costs and does not help: a retry that never
helped, an error that never recovers, waits that are in step across processes, loops that are nested
and multiply, a MaxElapsed that cuts nothing or everything, a budget that is missing or starves. It
prints the numbers behind each finding, the change to make, what whatif says it would do, and the
command that lists the records.

It says little, and means it. A finding has at least 100 cases in at least 3 separate hours, between
which the operation succeeded: an outage is one incident, however long. Nothing contradicts it, and its
95 % bound is printed: that none of 214 recovered still allows 1.4 %. Of 100 logs in which nothing is
wrong at most 5 have a finding (Holm's correction over all that was looked at). Errors of connections,
DNS, timeouts, 5xx and 429 are never called permanent.

Files are read as backspan events reads them: plain, compressed, or - for standard input; none is
$BACKSPAN_EVENTS or data/session/events.jsonl with its rotated files. Exec, run and demo do not count
what succeeds at once, so that their logs say less.

Exit code: 0 with and without findings, 2 when a file cannot be used.`,
		Example: `  backspan advise
  backspan advise --since 1w --operation fetch_page
  backspan advise web-*/events.jsonl.gz
  backspan advise --json | jq '.findings[] | {operation, kind, change}'`,
		Args: cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, files []string) error { return o.run(files) },
	}
	f := c.Flags()
	o.flags = f
	f.StringArrayVar(&o.operations, "operation", nil, "only this `operation`; several may be given")
	f.StringVar(&o.since, "since", "", "from this `time` on")
	f.StringVar(&o.until, "until", "", "before this `time`")
	f.BoolVar(&o.json, "json", false, "for programs")
	f.BoolVar(&o.utc, "utc", false, "times in UTC instead of local time")
	c.ValidArgsFunction = eventfiles.CompleteLogs
	eventfiles.CompleteTimes(c)
	eventfiles.CompleteOperations(c)
	return c
}

func (o *Options) run(files []string) error {
	since, until, err := eventfiles.Range(o.flags, o.since, o.until)
	if err != nil {
		return err
	}
	filter := eventquery.Filter{
		Types:      []string{events.TypeAttempt, events.TypeRecovered, events.TypeStopped, events.TypeTally},
		Operations: o.operations, Since: since, Until: until,
	}
	zone := time.Local
	if o.utc {
		zone = time.UTC
	}
	collected := history.NewCollector()
	q := eventfiles.Query{Streams: o.Streams, Zone: zone, Keeps: true}
	some, err := q.Lines(filter.Compile(), files, collected.Add)
	if errors.Is(err, history.ErrTooLarge) {
		return cli.UsageError(err)
	}
	if !some {
		return err
	}
	h := collected.History()
	a := advice.Look(h)
	a.Replay(h)
	for _, f := range a.Findings {
		f.Records = o.of(files, f.Records)
		if len(f.WhatIf.Command) > 0 {
			f.WhatIf.Command = o.of(files, f.WhatIf.Command)
		}
	}
	return cmp.Or(o.print(a, zone), err)
}

// of is a command with the files, and with the flags for the time that was asked for as far as it has none of its own.
func (o *Options) of(files, words []string) []string {
	words = slices.Clone(words)
	for _, f := range []struct{ flag, value string }{{"--since=", o.since}, {"--until=", o.until}} {
		has := slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, f.flag) })
		if f.value != "" && !has {
			words = append(words, f.flag+f.value)
		}
	}
	return append(words, files...)
}

func (o *Options) print(a *advice.Advice, zone *time.Location) error {
	if o.json {
		return cli.WriteJSON(o.Out, a)
	}
	t := o.Terminal(o.Out)
	width, _ := t.Size()
	return a.Write(o.Out, advice.Style{Color: t.Color, ASCII: t.ASCII, Zone: zone, Width: width})
}
