package retry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/backspan/backspan/internal/semconv"
)

// The reasons why an operation is given up, for errors.Is.
var (
	ErrExhausted = errors.New("retries exhausted")   // every allowed attempt failed
	ErrPermanent = errors.New("permanent error")     // the error is not worth another attempt
	ErrCancelled = errors.New("operation cancelled") // the context was cancelled
	ErrDeadline  = errors.New("deadline reached")    // the next wait would pass the deadline or MaxElapsed
)

// An Error tells why an operation was given up. Do and Value return nothing else, apart from a *FieldError for
// unusable arguments. It matches its Reason, the operation's last error and the context's cause:
//
//	var e *retry.Error
//	switch {
//	case errors.Is(err, retry.ErrCancelled): // somebody gave up waiting for us
//	case errors.Is(err, sql.ErrNoRows):      // what the last attempt returned
//	case errors.As(err, &e):                 // e.Attempts, e.Elapsed
//	}
type Error struct {
	Operation string
	Attempts  int           // how many were made; 0 when the context was done before the first
	Elapsed   time.Duration // from the start to the last attempt's end, waits included
	Reason    error         // ErrExhausted, ErrPermanent, ErrCancelled or ErrDeadline
	Err       error         // what the last attempt returned; nil when none was made
	Cause     error         // context.Cause when the context ended it; context.DeadlineExceeded for every ErrDeadline
}

// Error reads like "data_load: gave up after 4 attempts: connection refused", without the name when Operation is empty.
func (e *Error) Error() string {
	if e == nil {
		return nilError
	}
	if e.Operation == "" {
		return e.description()
	}
	return e.Operation + ": " + e.description()
}

// nilError is the message of a nil *Error, which careless code returns as an error that is not nil.
const nilError = "a nil *retry.Error"

// description is the message without the operation's name, which the span has already.
func (e *Error) description() string {
	made := fmt.Sprintf("%d attempts", e.Attempts)
	if e.Attempts == 1 {
		made = "1 attempt"
	}
	last := semconv.ErrorText(e.Err)
	switch {
	case e.Attempts == 0:
		return fmt.Sprintf("not started: %s", semconv.ErrorText(e.Cause))
	case e.Reason == ErrPermanent:
		return fmt.Sprintf("permanent error after %s: %s", made, last)
	case e.Reason == ErrCancelled:
		return fmt.Sprintf("cancelled after %s (%s): %s", made, semconv.ErrorText(e.Cause), last)
	case e.Reason == ErrDeadline:
		return fmt.Sprintf("out of time after %s: %s", made, last)
	default:
		return fmt.Sprintf("gave up after %s: %s", made, last)
	}
}

// ErrorType is what error.type says of it: the type of the last error, or of the cause when there is none.
func (e *Error) ErrorType() string {
	if e == nil {
		return ""
	}
	return semconv.ErrorType(e.lastOrCause())
}

// lastOrCause is the error that says most about what went wrong.
func (e *Error) lastOrCause() error {
	if e.Err != nil {
		return e.Err
	}
	return e.Cause
}

// Unwrap returns the reason, the last error and the cause, so that errors.Is and errors.As find each.
func (e *Error) Unwrap() []error {
	if e == nil {
		return nil
	}
	tree := make([]error, 0, 4)
	for _, err := range [...]error{e.Reason, e.Err, e.Cause} {
		if err != nil {
			tree = append(tree, err)
		}
	}
	// A cause given to the context's cancel function hides the standard errors that callers ask for.
	switch e.Reason {
	case ErrCancelled:
		tree = append(tree, context.Canceled)
	case ErrDeadline:
		tree = append(tree, context.DeadlineExceeded)
	}
	return tree
}

// Permanent marks err as not worth another attempt, here and in every retry loop around. The mark survives
// fmt.Errorf("…: %w") and errors.Join; the message and what errors.Is finds stay as they were. Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

type permanentError struct{ err error }

func (e *permanentError) Error() string        { return e.err.Error() }
func (e *permanentError) Unwrap() error        { return e.err }
func (e *permanentError) Is(target error) bool { return target == ErrPermanent }
func (e *permanentError) BackspanWrapper()     {} // see semconv.ErrorType

// After marks err with the wait that a server asked for, a Retry-After header most often. It takes the place of the
// computed delay before the next attempt, jitter included, and is capped by Policy.MaxAfter. A d below zero (a date
// that has passed) means at once. After(d, nil) is nil.
func After(d time.Duration, err error) error {
	if err == nil {
		return nil
	}
	return &afterError{max(0, d), err}
}

type afterError struct {
	delay time.Duration
	err   error
}

func (e *afterError) Error() string    { return e.err.Error() }
func (e *afterError) Unwrap() error    { return e.err }
func (e *afterError) BackspanWrapper() {}

// afterHint finds the wait that the last attempt's server asked for, also below the *Error of an inner loop that gave
// up on that server: the outer loop should not come back earlier either.
func afterHint(err error) (wait time.Duration, ok bool) {
	defer sound(&ok)
	semconv.Walk(err, func(err error) bool {
		hint, found := semconv.As[*afterError](err)
		if found {
			wait, ok = hint.delay, true
		}
		return found
	})
	return wait, ok
}

// isPermanent reports whether err carries the mark of Permanent or is a stop for that reason.
func isPermanent(err error) (permanent bool) {
	defer sound(&permanent)
	semconv.Walk(err, func(err error) bool {
		alike, _ := err.(interface{ Is(error) bool })
		permanent = err == ErrPermanent || alike != nil && alike.Is(ErrPermanent) //nolint:errorlint // Walk unwraps
		return permanent
	})
	return permanent
}

// sound is deferred around a look into an error of the user's. Is, As and Unwrap of a nil pointer in an interface may
// panic (those of *url.Error do), and a failure must not bring its host down for being looked at.
func sound(answer *bool) {
	if recover() != nil {
		*answer = false
	}
}
