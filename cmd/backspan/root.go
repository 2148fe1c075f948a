package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/backspan/backspan/cmd/backspan/internal/term"
)

// The exit codes beside 0 and those of signals (128 plus the signal's number).
const (
	exitFailed = 1 // what the command did failed
	exitUsage  = 2 // what was typed cannot be used
)

// streams are the command's own ends of the world.
type streams struct {
	in       io.Reader
	out, err io.Writer
	color    *string // what --color says
}

// terminal says what w can show, as --color and the environment want it.
func (s streams) terminal(w io.Writer) term.Terminal {
	file, _ := w.(*os.File)
	return term.Of(file, os.Getenv).Colored(*s.color)
}

// say prints for a person. When nobody can be told, nobody can be told that either.
func say(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }

// An exitError ends the program with a code of its own. Without err nothing more is printed: the command has said it.
type exitError struct {
	code    int
	err     error
	foreign bool // the code is that of a command, which may have any, and says nothing of what was typed
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usage marks what was typed as unusable.
func usage(err error) error { return &exitError{code: exitUsage, err: err} }

// execute runs the command line args and returns the exit code.
func execute(args []string, in io.Reader, out, errOut io.Writer) int {
	std := streams{in, out, errOut, new(string)}
	running := false
	root := newRoot(std, &running)
	root.SetArgs(args)
	command, err := root.ExecuteContextC(context.Background())
	if err == nil {
		return 0
	}
	var exit *exitError
	switch {
	case errors.As(err, &exit):
	case running:
		exit = &exitError{code: exitFailed, err: err}
	default: // cobra refused the command line before any command ran
		exit = &exitError{code: exitUsage, err: err}
	}
	if exit.err != nil {
		say(errOut, "backspan: %v\n", exit.err)
	}
	if exit.code == exitUsage && !exit.foreign {
		say(errOut, "See '%s --help'.\n", command.CommandPath())
	}
	return exit.code
}

func newRoot(std streams, running *bool) *cobra.Command {
	root := &cobra.Command{
		Use:   "backspan",
		Short: "Make retries visible",
		Long: `Backspan makes retries visible: every operation is an OpenTelemetry span, every attempt a child span with its
delay and its error, and events.jsonl tells the same story to grep.

` + telemetryHelp + "\n\n" + environmentHelp,
		Example: `  backspan demo                      see retries, a recovery and their waterfall
  backspan demo --scenario outage    see an operation give up
  docker compose up -d               start Jaeger; the demo finds it by itself`,
		// No template for it, nor for help: cobra's templates cost the linker its eye for unused methods, and the program
		// a sixth of its size.
		Version:       version(),
		SilenceErrors: true, // execute prints them
		SilenceUsage:  true,
		PersistentPreRunE: func(c *cobra.Command, _ []string) (err error) {
			if !explains(c) {
				_, err = readConfigFile() // a bad one is refused, also where only its events would be needed
			}
			*running = true
			return err
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetIn(std.in)
	root.SetOut(std.out)
	root.SetErr(std.err)
	root.SetFlagErrorFunc(explainFlag)
	choiceVar(root, root.PersistentFlags(), std.color, "color", []string{term.Auto, term.Always, term.Never},
		"colours; auto: on a terminal, unless $NO_COLOR, $CLICOLOR_FORCE or $CLICOLOR say otherwise")
	root.AddCommand(newDemo(std), newEvents(std), newReport(std), newShow(std), newDoctor(std), newMan(std), newInit(std), newRun(std))
	root.AddCommand(newExec(std))
	root.SetHelpCommand(newHelp(std))
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	dressUp(root)
	return root
}
