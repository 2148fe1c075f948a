package command

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/cmd/backspan/internal/child"
	"github.com/backspan/backspan/internal/semconv"
)

// Run makes one attempt: it runs c until ctx ends and records on ctx's span what the process was. The result has the
// ends of stderr and stdout as far as c keeps them: see HoldStderr and HoldStdout. The error is nil or an *Error.
// timeout is the attempt's own time limit, or 0. Run does not enforce it, ctx does; the error names it.
func Run(ctx context.Context, c child.Command, timeout time.Duration) (child.Result, error) {
	result, err := run(ctx, c, timeout)
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		record(span, Name(c.Args), result)
	}
	if err != nil {
		return result, err
	}
	return result, nil
}

// BeforeRetry runs c, a command that is to run before the command of an attempt that is a retry. It is part of the
// attempt, and takes of its time; how much is an attribute of ctx's span. The error is nil or an *Error whose text
// begins with hook, the name of the flag or key. When its Result is Stopped, nothing is left of the attempt.
func BeforeRetry(ctx context.Context, c child.Command, timeout time.Duration, hook string) error {
	result, err := run(ctx, c, timeout)
	trace.SpanFromContext(ctx).SetAttributes(semconv.BeforeRetryKey.Float64(result.Elapsed.Seconds()))
	return err.of(hook)
}

// OnFailure runs c, a command that is to run when another was given up, for at most timeout; 0 is no limit. The error
// is nil or an *Error whose text begins with hook, the name of the flag.
func OnFailure(ctx context.Context, c child.Command, timeout time.Duration, hook string) error {
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	_, err := run(ctx, c, timeout)
	return err.of(hook)
}

// of is the error of the command that hook names; nil for nil.
func (e *Error) of(hook string) error {
	if e == nil {
		return nil
	}
	e.Hook = hook
	return e
}

func run(ctx context.Context, c child.Command, timeout time.Duration) (child.Result, *Error) {
	// A limit further out, such as a phase's, may end an attempt before its own time is over. The attempt's own limit
	// has begun a moment ago, hence the margin.
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < timeout-max(timeout/10, 10*time.Millisecond) {
		timeout = 0
	}
	result := c.Run(ctx)
	if result.OK() {
		return result, nil
	}
	failure := &Error{Result: result, Timeout: timeout}
	if result.Stopped {
		failure.Cause = ctx.Err()
	}
	return result, failure
}

// Name is the name of a command's program without its directory. It is never empty.
func Name(args []string) string {
	if len(args) == 0 || args[0] == "" {
		return "command"
	}
	return filepath.Base(args[0])
}

// interpreters run what their arguments say. Their names are without a version.
var interpreters = []string{
	"sh", "ash", "bash", "busybox", "dash", "fish", "ksh", "zsh", "cmd", "powershell", "pwsh",
	"bun", "deno", "java", "lua", "node", "perl", "php", "python", "ruby", "Rscript", "env",
}

// IsInterpreter reports whether name is that of a shell or an interpreter, python3.12 or cmd.exe for example. The name
// of an operation should say more.
func IsInterpreter(name string) bool {
	return slices.Contains(interpreters, strings.TrimRight(strings.TrimSuffix(name, ".exe"), "0123456789."))
}

// record sets the attributes of a process. A command that could not be started has only its name.
func record(span trace.Span, name string, r child.Result) {
	span.SetAttributes(semconv.ProcessExecutableKey.String(name))
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
