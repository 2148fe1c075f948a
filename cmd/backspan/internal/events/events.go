// Package events is the verb events: it lists, counts, sums up and follows the events in log files.
package events

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/eventfiles"
	"github.com/backspan/backspan/cmd/backspan/internal/eventquery"
)

// Options are what the flags of the events commands say.
type Options struct {
	cli.Streams
	flags        *pflag.FlagSet
	filter       eventquery.Filter
	since, until string
	where        []string
	format       string
	json         bool // for --format json
	utc          bool
}

// NewCommand makes the verb events.
func NewCommand(std cli.Streams) *cobra.Command {
	o := &Options{Streams: std}
	c := &cobra.Command{
		Use:   "events [FILE...]",
		Short: "Ask events.jsonl what was retried, how often, and at what cost",
		Long: `Events reads event logs: plain, compressed by gzip, bzip2 or zstd, or - for standard input. When none is
named it is $BACKSPAN_EVENTS or data/session/events.jsonl, and with it the files that rotations made of it:
NAME.N and NAME-DATE, compressed or not. A file that is named is read alone. Several files are merged by time.

Without a word more it lists the events for people; --json hands the lines on as they are. A file that cannot be used
keeps no other from being read: it is named, and the exit code is 2.

Times: 2026-11-23T17:00:00Z, "2026-11-23 17:00", 2026-11-23, 17:00 (the last), now, yesterday, seconds since 1970, or
how long ago: 90m, 1d12h, 1w. What a change of the clock repeats needs its zone: "2026-10-25 02:30+02:00".
Conditions for --where: a key of the record or of its details, one of = != < <= > >= ~ !~, and a value; ~ asks for a
regular expression. Write them in quotes: --where 'delay>30'.`,
		Example: `  backspan events --since 1h --level error
  backspan events stats
  backspan events count --type autocorrect_attempt --result failed
  backspan events --operation fetch_page --where error_type=timeout --json | jq .trace_id
  backspan events web-*/events.jsonl.gz
  ssh web-1 cat /var/log/billing/events.jsonl | backspan events stats -`,
		Args: cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, files []string) error { return o.list(files) },
	}
	o.register(c)
	c.AddCommand(o.newList(), o.newCount(), o.newStats(), o.newFollow())
	c.ValidArgsFunction = eventfiles.CompleteLogs
	for _, below := range c.Commands() {
		below.ValidArgsFunction = eventfiles.CompleteFiles
	}
	return c
}

func (o *Options) register(c *cobra.Command) {
	f := c.PersistentFlags()
	o.flags = f
	for _, flag := range []struct {
		name, help string
		into       *[]string
	}{
		{"type", "only this `type`, for example autocorrect_attempt", &o.filter.Types},
		{"phase", "only this `phase`", &o.filter.Phases},
		{"operation", "only this `operation`", &o.filter.Operations},
		{"result", "only this `result`: retrying, failed, success, …", &o.filter.Results},
		{"level", "only this `level`: info, warning or error", &o.filter.Levels},
		{"session", "only this session `id`, or the UUIDs that begin so", &o.filter.Sessions},
		{"trace", "only this trace `id`", &o.filter.Traces},
		{"where", "only where this `condition` holds, such as error_type=timeout; several must all hold", &o.where},
	} {
		f.StringArrayVar(flag.into, flag.name, nil, flag.help)
	}
	f.StringVar(&o.since, "since", "", "from this `time` on")
	f.StringVar(&o.until, "until", "", "before this `time`")
	f.StringVar(&o.format, "format", formatText, "the `format` of the answer: text, json or csv")
	f.BoolVar(&o.json, "json", false, "the same as --format json")
	f.BoolVar(&o.utc, "utc", false, "times in UTC instead of local time")
	o.completions(c)
}

func (o *Options) newList() *cobra.Command {
	return &cobra.Command{
		Use: "list [FILE...]", Short: "List events, one a line (what events does by itself)", Args: cobra.ArbitraryArgs,
		Example: `  backspan events list --since 1h`,
		RunE:    func(_ *cobra.Command, files []string) error { return o.list(files) },
	}
}

func (o *Options) newCount() *cobra.Command {
	by := ""
	c := &cobra.Command{
		Use: "count [FILE...]", Short: "Count events", Args: cobra.ArbitraryArgs,
		Example: `  backspan events count --type autocorrect_attempt
  backspan events count --by error_type
  backspan events count --by error --since 1h   # the errors by what they have in common`,
		RunE: func(c *cobra.Command, files []string) error {
			if c.Flags().Changed("by") {
				return o.countBy(files, by)
			}
			return o.count(files)
		},
	}
	c.Flags().StringVar(&by, "by", "", "one number for each value of this `key`; error: for each kind of error")
	cli.Complete(c, "by", eventquery.Keys())
	return c
}

func (o *Options) newFollow() *cobra.Command {
	fromStart := false
	c := &cobra.Command{
		Use: "follow [FILE]", Short: "List events as they are written, across rotations", Args: cli.Args(0, 1),
		Example: `  backspan events follow --level error
  backspan events follow --from-start --json | jq --unbuffered .message`,
		RunE: func(c *cobra.Command, files []string) error { return o.follow(c.Context(), files, fromStart) },
	}
	c.Flags().BoolVar(&fromStart, "from-start", false, "begin with what is in the file already")
	return c
}
