package look

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/cmd/backspan/internal/waterfall"
)

// showOptions are what the flags of show say.
type showOptions struct {
	cli.Streams
	source
	all   bool
	width int
}

// NewShowCommand makes the verb show.
func NewShowCommand(std cli.Streams) *cobra.Command {
	o := &showOptions{Streams: std}
	c := &cobra.Command{
		Use:   "show [SESSION | trace file | events file]",
		Short: "Draw the waterfall of a run in the terminal",
		Long: `Show draws the waterfall of a session: its run, phases, operations and attempts, with waits and
errors, in colour on a terminal and plain elsewhere.

` + sourceHelp + `
Long pictures are folded to what went wrong; --all shows every row.`,
		Example: `  backspan show
  backspan show 4786a9a2
  backspan show build/trace.json --all | less
  backspan show --list`,
		Args:              cli.Args(0, 1),
		ValidArgsFunction: completeSource,
		RunE:              func(_ *cobra.Command, args []string) error { return o.run(args) },
	}
	f := c.Flags()
	f.BoolVar(&o.all, "all", false, "show every row")
	f.IntVar(&o.width, "width", 0, "`columns` to draw in (default those of the terminal)")
	o.source.register(c)
	return c
}

func (o *showOptions) run(args []string) error {
	if o.width != 0 && o.width < waterfall.MinWidth {
		return cli.BadValue("--width", strconv.Itoa(o.width), fmt.Errorf("want %d or more", waterfall.MinWidth))
	}
	if o.list {
		return o.printList(o.Streams, args)
	}
	session, err := o.open(args)
	if err != nil {
		return err
	}
	t := o.Terminal(o.Out)
	options := waterfall.Options{Width: o.width, Color: t.Color, ASCII: t.ASCII}
	if o.width == 0 {
		options.Width, _ = t.Size()
	}
	if o.all {
		options.MaxRows = waterfall.NoFold
	}
	if err := waterfall.Render(o.Out, session, options); err != nil {
		return err
	}
	cli.Printf(o.Out, "\n")
	if began := session.First; !began.IsZero() {
		cli.Printf(o.Out, "%-8s %s\n", "began", began.UTC().Format(time.RFC3339))
	}
	if session.ID != "" {
		cli.Printf(o.Out, "%-8s %s\n", "session", text.Line(session.ID))
	}
	cli.Printf(o.Out, "%-8s %s\n", "from", session.Source)
	for _, note := range session.Notes {
		cli.Printf(o.Err, "backspan: %s\n", note)
	}
	return nil
}
