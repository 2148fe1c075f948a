package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/otel"

	"github.com/backspan/backspan/cmd/backspan/internal/doctor"
	"github.com/backspan/backspan/cmd/backspan/internal/eventquery"
)

// doctorOptions are what the flags of doctor say.
type doctorOptions struct {
	streams
	telemetryFlags
	timeout time.Duration
	json    bool
}

func newDoctor(std streams) *cobra.Command {
	o := &doctorOptions{streams: std}
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Find out why there is nothing to see in Jaeger",
		Long: `Doctor checks what stands between a span and the page in Jaeger where it is looked for: the settings, the endpoint as
the exporter reads it, TLS, the sampler, the propagators, the service name, the event log, the clock. It sends one test
span, says whether the collector took it, and asks Jaeger for it: at port 16686 of the endpoint's host, or where
$BACKSPAN_JAEGER_URL says. It writes no event and no file.

Each line is ok, a note, or a problem with what to do about it.

` + telemetryHelp + `

Exit code: 0 no problem, 1 there is one, 2 usage.`,
		Example: `  backspan doctor
  backspan doctor --otlp-endpoint https://collector.example.com --otlp-header "authorization=Bearer $TOKEN"
  OTEL_TRACES_SAMPLER=always_off backspan doctor
  backspan doctor --json | jq '.checks[] | select(.status == "problem")'`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	f := c.Flags()
	f.DurationVar(&o.timeout, "timeout", 5*time.Second, "longest wait for the collector, and for Jaeger")
	f.BoolVar(&o.json, "json", false, "print what was found as JSON")
	o.telemetryFlags.register(f, "")
	return c
}

func (o *doctorOptions) run(ctx context.Context) error {
	if o.timeout <= 0 {
		return usage(fmt.Errorf("--timeout is %v, want more than 0", o.timeout))
	}
	config, err := o.settings()
	if err != nil {
		return err
	}
	if err := apart(o.named()...); err != nil {
		return err
	}
	ctx, stop := withSignals(ctx)
	defer stop()
	// What the exporter complains of is in the findings.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
	report := doctor.Examine(ctx, doctor.Patient{
		Config:    config,
		Source:    o.source,
		Timeout:   o.timeout,
		JaegerURL: os.Getenv("BACKSPAN_JAEGER_URL"),
	})
	if ctx.Err() != nil {
		return exitOf(ctx, errors.New("interrupted"))
	}
	if err := o.print(report); err != nil {
		return err
	}
	if !report.OK {
		return &exitError{code: exitFailed}
	}
	return nil
}

func (o *doctorOptions) print(report doctor.Report) error {
	if o.json {
		return writeJSON(o.out, report)
	}
	terminal := o.terminal(o.out)
	paint := map[doctor.Status]string{doctor.OK: "\x1b[32m", doctor.Note: "\x1b[33m", doctor.Problem: "\x1b[31m"}
	arrow := "→ "
	if terminal.ASCII {
		arrow = "-> "
	}
	var text bytes.Buffer
	for _, f := range report.Checks {
		status := fmt.Sprintf("%-7s", f.Status)
		if terminal.Color {
			status = paint[f.Status] + status + "\x1b[0m"
		}
		fmt.Fprintf(&text, "%s  %-11s  %s\n", status, f.Check, eventquery.Printable(f.Text))
		if f.Advice != "" {
			fmt.Fprintf(&text, "%22s%s%s\n", "", arrow, eventquery.Printable(f.Advice))
		}
	}
	switch report.Problems {
	case 0:
		text.WriteString("\nNo problem was found.\n")
	case 1:
		text.WriteString("\nThere is 1 problem.\n")
	default:
		fmt.Fprintf(&text, "\nThere are %d problems.\n", report.Problems)
	}
	_, err := o.out.Write(text.Bytes())
	return err
}
