package exec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"syscall"

	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/cmd/backspan/internal/child"
	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/command"
	"github.com/backspan/backspan/cmd/backspan/internal/settings"
	"github.com/backspan/backspan/cmd/backspan/internal/term"
	"github.com/backspan/backspan/internal/boundtext"
	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/retry"
)

// execution is one run of exec.
type execution struct {
	*Options
	args    []string
	tracing *tracing
	signals *signalWatch

	stdin    *tempFile           // what every attempt reads from its beginning; nil: this process's stdin
	held     *tempFile           // the stdout of the last attempt; nil without --hold-stdout
	passed   *passage            // the way of the command's stdout while it is read; nil when it has its own
	made     int                 // attempts
	env      command.Environment // of the last attempt
	last     command.Error       // of the last attempt that failed
	broken   error               // the failure of exec itself with the command's streams
	paging   bool                // the command has the terminal itself for stderr, and nothing of that is known
	noReader bool                // nobody read stdout any more when the last attempt had failed
	asked    bool                // the last attempt ended after a signal that means the end
	gaveUp   bool                // every attempt failed, and no signal is the reason
}

// run retries the command. An error is a failure of exec itself.
func (x *execution) run() (ending, error) {
	ctx := x.signals.ctx
	if x.replayStdin {
		switch err := x.keepStdin(ctx); {
		case ctx.Err() != nil:
			return x.signalled(ctx), nil //nolint:nilerr // the signal is why stdin could not be read to its end
		case err != nil:
			return ending{}, fmt.Errorf("reading stdin: %w", err)
		}
	}
	policy := x.policy.Resolve(0)
	policy.Retryable = func(err error) bool {
		x.noReader = x.unread()
		return !x.noReader && x.policy.Retryable(err)
	}
	policy.AfterAttempt = x.tellRetry
	ctx = scope.With(settings.ParentTrace(ctx), scope.Frame{Phase: os.Getenv(command.PhaseVariable)})
	err := retry.Do(ctx, x.name, policy, x.attempt)
	if err != nil && x.broken == nil {
		x.showHeld()
	}

	stop, stopped := errors.AsType[*retry.Error](err)
	switch {
	case err == nil:
		return ending{}, nil
	case errors.Is(x.broken, syscall.EPIPE): // as any program that writes to a closed pipe ends, without a message
		return ending{code: child.CodeSignal + int(syscall.SIGPIPE), died: true}, nil
	case x.broken != nil:
		return ending{}, x.broken
	case !stopped:
		return ending{}, err
	case ctx.Err() != nil && !x.asked:
		x.tellStopped(context.Cause(ctx))
		return x.signalled(ctx), nil
	}
	x.gaveUp = ctx.Err() == nil
	x.tellEnd(stop)
	last := x.last.Result
	return ending{code: last.Code(), died: last.Signal != 0 && !last.Stopped}, nil
}

// signalled is the ending by a signal that came while no command ran.
func (x *execution) signalled(ctx context.Context) ending {
	var cause cli.SignalError
	errors.As(context.Cause(ctx), &cause)
	return ending{code: cause.Code(), died: true}
}

// attempt runs the command once.
func (x *execution) attempt(ctx context.Context) error {
	if !x.signals.forget() {
		return context.Cause(x.signals.ctx)
	}
	// Signals are passed to the command itself. They must not end its context too.
	own := context.WithoutCancel(ctx)
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		own, cancel = context.WithDeadline(own, deadline)
		defer cancel()
	}
	span := trace.SpanFromContext(ctx)
	span.SetAttributes(semconv.ProcessCommandKey.String(x.commandLine()))
	x.env = x.environ(ctx)
	if err := x.runBeforeRetry(own); err != nil {
		return err
	}
	process, err := x.process()
	if err != nil {
		return x.fail(err)
	}
	if x.paging = process.Tail == 0; x.paging {
		x.tracing.messages.hold() // the command may have drawn the whole screen
	}
	_, err = command.Run(own, process, *x.policy.AttemptTimeout)
	x.made++
	x.tracing.messages.release()
	failure, failed := errors.AsType[*command.Error](err)
	switch {
	case x.passed != nil && x.passed.err != nil && !(failed && errors.Is(x.passed.err, syscall.EPIPE)):
		return x.fail(notWritten(x.passed.err)) // as the command itself would have met it
	case !failed:
		if err := x.held.copyTo(x.Out); err != nil {
			return x.fail(err)
		}
		return nil
	case x.held != nil:
		failure.Result.StdoutTail = x.held.tail(command.KeptOutput)
	}
	x.last = *failure
	if failure.Result.Held && interrupted(failure.Result) {
		x.signals.cancel(cli.SignalError{Signal: syscall.SIGINT}) // a user who types Ctrl-C wants no other attempt
	}
	x.asked = x.signals.ctx.Err() != nil
	return failure
}

// maxCommandLine is how many bytes of the command line are on the spans: enough to tell one session from another.
const maxCommandLine = 128

// commandLine is what was typed, without what must not leave the process.
func (x *execution) commandLine() string {
	return boundtext.Of(x.tracing.mask(command.Line(x.args)), nil, maxCommandLine)
}

// fail keeps a failure of exec itself with the command's streams. Another attempt would meet it, too.
func (x *execution) fail(err error) error {
	x.broken = err
	return retry.Permanent(err)
}

// showHeld prints the stdout of the last attempt to stderr, after that failed and none follows: it may say why.
func (x *execution) showHeld() {
	if x.last.Result.StdoutTail == "" || x.held == nil {
		return
	}
	if open(x.last.Result.Tail) {
		cli.Printf(x.Err, "\n")
	}
	_ = x.held.copyTo(x.Err) // there is nowhere to say that stderr takes nothing
	x.last.Result.Tail = x.last.Result.StdoutTail
}

// environ is the environment of an attempt.
func (x *execution) environ(ctx context.Context) command.Environment {
	env := command.NewEnvironment(append(os.Environ(), x.tracing.flags.Nested(x.tracing.telemetry)...))
	env.SetAttempt(ctx, x.tracing.session, os.Getenv(command.PhaseVariable))
	return env
}

// process is the command with its environment and streams.
func (x *execution) process() (c child.Command, err error) {
	c = child.Command{
		Args: x.args, Env: x.env.List(), Stdout: x.Out, Stderr: x.Err,
		Grace: x.grace, Signals: x.signals.child, Terminal: true,
		OnOutOfReach: x.outOfReach(x.args),
	}
	c.Stdin, _ = x.In.(*os.File)
	if x.stdin != nil {
		c.Stdin = x.stdin.File
		if _, err := x.stdin.Seek(0, io.SeekStart); err != nil {
			return c, fmt.Errorf("replaying stdin: %w", err)
		}
	}
	reads := x.policy.ReadsOutput()
	switch {
	case x.holdStdout:
		x.held.close()
		if x.held, err = newTempFile("backspan-stdout-*"); err != nil {
			return c, fmt.Errorf("keeping stdout: %w", err)
		}
		c.Stdout = x.held.File
	case reads:
		x.passed = &passage{to: x.Out}
		c.Stdout = x.passed
		command.HoldStdout(&c)
	}
	command.HoldStderr(&c, x.captureStderr || reads)
	return c, nil
}

// interrupted reports whether a command ended as by Ctrl-C or Ctrl-\, or because its terminal is gone.
func interrupted(r child.Result) bool {
	switch r.Signal {
	case syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP:
		return true
	}
	return r.ExitCode == child.CodeSignal+int(syscall.SIGINT)
}

// unread reports whether no process reads any more what the command prints. That is so when stdout is a pipe without a
// reader. Behind a terminal there is always one, so a command that ends by SIGPIPE there had a reader of its own, as
// git has its pager: somebody has left it.
func (x *execution) unread() bool {
	stdout, isFile := x.Out.(*os.File)
	if !isFile {
		return false
	}
	pipe := child.CodeSignal + int(syscall.SIGPIPE)
	return cli.ReaderGone(stdout) || x.last.Result.Code() == pipe && term.IsTerminal(stdout)
}

// tellFailure runs --on-failure.
func (x *execution) tellFailure() {
	if x.onFailure == "" || !x.signals.forget() {
		return
	}
	ctx := context.WithoutCancel(x.signals.ctx)
	if err := command.OnFailure(ctx, x.hook(x.onFailure), x.onFailureTimeout, "--on-failure"); err != nil {
		x.tracing.tell("%v", err)
	}
}

// runBeforeRetry runs --before-retry when the attempt that begins is a retry. The error says why the attempt ends with
// it: its time is over, or no other command is to start. Else a failure is only told.
func (x *execution) runBeforeRetry(ctx context.Context) error {
	if x.made == 0 || x.beforeRetry == "" {
		return nil
	}
	err := command.BeforeRetry(ctx, x.hook(x.beforeRetry), *x.policy.AttemptTimeout, "--before-retry")
	if failure, failed := errors.AsType[*command.Error](err); failed {
		switch {
		case failure.Result.Stopped:
			x.made++
			x.last = *failure
			x.asked = x.signals.ctx.Err() != nil
			return failure
		case failure.Result.Held && interrupted(failure.Result):
			x.signals.cancel(cli.SignalError{Signal: syscall.SIGINT})
		case x.signals.ctx.Err() == nil:
			x.tracing.tell("%v", failure)
		}
	}
	if !x.signals.forget() {
		return context.Cause(x.signals.ctx)
	}
	return nil
}

// hook is a line for the shell that is told how the last attempt failed.
func (x *execution) hook(line string) child.Command {
	env := maps.Clone(x.env)
	env.SetFailure(x.name, x.made, x.last.Result.Code(), x.tracing.mask(x.last.Error()))
	args := shell(line)
	return child.Command{
		Args: args, Env: env.List(), Stdout: x.Err, Stderr: x.Err,
		Grace: x.grace, Signals: x.signals.child, Terminal: true, OnOutOfReach: x.outOfReach(args),
	}
}

// outOfReach tells of a command that cannot be told to end.
func (x *execution) outOfReach(args []string) func(pid int) {
	return func(pid int) { x.tracing.messages.now(command.OutOfReach(command.Name(args), pid)) }
}
