package exec

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/command"
	"github.com/backspan/backspan/cmd/backspan/internal/term"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/retry"
)

// tellRetry prints that an attempt failed and how long the wait is, when another attempt follows. It is the policy's
// AfterAttempt.
func (x *execution) tellRetry(_ context.Context, a retry.Attempt) {
	if a.Err == nil || a.Stop != nil {
		return
	}
	then := "retrying at once"
	if a.NextDelay > 0 {
		then = "retrying in " + text.Duration(a.NextDelay)
	}
	x.line(term.Yellow, "%s; %s", x.failed(a.Err), then)
	x.hintAtName()
}

// hintAtName prints once how to give the operation a name, when its own is that of a shell or an interpreter: all of
// them have the same in traces and events.
func (x *execution) hintAtName() {
	if x.unnamed && x.tracing.records {
		x.unnamed = false
		x.tracing.tell("this is %q in traces and events; --name NAME says what it is", x.name)
	}
}

// tellEnd prints that there is no other attempt, and why.
func (x *execution) tellEnd(stop *retry.Error) {
	switch {
	case x.asked && x.last.Result.Held:
		// The user who typed Ctrl-C knows.
	case x.last.Result.Signal == syscall.SIGPIPE && x.made == 1 && x.unread():
		// The reader of stdout has ended, as head does. That is no failure to tell of.
	case x.asked:
		x.line(term.Red, "%s; stopped: %v", x.failed(stop.Err), stop.Cause)
	case stop.Reason == retry.ErrDeadline:
		x.line(term.Red, "%s; giving up, as --max-elapsed would be over", x.failed(stop.Err))
	case stop.Reason == retry.ErrNotRetryable && x.noReader:
		x.line(term.Red, "%s; not retried, as nobody reads stdout any more", x.failed(stop.Err))
	case stop.Reason == retry.ErrPermanent, stop.Reason == retry.ErrNotRetryable:
		x.line(term.Red, "%s; not retried", x.failed(stop.Err))
	default:
		x.line(term.Red, "%s; giving up", x.failed(stop.Err))
	}
	x.hintAtName()
	if x.quiet && x.last.Result.Err != nil {
		cli.Printf(x.Err, "backspan: %v\n", x.last.Result.Err) // otherwise nothing says why
	}
}

// tellStopped prints that a signal came while no command ran.
func (x *execution) tellStopped(cause error) {
	x.line(term.Red, "stopped after attempt %d: %v", x.made, cause)
}

// failed is the beginning of a line: "attempt 2 of 4 failed: exit code 7".
func (x *execution) failed(err error) string {
	of := ""
	if n := *x.policy.MaxRetries; n > 0 && n != retry.Unlimited {
		of = fmt.Sprintf(" of %d", n+1)
	}
	how := x.tracing.mask(err.Error())
	if failure, ok := errors.AsType[*command.Error](err); ok {
		how = failure.Ending() // the end of stderr is on the screen already
	}
	return fmt.Sprintf("attempt %d%s failed: %s", x.made, of, how)
}

// line prints a line of its own on stderr, also when the command has left the last one open.
func (x *execution) line(style term.Style, format string, args ...any) {
	if x.quiet {
		return
	}
	line := text.Sprintf("backspan: "+format, args...)
	if x.Terminal(x.Err).Color {
		line = style.Paint(line)
	}
	switch {
	case x.paging:
		line = freshLine(x.Terminal(x.Err)) + line
	case open(x.last.Result.Tail):
		line = "\n" + line
	}
	cli.Print(x.Err, line+"\n")
}

// open reports whether what was written ends within a line.
func open(tail string) bool { return tail != "" && !strings.HasSuffix(tail, "\n") }

// freshLine moves the cursor of a terminal to the beginning of an empty line, wherever it is. As many blanks as there
// are columns end in the next line, unless the cursor was at the beginning of one: then it stays in that line.
func freshLine(t term.Terminal) string {
	if !t.Redraw {
		return ""
	}
	columns, _ := t.Size()
	return strings.Repeat(" ", columns) + "\r\x1b[K"
}
