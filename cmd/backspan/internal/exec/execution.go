package exec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/cmd/backspan/internal/child"
	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/settings"
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
	policy  retry.Policy

	stdin  *os.File // what every attempt reads from its beginning; nil: the own stdin
	made   int      // attempts
	env    []string // of the last attempt
	last   child.Result
	asked  bool // the last attempt ended after a signal that means the end
	gaveUp bool // every attempt failed, and no signal is the reason
}

// Of what a command said last, this much is the reason of its failure.
const (
	keptStderr  = 4 << 10
	reasonLines = 5
	reasonBytes = 1000
)

// run retries the command. An error is exec's own.
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
	policy := x.policy
	policy.Retryable = x.retryable
	policy.OnRetry = x.tellRetry
	ctx = scope.With(settings.ParentTrace(ctx), scope.Frame{Phase: os.Getenv(phaseVariable)})
	err := retry.Do(ctx, x.name, policy, x.attempt)

	var output *outputError
	var stop *retry.Error
	switch {
	case err == nil:
		return ending{}, nil
	case errors.As(err, &output):
		return output.ending()
	case !errors.As(err, &stop):
		return ending{}, err
	case ctx.Err() != nil && !x.asked:
		x.tellStopped(context.Cause(ctx))
		return x.signalled(ctx), nil
	}
	x.gaveUp = ctx.Err() == nil
	x.tellEnd(stop)
	return ending{code: x.last.Code(), died: x.last.Signal != 0 && !x.last.Stopped}, nil
}

// signalled is the end by a signal that came while no command ran.
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
	// Signals go to the command itself, and are no reason to end it by other means.
	own := context.WithoutCancel(ctx)
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		own, cancel = context.WithDeadline(own, deadline)
		defer cancel()
	}
	command, held, err := x.command(ctx)
	if err != nil {
		return retry.Permanent(&outputError{err})
	}
	defer held.close()

	x.last = command.Run(own)
	x.made++
	x.describe(ctx)
	if x.last.OK() {
		if err := held.release(x.Out); err != nil {
			return retry.Permanent(&outputError{err})
		}
		return nil
	}
	if x.last.Held && interrupted(x.last) {
		x.signals.cancel(cli.SignalError{Signal: syscall.SIGINT}) // who typed Ctrl-C does not want it again
	}
	x.asked = x.signals.ctx.Err() != nil
	return x.failure()
}

// command is the command with its streams. held keeps its stdout back, if it is to be kept.
func (x *execution) command(ctx context.Context) (c child.Command, held *heldOutput, err error) {
	x.env = x.environ(ctx)
	c = child.Command{
		Args: x.args, Env: x.env, Stdout: x.Out, Stderr: x.Err, Tail: keptStderr, Grace: x.grace,
		Signals: x.signals.child, Terminal: true,
	}
	c.Stdin, _ = x.In.(*os.File)
	if x.stdin != nil {
		c.Stdin = x.stdin
		if _, err := x.stdin.Seek(0, io.SeekStart); err != nil {
			return c, nil, fmt.Errorf("replaying stdin: %w", err)
		}
	}
	if x.holdStdout {
		if held, err = newHeldOutput(); err != nil {
			return c, nil, err
		}
		c.Stdout = held.file
	}
	return c, held, nil
}

// interrupted says whether a command ended as one does of Ctrl-C or Ctrl-\, or because its terminal has gone.
func interrupted(r child.Result) bool {
	switch r.Signal {
	case syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP:
		return true
	}
	return r.ExitCode == child.CodeSignal+int(syscall.SIGINT)
}

// describe tells the attempt's span about the process.
func (x *execution) describe(ctx context.Context) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(semconv.ProcessExecutableKey.String(baseName(x.args[0])))
	r := x.last
	if r.PID == 0 || r.Err != nil {
		return
	}
	code := r.ExitCode
	if r.Signal != 0 {
		code = child.CodeSignal + int(r.Signal)
		span.SetAttributes(semconv.ProcessSignalKey.String(child.SignalName(r.Signal)))
	}
	span.SetAttributes(semconv.ProcessPIDKey.Int(r.PID), semconv.ProcessExitCodeKey.Int(code))
}

// phaseVariable hands the phase of a process to its children; telemetry.SessionVariable hands the session.
const (
	phaseVariable   = "BACKSPAN_PHASE"
	attemptVariable = "BACKSPAN_ATTEMPT"
)

// environ is the environment of an attempt.
func (x *execution) environ(ctx context.Context) []string {
	attempt, _ := retry.AttemptFromContext(ctx)
	own := []string{
		"BACKSPAN_SESSION", x.tracing.session,
		phaseVariable, os.Getenv(phaseVariable),
		attemptVariable, strconv.Itoa(attempt.Number),
	}
	// Without a span of ours, as when the SDK is switched off, the one around us is handed on as it came.
	if trace.SpanContextFromContext(ctx).IsValid() {
		carrier := propagation.MapCarrier{}
		propagation.TraceContext{}.Inject(ctx, carrier)
		own = append(own, "TRACEPARENT", carrier["traceparent"], "TRACESTATE", carrier["tracestate"])
	}
	return withVariables(os.Environ(), own...)
}

// withVariables sets variables, name and value by turns, in an environment. An empty TRACESTATE is left out.
func withVariables(env []string, pairs ...string) []string {
	set := make(map[string]string, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		set[pairs[i]] = pairs[i+1]
	}
	kept := make([]string, 0, len(env)+len(set))
	for _, entry := range env {
		name, _, _ := strings.Cut(entry, "=")
		if _, again := set[name]; !again {
			kept = append(kept, entry)
		}
	}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i] != "TRACESTATE" || pairs[i+1] != "" {
			kept = append(kept, pairs[i]+"="+pairs[i+1])
		}
	}
	return kept
}

// retryable says whether another attempt is worth while after err.
func (x *execution) retryable(err error) bool {
	var failed *attemptError
	if !errors.As(err, &failed) {
		return false
	}
	switch {
	case x.stopOn.Has(failed.result), x.unread():
		return false
	case !x.retryOn.Empty():
		return x.retryOn.Has(failed.result)
	}
	// What is missing is still missing a second later; but a machine that is out of processes may have one then.
	return failed.result.Err == nil || failed.result.Transient()
}

// unread says whether nobody reads stdout any more.
func (x *execution) unread() bool {
	stdout, isFile := x.Out.(*os.File)
	return isFile && readerGone(stdout)
}

// tellFailure runs --on-failure.
func (x *execution) tellFailure(end ending) {
	if x.onFailure == "" || !x.signals.forget() {
		return
	}
	env := withVariables(x.env,
		"BACKSPAN_EXIT_CODE", strconv.Itoa(end.code),
		"BACKSPAN_ERROR", x.failure().Error(),
		"BACKSPAN_OPERATION", x.name,
		"BACKSPAN_ATTEMPTS", strconv.Itoa(x.made),
	)
	hook := child.Command{
		Args: shell(x.onFailure), Env: env, Stdout: x.Err, Stderr: x.Err, Grace: x.grace, Signals: x.signals.child, Terminal: true,
	}
	if r := hook.Run(context.WithoutCancel(x.signals.ctx)); !r.OK() {
		x.tracing.tell("--on-failure: %v", r)
	}
}

// An attemptError is the failure of an attempt.
type attemptError struct {
	result child.Result
	limit  time.Duration // of the attempt
}

func (x *execution) failure() *attemptError { return &attemptError{x.last, x.attemptTimeout} }

// how is how the command ended: "exit code 22", "timed out after 30s".
func (e *attemptError) how() string {
	switch {
	case !e.result.Stopped:
		return e.result.String()
	case e.result.Signal == syscall.SIGKILL:
		return fmt.Sprintf("timed out after %v, had to be killed", e.limit)
	default:
		return fmt.Sprintf("timed out after %v", e.limit)
	}
}

// Error is that with the last lines of stderr.
func (e *attemptError) Error() string {
	if said := child.LastLines(e.result.Tail, reasonLines, reasonBytes); said != "" {
		return e.how() + ": " + said
	}
	return e.how()
}

// ErrorType is the error.type of the attempt's span.
func (e *attemptError) ErrorType() string {
	switch r := e.result; {
	case r.Err != nil && r.Code() == child.CodeNotFound:
		return "not_found"
	case r.Err != nil:
		return "not_started"
	case r.Stopped:
		return "timeout"
	case r.Signal != 0:
		return "signal"
	default:
		return fmt.Sprintf("exit_%d", r.ExitCode)
	}
}

// Unwrap returns why the command could not be started.
func (e *attemptError) Unwrap() error { return e.result.Err }
