package retry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/backspan/backspan/internal/boundtext"
	"github.com/backspan/backspan/internal/semconv"
)

// The reasons why an operation is given up: what Error.Reason and Attempt.Stop are.
var (
	ErrExhausted    = errors.New("retries exhausted")   // every allowed attempt failed
	ErrPermanent    = errors.New("permanent error")     // the error was marked with Permanent
	ErrNotRetryable = errors.New("not retryable")       // Policy.Retryable said no
	ErrRetryLater   = errors.New("told to retry later") // the server asked for a wait beyond Policy.MaxAfter
	ErrBudget       = errors.New("retry budget spent")  // Policy.Budget has too little for another attempt
	ErrCancelled    = errors.New("operation cancelled") // the context was cancelled
	ErrDeadline     = errors.New("deadline reached")    // the next wait would pass the deadline or MaxElapsed
	ErrPanic        = errors.New("panic")               // Attempt.Stop only: a panic or runtime.Goexit
)

// An Error tells why an operation was given up. Do and Value return nothing else, apart from a *FieldError for
// unusable arguments. To ask which loop stopped and why, take the outermost Error and look at its Reason:
//
//	if e, ok := errors.AsType[*retry.Error](err); ok {
//		switch e.Reason {
//		case retry.ErrExhausted: // e.Attempts, e.Elapsed, e.First
//		case retry.ErrRetryLater: // come back after e.After
//		case retry.ErrCancelled: // somebody gave up waiting for us
//		}
//	}
//
// errors.Is finds the Reason, the last error and the context's cause, but those of loops within this one too: an inner
// loop may be exhausted and the outer one cancelled, and then both match. It is right for what an operation returned:
// errors.Is(err, sql.ErrNoRows).
type Error struct {
	Operation string
	Attempts  int           // how many were made; 0 when the context was done before the first
	Elapsed   time.Duration // from the start to the last attempt's end, waits included
	Reason    error         // one of the reasons above, but for ErrPanic
	Err       error         // what the last attempt returned; nil when none was made
	First     error         // what the first attempt returned, often the cause; errors.Is does not look into it
	After     time.Duration // what the server asked for with Err, as given to After; 0 when it asked for nothing

	// Cause is context.Cause when the context ended the operation. For an ErrDeadline or ErrRetryLater without that, it
	// tells which wait did not fit into which limit, for an ErrBudget what the budget had.
	Cause error
}

// Error reads like "data_load: gave up after 4 attempts: 503 (first: connection refused)", without the name when
// Operation is empty. For ErrDeadline, ErrRetryLater, ErrBudget and ErrCancelled it tells the cause: "out of time
// after 1 attempt (waiting 30m would pass MaxElapsed 15m): 503".
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

// word begins the message. A reason from elsewhere reads like ErrExhausted.
func (e *Error) word() string {
	switch e.Reason {
	case ErrPermanent:
		return "permanent error"
	case ErrNotRetryable:
		return "not retryable"
	case ErrRetryLater:
		return "told to retry later"
	case ErrBudget:
		return "out of retry budget"
	case ErrCancelled:
		return "cancelled"
	case ErrDeadline:
		return "out of time"
	}
	return "gave up"
}

// description is the message without the operation's name, which the span has already.
func (e *Error) description() string { return e.message(false) + e.firstPart() }

// bounded is the description in at most limit bytes, which must be 384 or more. When the whole does not fit, the first
// failure is still there whole.
func (e *Error) bounded(limit int) string {
	first := e.firstPart()
	return boundtext.Of(e.message(true), e.lastOrCause(), limit-len(first)) + first
}

// message is the description without the first failure. The error of a loop that was called without a word around it
// is within this one's, and only the outermost tells the first failure of all.
func (e *Error) message(boundCause bool) string {
	if e.Attempts == 0 {
		return "not started: " + semconv.ErrorText(e.Cause)
	}
	made := fmt.Sprintf("%d attempts", e.Attempts)
	if e.Attempts == 1 {
		made = "1 attempt"
	}
	text := e.word() + " after " + made
	if e.Cause != nil {
		cause := semconv.ErrorText(e.Cause)
		if boundCause {
			cause = boundtext.Error(e.Cause, boundtext.MaxFirst)
		}
		text += " (" + cause + ")"
	}
	inner := loopAt(e.Err)
	switch {
	case inner == nil:
		return text + ": " + semconv.ErrorText(e.Err)
	case inner.Operation == "":
		return text + ": " + inner.message(boundCause)
	default:
		return text + ": " + inner.Operation + ": " + inner.message(boundCause)
	}
}

// firstPart is " (first: connection refused)", or empty when the message says that error already.
func (e *Error) firstPart() string {
	first := e.firstOfAll()
	if first == nil || e.says(semconv.ErrorText(first)) {
		return ""
	}
	return " (first: " + boundtext.Error(first, boundtext.MaxFirst) + ")"
}

// firstOfAll is what failed first: when the first failure is that of a loop within this one, the first of that.
func (e *Error) firstOfAll() error {
	first := e.First
	for range maxLoops {
		inner := loopIn(first)
		if inner == nil || inner.First == nil {
			break
		}
		first = inner.First
	}
	return first
}

// What is looked at of errors, which may wrap themselves.
const (
	maxLoops = 100   // within each other
	maxTexts = 1_000 // of the errors in one
)

// loopAt is err when that is an *Error, marked or not; nil when it is none.
func loopAt(err error) *Error {
	for range maxLoops {
		switch e := err.(type) { //nolint:errorlint // what wraps err has words of its own
		case *Error:
			return e
		case *permanentError:
			err = e.err
		case *afterError:
			err = e.err
		case *throttledError:
			err = e.err
		default:
			return nil
		}
	}
	return nil
}

// loopIn is the outermost *Error in err; nil when there is none.
func loopIn(err error) (loop *Error) {
	defer func() { _ = recover() }() // as in marks
	semconv.Walk(err, func(err error) bool {
		loop = loopAt(err)
		return loop != nil
	})
	return loop
}

// says reports whether the message says text: as the text of an error in the last one, or as the first failure of a
// loop that something else wraps.
func (e *Error) says(text string) (said bool) {
	last := e.Err
	for range maxLoops {
		inner := loopAt(last)
		if inner == nil {
			break
		}
		last = inner.Err
	}
	defer func() { _ = recover() }() // as in marks
	left := maxTexts
	semconv.Walk(last, func(err error) bool {
		said = semconv.ErrorText(err) == text
		if loop := loopAt(err); loop != nil && loop.First != nil {
			said = said || semconv.ErrorText(loop.firstOfAll()) == text
		}
		left--
		return said || left == 0
	})
	return said
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

// Unwrap returns the last error, the cause and the reason, so that errors.Is and errors.As find each.
func (e *Error) Unwrap() []error {
	if e == nil {
		return nil
	}
	tree := make([]error, 0, 4)
	for _, err := range [...]error{e.Err, e.Cause, e.Reason} { // the innermost error is found through the first
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

// Permanent marks err as not worth another attempt, here and in every retry loop around, the recovery of a pipeline's
// phase included. Where only one loop should stop, use Policy.Retryable. The mark survives fmt.Errorf("…: %w") and
// errors.Join; the message and what errors.Is finds stay as they were. Permanent(nil) is nil.
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

// After marks err with the wait that a server asked for, a Retry-After header most often. The loop waits at least d
// before the next attempt: the longer one of d and the computed delay, or with jitter both together, so that callers
// that were told at the same moment do not come back together. A d above Policy.MaxAfter ends the loop at once with
// ErrRetryLater, because asking earlier is known to fail. A d of 0 or less (a date that has passed) asks for nothing.
// Of several After in one error the longest counts. After(d, nil) is nil.
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

// throttledBase is the least BaseDelay after an error marked with Throttled.
const throttledBase = time.Second

// Throttled marks err as the word of a server that has too much to do and does not say for how long. The wait before
// the next attempt grows from a BaseDelay of at least 1 s, or MaxDelay if that is less; NoDelay stays. Throttled(nil)
// is nil.
func Throttled(err error) error {
	if err == nil {
		return nil
	}
	return &throttledError{err}
}

type throttledError struct{ err error }

func (e *throttledError) Error() string    { return e.err.Error() }
func (e *throttledError) Unwrap() error    { return e.err }
func (e *throttledError) BackspanWrapper() {}

// marks finds what Permanent, Throttled and After said of err: whether it is permanent, also as the stop of an
// inner loop for that reason, whether a server has too much to do, and the longest wait that was asked for, also
// from an inner loop that gave up on that server: the outer loop should not come back earlier either.
func marks(err error) (permanent, throttled bool, asked time.Duration) {
	// Is, As and Unwrap of a nil pointer in an interface may panic (those of *url.Error do), and a failure must not
	// bring its host down for being looked at. What was found before counts.
	defer func() { _ = recover() }()
	semconv.Walk(err, func(err error) bool {
		if hint, ok := semconv.As[*afterError](err); ok {
			asked = max(asked, hint.delay)
		}
		if _, ok := semconv.As[*throttledError](err); ok {
			throttled = true
		}
		alike, _ := err.(interface{ Is(error) bool })
		permanent = permanent || err == ErrPermanent || //nolint:errorlint // Walk unwraps
			alike != nil && alike.Is(ErrPermanent)
		return false
	})
	return permanent, throttled, asked
}
