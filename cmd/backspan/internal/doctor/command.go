package doctor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/otel"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/settings"
	"github.com/backspan/backspan/cmd/backspan/internal/term"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
)

// Options are what the flags of doctor say.
type Options struct {
	cli.Streams
	settings.Flags
	timeout time.Duration
	json    bool
}

// NewCommand makes the verb doctor.
func NewCommand(std cli.Streams) *cobra.Command {
	o := &Options{Streams: std}
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Find out why there is nothing to see in Jaeger",
		Long: `Doctor checks what stands between a span and the page in Jaeger where it is looked for: the
settings, the endpoint as the exporter reads it, TLS, the sampler, the propagators, the service name, the event
log, what is masked in error texts, the clock. It sends one test span, says whether the collector took it, and asks Jaeger for it: at port
16686 of the endpoint's host, or where $BACKSPAN_JAEGER_URL says. It writes no event and no file.

Each line is ok, a note, or a problem with what to do about it.

` + settings.Help + `

Exit code: 0 no problem, 1 there is one, 2 usage.`,
		Example: `  backspan doctor
  export BACKSPAN_OTLP_ENDPOINT=https://collector.example.com BACKSPAN_OTLP_HEADER="authorization=Bearer $TOKEN"
  OTEL_TRACES_SAMPLER=always_off backspan doctor
  backspan doctor --json | jq '.checks[] | select(.status == "problem")'`,
		Args:              cli.Args(0, 0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	f := c.Flags()
	f.DurationVar(&o.timeout, "timeout", 5*time.Second, "longest wait for the collector, and for Jaeger")
	f.BoolVar(&o.json, "json", false, "print what was found as JSON")
	o.Flags.Register(c, "")
	return c
}

func (o *Options) run(ctx context.Context) error {
	if o.timeout <= 0 {
		return cli.BadValue("--timeout", o.timeout.String(), errors.New("want more than 0"))
	}
	config, err := o.Settings()
	if err != nil {
		return err
	}
	ctx, stop := cli.WithSignals(ctx)
	defer stop()
	// What the exporter complains of is in the findings.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
	report := Examine(ctx, Setup{
		Config:    config,
		Redact:    o.Expressions(),
		Source:    o.Source,
		Timeout:   o.timeout,
		Withheld:  o.Withheld(),
		JaegerURL: settings.JaegerURL(),
	})
	if ctx.Err() != nil {
		return cli.ExitOf(ctx, errors.New("interrupted"))
	}
	if err := o.print(report); err != nil {
		return err
	}
	if !report.OK {
		return &cli.ExitError{Code: cli.ExitFailed}
	}
	return nil
}

func (o *Options) print(report Report) error {
	if o.json {
		return cli.WriteJSON(o.Out, report)
	}
	terminal := o.Terminal(o.Out)
	styles := map[Status]term.Style{OK: term.Green, Note: term.Yellow, Problem: term.Red}
	arrow := "→ "
	if terminal.ASCII {
		arrow = "-> "
	}
	var out bytes.Buffer
	for _, f := range report.Checks {
		status := fmt.Sprintf("%-7s", f.Status)
		if terminal.Color {
			status = styles[f.Status].Paint(status)
		}
		fmt.Fprintf(&out, "%s  %-11s  %s\n", status, f.Check, text.Line(f.Text))
		if f.Advice != "" {
			fmt.Fprintf(&out, "%22s%s%s\n", "", arrow, text.Line(f.Advice))
		}
	}
	switch report.Problems {
	case 0:
		out.WriteString("\nNo problem was found.\n")
	case 1:
		out.WriteString("\nThere is 1 problem.\n")
	default:
		fmt.Fprintf(&out, "\nThere are %d problems.\n", report.Problems)
	}
	_, err := o.Out.Write(out.Bytes())
	return err
}
