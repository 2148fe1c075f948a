// Package sessions is the verb sessions, which lists the runs that can be resumed.
package sessions

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/backspan/backspan/cmd/backspan/internal/checkpoints"
	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/settings"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/orchestrator/checkpoint"
)

// Options are what the flags of sessions say.
type Options struct {
	cli.Streams
	settings.Flags
	dir    string
	remove []string
	json   bool
}

// NewCommand makes the verb sessions.
func NewCommand(std cli.Streams) *cobra.Command {
	o := &Options{Streams: std}
	c := &cobra.Command{
		Use:   "sessions",
		Short: "List the runs that can be resumed: their state, their age, and where they stopped",
		Long: `Sessions lists the runs of backspan run --checkpoint that have not ended: running (a process has it),
interrupted (its process was killed), stopped (by a signal), or ended (only its report was not delivered). backspan run
--resume goes on with one that nobody runs. The journal of a run that has ended is removed by that run.

Journals hold the outputs of steps and the values of vars as they are, secrets too, for their owner only (0600). Remove
those that you will not resume.`,
		Example: `  backspan sessions
  backspan sessions --json | jq -r '.[] | select(.state == "interrupted") | .session_id'
  backspan sessions --remove 4786a9a2-c5bf-41ca-a26e-e1ae5d01f41c`,
		Args: cli.Args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	f := c.Flags()
	f.StringVar(&o.dir, "checkpoint", checkpoints.Default, "the `directory` of the journals, as of run")
	f.StringArrayVar(&o.remove, "remove", nil, "remove the journal of this `session`; may be repeated")
	f.BoolVar(&o.json, "json", false, "print JSON")
	o.Flags.Register(c, settings.DefaultTraceFile)
	f.VisitAll(func(flag *pflag.Flag) {
		switch flag.Name {
		case "checkpoint", "remove", "json", "events":
		default:
			flag.Hidden = true // of telemetry, which this verb does not start
		}
	})
	return c
}

func (o *Options) run(ctx context.Context) error {
	store, dir, err := checkpoints.Store(&o.Flags, "--checkpoint", o.dir)
	if err != nil {
		return err
	}
	damaged := false
	runs, err := checkpoints.Runs(ctx, store, func(err error) {
		damaged = true
		cli.Printf(o.Err, "backspan: %v\n", err)
	})
	if err != nil {
		return err
	}
	switch {
	case o.remove != nil:
		return o.removeAll(ctx, store, runs, dir)
	case o.json:
		err = cli.WriteJSON(o.Out, described(runs))
	case len(runs) == 0 && !damaged:
		cli.Printf(o.Err, "%s has no runs that can be resumed\n", dir)
	default:
		err = o.print(runs)
	}
	if err == nil && damaged {
		return &cli.ExitError{Code: cli.ExitFailed}
	}
	return err
}

func (o *Options) removeAll(ctx context.Context, store checkpoint.Store, runs []checkpoints.Run, dir string) error {
	for _, session := range o.remove {
		if session == "" {
			return cli.BadValue("--remove", "", fmt.Errorf("want a session"))
		}
		run, err := checkpoints.Find(runs, session, "", dir)
		if err != nil {
			return cli.UsageError(fmt.Errorf("--remove: %w", err))
		}
		if err := store.Remove(ctx, run.ID); err != nil {
			return fmt.Errorf("session %s: %w", run.ID, err)
		}
		cli.Printf(o.Err, "removed session %s\n", run.ID)
	}
	return nil
}

func (o *Options) print(runs []checkpoints.Run) error {
	table := tabwriter.NewWriter(o.Out, 0, 0, 2, ' ', 0)
	if _, err := fmt.Fprintln(table, "session\tstate\tbegan\tlast\tdone\twhere\tfile"); err != nil {
		return err
	}
	for _, run := range runs {
		_, err := fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d/%d\t%s\t%s\n", text.Line(run.ID), run.State, ago(run.Began),
			ago(run.Last), len(run.Done), run.Phases, text.Line(where(&run.Info)), text.Line(shown(run.Note.File)))
		if err != nil {
			return err
		}
	}
	return table.Flush()
}

func ago(at time.Time) string { return text.Duration(max(0, time.Since(at))) + " ago" }

// where says where a run stopped.
func where(run *checkpoint.Info) string {
	var parts []string
	for _, place := range run.At {
		parts = append(parts, place.String())
	}
	switch {
	case run.State == checkpoint.Ended:
		return string(run.Status)
	case parts == nil && run.Reason != "":
		return run.Reason
	case parts == nil:
		return "between two phases"
	}
	return strings.Join(parts, "; ")
}

// shown is a path as it is typed here, when it is below this directory.
func shown(path string) string {
	here, err := filepath.Abs(".")
	if err == nil {
		if relative, err := filepath.Rel(here, path); err == nil && !strings.HasPrefix(relative, "..") {
			return relative
		}
	}
	return path
}

// A description is a run in the JSON.
type description struct {
	Session  string              `json:"session_id"`
	State    checkpoint.State    `json:"state"`
	Pipeline string              `json:"pipeline"`
	File     string              `json:"file"`
	Began    time.Time           `json:"began"`
	Last     time.Time           `json:"last"` // the last that is known of it
	PID      int                 `json:"pid"`  // of the process that had it last
	Host     string              `json:"host,omitempty"`
	Status   orchestrator.Status `json:"status,omitempty"` // of one that has ended
	Reason   string              `json:"reason,omitempty"` // why it was stopped
	Phases   int                 `json:"phases"`
	Done     []string            `json:"done"`
	At       []place             `json:"at"`
}

type place struct {
	Phase    string     `json:"phase"`
	Recovery int        `json:"recovery"` // 0: the first attempt
	Fallback bool       `json:"fallback,omitempty"`
	Until    *time.Time `json:"waiting_until,omitempty"`
	Lost     int        `json:"lost,omitempty"` // attempts that ended with their process
}

func described(runs []checkpoints.Run) []description {
	list := make([]description, 0, len(runs))
	for _, run := range runs {
		d := description{
			Session: run.ID, State: run.State, Pipeline: run.Pipeline, File: run.Note.File,
			Began: run.Began, Last: run.Last, PID: run.PID, Host: run.Host, Status: run.Status, Reason: run.Reason,
			Phases: run.Phases,
			Done:   append([]string{}, run.Done...), At: []place{},
		}
		for _, at := range run.At {
			p := place{Phase: at.Phase, Recovery: at.Attempt, Fallback: at.Fallback, Lost: at.Lost}
			if !at.Until.IsZero() {
				p.Until = &at.Until
			}
			d.At = append(d.At, p)
		}
		list = append(list, d)
	}
	return list
}
