package look

import (
	"cmp"
	"io"

	"github.com/spf13/cobra"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/page"
	"github.com/backspan/backspan/internal/safefile"
)

// reportOptions are what the flags of report say.
type reportOptions struct {
	cli.Streams
	source
	output string
}

// NewReportCommand makes the verb report.
func NewReportCommand(std cli.Streams) *cobra.Command {
	o := &reportOptions{Streams: std}
	c := &cobra.Command{
		Use:   "report [SESSION | trace file | events file]",
		Short: "Make an HTML page of a run: its waterfall, counts, and where the time went",
		Long: `Report makes one self-contained HTML page of a session: the waterfall of its run, phases,
operations and attempts, with waits drawn as waits, what each operation cost, and every error. The page loads
nothing and sends nothing: mail it, keep it with the build, open it in ten years.

` + sourceHelp + `
An events file knows less than a trace file, and the page says what.`,
		Example: `  backspan demo && backspan report
  backspan report 4786a9a2 -o monday.html
  backspan report build/trace.json --session 4786a9a2
  backspan report --list
  backspan report -o - | gzip > report.html.gz`,
		Args:              cli.Args(0, 1),
		ValidArgsFunction: completeSource,
		RunE: func(c *cobra.Command, args []string) error {
			return o.run(args, cli.OriginOf(c.Flags(), "output"))
		},
	}
	f := c.Flags()
	f.StringVarP(&o.output, "output", "o", "report.html", "the `file` to write, or - for stdout")
	o.source.register(c)
	if err := c.MarkFlagFilename("output", "html"); err != nil {
		panic(err) // the flag does not exist: wrong in every run, so the first test finds it
	}
	return c
}

func (o *reportOptions) run(args []string, origin safefile.Origin) error {
	if o.list {
		return o.printList(o.Streams, args)
	}
	s, err := o.open(args)
	if err != nil {
		return err
	}
	write := func(w io.Writer) error { return page.Write(w, s) }
	if o.output == "-" {
		return write(o.Out)
	}
	target := cli.Target{By: "--output", Path: o.output, Origin: origin}
	from := cli.Target{By: "what the page is made from", Path: s.Source}
	if err := cmp.Or(target.Writable(), cli.Apart(from, target)); err != nil {
		return err
	}
	if err := target.WriteFile(write); err != nil {
		return err
	}
	cli.Printf(o.Err, "%s: %s, from %s\n", o.output, s.Title(), s.Source)
	return nil
}
