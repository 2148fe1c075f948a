package cli

import (
	"context"
	"errors"
	"fmt"
)

// The exit codes beside 0 and those of signals, which are 128 plus the signal's number.
const (
	ExitFailed = 1 // what the command did failed
	ExitUsage  = 2 // what was typed cannot be used
)

// An ExitError ends the program with an exit code. Without Err nothing more is printed: the command has said it.
type ExitError struct {
	Code  int
	Err   error
	Usage bool // what was typed cannot be used: a hint at the command's help follows
}

// Error is the text of Err, or names the exit code.
func (e *ExitError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit code %d", e.Code)
	}
	return e.Err.Error()
}

// Unwrap returns Err.
func (e *ExitError) Unwrap() error { return e.Err }

// UsageError says that what was typed cannot be used: exit code 2, and a hint at the command's help.
func UsageError(err error) error { return &ExitError{Code: ExitUsage, Err: err, Usage: true} }

// ExitOf turns the error of a run into the error that ends the program. When a signal has cancelled ctx, the
// exit code is the signal's.
func ExitOf(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	code := ExitFailed
	if signalled, ok := errors.AsType[SignalError](context.Cause(ctx)); ok {
		code = signalled.Code()
	}
	return &ExitError{Code: code, Err: err}
}
