// Package root is the command line of backspan: the root command with its verbs, help, man pages and
// completion, and how the process ends.
package root

import (
	"context"
	"errors"
	"io"
	"log"
	"os"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"go.opentelemetry.io/otel"
	"google.golang.org/grpc/grpclog"

	"github.com/backspan/backspan/cmd/backspan/internal/advise"
	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/demo"
	"github.com/backspan/backspan/cmd/backspan/internal/doctor"
	"github.com/backspan/backspan/cmd/backspan/internal/events"
	"github.com/backspan/backspan/cmd/backspan/internal/exec"
	"github.com/backspan/backspan/cmd/backspan/internal/flaky"
	"github.com/backspan/backspan/cmd/backspan/internal/look"
	"github.com/backspan/backspan/cmd/backspan/internal/run"
	"github.com/backspan/backspan/cmd/backspan/internal/sessions"
	"github.com/backspan/backspan/cmd/backspan/internal/settings"
	"github.com/backspan/backspan/cmd/backspan/internal/term"
	"github.com/backspan/backspan/cmd/backspan/internal/whatif"
)

// Execute runs the command line args and returns the exit code.
func Execute(args []string, in io.Reader, out, errOut io.Writer) int {
	quietLibraries()
	std := cli.Streams{In: in, Out: out, Err: errOut, Color: new(string)}
	running := false
	root := newRoot(std, &running)
	root.SetArgs(args)
	command, err := root.ExecuteContextC(context.Background())
	if err == nil {
		return 0
	}
	var exit *cli.ExitError
	switch {
	case errors.As(err, &exit):
	case running:
		exit = &cli.ExitError{Code: cli.ExitFailed, Err: err}
	default: // cobra refused the command line before any command ran
		exit = &cli.ExitError{Code: cli.ExitUsage, Err: meant(root, args, err), Usage: true}
	}
	for _, one := range apart(err) {
		if e, ok := errors.AsType[*cli.ExitError](one); ok {
			one = e.Err
		} else if !running {
			one = exit.Err
		}
		if one != nil {
			cli.Printf(errOut, "backspan: %v\n", one)
		}
	}
	if exit.Usage {
		cli.Printf(errOut, "See '%s --help'.\n", command.CommandPath())
	}
	return exit.Code
}

// apart returns the errors that errors.Join has put together, in order.
func apart(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	list := joined.Unwrap()
	if err.Error() != errors.Join(list...).Error() { // it has words of its own
		return []error{err}
	}
	var all []error
	for _, one := range list {
		all = append(all, apart(one)...)
	}
	return all
}

// quietLibraries keeps the lines that net/http, gRPC and OpenTelemetry log by themselves off stderr, which is for
// people. What failed reaches them as an error of ours.
func quietLibraries() {
	log.SetOutput(io.Discard)
	otel.SetLogger(logr.Discard())
	if os.Getenv("GRPC_GO_LOG_SEVERITY_LEVEL") == "" {
		grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard))
	}
}

func newRoot(std cli.Streams, running *bool) *cobra.Command {
	root := &cobra.Command{
		Use:   "backspan",
		Short: "Make retries visible",
		Long: `Backspan makes retries visible: every operation is an OpenTelemetry span, every attempt a child span with its
delay and its error, and events.jsonl tells the same story to grep.

` + settings.Help + "\n\n" + settings.EnvironmentHelp,
		Example: `  backspan demo                      see retries, a recovery and their waterfall
  backspan demo --scenario outage    see an operation give up
  docker compose up -d               start Jaeger; the demo finds it by itself`,
		// No template for it, nor for help: cobra's templates cost the linker its eye for unused methods, and the
		// program a sixth of its size.
		Version:       version(),
		SilenceErrors: true, // execute prints them
		SilenceUsage:  true,
		// meant asks in one line.
		DisableSuggestions: true,
		PersistentPreRunE: func(c *cobra.Command, _ []string) (err error) {
			if !explains(c) {
				err = settings.CheckFile() // a bad one is refused, also where only its events would be needed
			}
			*running = true
			return err
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetIn(std.In)
	root.SetOut(std.Out)
	root.SetErr(std.Err)
	root.SetFlagErrorFunc(cli.FlagError)
	*std.Color = term.Auto
	cli.ChoiceVar(root, root.PersistentFlags(), std.Color, "color", []string{term.Auto, term.Always, term.Never},
		"colours; auto: on a terminal, unless $NO_COLOR, $CLICOLOR_FORCE or $CLICOLOR say otherwise")
	root.AddCommand(
		advise.NewCommand(std), demo.NewCommand(std), doctor.NewCommand(std), events.NewCommand(std),
		exec.NewCommand(std), flaky.NewCommand(std), look.NewReportCommand(std), look.NewShowCommand(std),
		run.NewCommand(std), run.NewInitCommand(std), sessions.NewCommand(std), whatif.NewCommand(std), newMan(std),
	)
	root.SetHelpCommand(newHelp(std))
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	addCommonParts(root)
	return root
}
