package child

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/text"
)

// The exit codes that timeout(1) and the shells have for what is not the command's own.
const (
	CodeTimedOut      = 124
	CodeOwn           = 125 // the program that should run the command failed
	CodeNotExecutable = 126
	CodeNotFound      = 127
	CodeSignal        = 128 // plus the signal's number
)

// A Result says how a command ended.
type Result struct {
	PID      int            // 0 when there was no process
	ExitCode int            // what the process returned, 0 to 255; -1 when a signal ended it or there was no process
	Signal   syscall.Signal // the signal that ended it; 0 when it ended by itself
	Stopped  bool           // the context ended first, and the group was told to end
	Held     bool           // it had the terminal's foreground when it ended, so it got what was typed there
	// OutOfReach says that a process of the command should have ended and this process was not allowed to signal it.
	OutOfReach bool
	Tail       string // the end of what was written to stderr, as it was written
	StdoutTail string // the same of stdout
	Elapsed    time.Duration
	Err        error // a *StartError when there was no process at all; else nil
}

// OK reports whether the command ran, was not stopped, and returned 0.
func (r Result) OK() bool { return r.Err == nil && !r.Stopped && r.ExitCode == 0 && r.Signal == 0 }

// Code is the exit code that timeout(1) returns for a command that ends so. A command that had to be killed after a
// timeout has 137, not 124.
func (r Result) Code() int {
	start, _ := r.Err.(*StartError) //nolint:errorlint // it is never wrapped
	switch {
	case start != nil:
		return start.Code
	case r.Stopped && r.Signal != syscall.SIGKILL:
		return CodeTimedOut
	case r.Signal != 0:
		return CodeSignal + int(r.Signal)
	default:
		return r.ExitCode
	}
}

// Transient reports whether the command could not be started for a lack that may pass: of processes, memory or file
// descriptors.
func (r Result) Transient() bool {
	lacks := []error{syscall.EAGAIN, syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE}
	return slices.ContainsFunc(lacks, func(lack error) bool { return errors.Is(r.Err, lack) })
}

// String is how the command ended, in a few words: "exit code 3", "killed by SIGSEGV", "stopped after 30s".
func (r Result) String() string {
	switch {
	case r.Err != nil:
		return r.Err.Error()
	case r.Stopped && r.OutOfReach:
		return "told to stop, but ended only after " + text.Duration(r.Elapsed) + ": it runs as another user"
	case r.Stopped && r.Signal == syscall.SIGKILL:
		return "stopped after " + text.Duration(r.Elapsed) + ", had to be killed"
	case r.Stopped:
		return "stopped after " + text.Duration(r.Elapsed)
	case r.Signal != 0:
		return "killed by " + SignalName(r.Signal)
	default:
		return fmt.Sprintf("exit code %d", r.ExitCode)
	}
}

// A StartError says why a command could not be started.
type StartError struct {
	Name string // the program, as it was given
	Code int    // CodeOwn, CodeNotExecutable or CodeNotFound
	Err  error
}

// Error reads like "curl: command not found" or "cannot run ./job: permission denied".
func (e *StartError) Error() string {
	switch {
	case e.Code == CodeNotFound && errors.Is(e.Err, fs.ErrNotExist):
		return fmt.Sprintf("%s: command not found", quoted(e.Name))
	case e.Name == "":
		return fmt.Sprintf("cannot run a command: %v", e.Err)
	default:
		return fmt.Sprintf("cannot run %s: %v", quoted(e.Name), e.Err)
	}
}

// quoted puts a name into quotes when it is empty, has characters that cannot be seen, or looks like several words.
func quoted(name string) string {
	if q := strconv.Quote(name); name == "" || q != `"`+name+`"` || strings.ContainsAny(name, " :") {
		return q
	}
	return name
}

// Unwrap returns Err.
func (e *StartError) Unwrap() error { return e.Err }
