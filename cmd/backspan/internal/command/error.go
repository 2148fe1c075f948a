package command

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/child"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/internal/boundtext"
)

// KeptOutput is how many bytes of the ends of stderr and stdout are kept, at most: output rules look at these.
const KeptOutput = 64 << 10

// How many lines and bytes of those are in an Error's text.
const (
	errorLines = 5
	errorBytes = 1000
)

// An Error is the failure of an attempt.
type Error struct {
	Result  child.Result
	Timeout time.Duration // the attempt's own time limit; 0 when it had none, or an earlier one held
	Cause   error         // the error of the context that ended the command; nil when the command ended by itself
	Codes   string        // the exit codes of success, when 0 is none of them and the command ended with it
	Hook    string        // the flag or key of the command that failed before the attempt's own; empty: it was that
}

// Error reads like "exit code 22: curl: (22) The requested URL returned error: 503". A command that wrote nothing to
// stderr may have said on stdout why it failed, as pytest and tsc do.
func (e *Error) Error() string {
	for _, tail := range []string{e.Result.Tail, e.Result.StdoutTail} {
		// What fills the tail may begin within a password or token.
		if said := lastLines(boundtext.End(tail, KeptOutput-1), errorLines, errorBytes); said != "" {
			return e.Ending() + ": " + said
		}
	}
	return e.Ending()
}

// Ending is the text of e without the end of its output, such as "exit code 22" or "timed out after 30s".
func (e *Error) Ending() string {
	if e.Hook != "" {
		own := *e
		own.Hook = ""
		return e.Hook + ": " + own.Ending()
	}
	if e.Codes != "" {
		return e.Result.String() + ", want one of success_codes: " + e.Codes
	}
	if !e.timedOut() {
		return e.Result.String()
	}
	after := e.Timeout.String()
	if e.Timeout == 0 {
		after = text.Duration(e.Result.Elapsed)
	}
	switch r := e.Result; {
	case r.OutOfReach:
		return "timed out after " + after + ", but ended only after " + text.Duration(r.Elapsed) +
			": it runs as another user"
	case r.Signal == syscall.SIGKILL:
		return "timed out after " + after + ", had to be killed"
	}
	return "timed out after " + after
}

// OutOfReach is the line for a person when a command should end and the system does not let this process tell it.
func OutOfReach(name string, pid int) string {
	return fmt.Sprintf("%s cannot be told to end: its process %d runs as another user (sudo, setuid); waiting for it",
		name, pid)
}

func (e *Error) timedOut() bool { return errors.Is(e.Cause, context.DeadlineExceeded) }

// ErrorType is the error.type of the attempt's span: not_found, not_started, timeout, cancelled, signal, or exit_N
// for the exit code N.
func (e *Error) ErrorType() string {
	switch r := e.Result; {
	case r.Err != nil && r.Code() == child.CodeNotFound:
		return "not_found"
	case r.Err != nil:
		return "not_started"
	case e.timedOut():
		return "timeout"
	case r.Stopped:
		return "cancelled"
	case r.Signal != 0:
		return "signal"
	default:
		return fmt.Sprintf("exit_%d", r.ExitCode)
	}
}

// Unwrap returns why there was no process, or what ended the context.
func (e *Error) Unwrap() error {
	if e.Result.Err != nil {
		return e.Result.Err
	}
	return e.Cause
}
