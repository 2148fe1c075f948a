package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/backspan/backspan/internal/boundtext"
	"github.com/backspan/backspan/internal/decide"
	"github.com/backspan/backspan/internal/fielderror"
	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/orchestrator/engine"
	"github.com/backspan/backspan/retry"
)

// ErrAbandoned matches the error of a phase whose function was still running Options.Grace after its context had
// ended.
var ErrAbandoned = engine.ErrAbandoned

// ErrLost matches the error of an attempt whose process died; see Plan.Lost.
var ErrLost = errors.New("attempt lost")

// An Error says why a run did not end well. errors.Is and errors.As look into the errors of its phases, and into what
// cancelled it:
//
//	var e *orchestrator.Error
//	switch {
//	case errors.As(err, &e) && e.Status == orchestrator.Cancelled: // somebody stopped it
//	case errors.Is(err, sql.ErrNoRows):                            // a phase failed with that
//	}
type Error struct {
	Pipeline string
	RunID    string
	Status   Status         // Failed or Cancelled
	Phases   []*retry.Error // of the phases that failed or were cancelled, in the pipeline's order; Operation names it
	Cause    error          // what ended the run's context; nil when that was alive
}

// Error reads like `pipeline "nightly" failed: analysis: gave up after 4 attempts: connection refused`.
func (e *Error) Error() string {
	was := ""
	if e.Status == Cancelled {
		was = "was "
	}
	return fmt.Sprintf("pipeline %q %s%s%s", e.Pipeline, was, e.end(), e.phases(": "))
}

// description is the message without what the run's span says already, the pipeline's name, and that it failed, in at
// most limit bytes. When it does not fit, each phase gets the same part of them.
func (e *Error) description(limit int) string {
	before, head := "", ""
	if e.Status != Failed || e.Cause != nil {
		before, head = ": ", e.end()
	}
	if text := head + e.phases(before); len(text) <= limit {
		return valid(text)
	}
	if e.Cause != nil {
		head = fmt.Sprintf("%s (%s)", e.Status, boundtext.Error(e.Cause, boundtext.MaxFirst))
	}
	const between = 32 // "; and 1000 more"
	share := (limit - len(head) - between) / max(1, min(len(e.Phases), shownPhases))
	return head + e.join(before, func(phase *retry.Error) string {
		name := boundtext.Name(phase.Operation)
		return name + ": " + decide.Describe(phase, share-len(name)-len(": "+"; "))
	})
}

// end says how the run ended, and what ended its context.
func (e *Error) end() string {
	if e.Cause == nil {
		return string(e.Status)
	}
	return fmt.Sprintf("%s (%s)", e.Status, semconv.ErrorText(e.Cause))
}

// phases are the errors of the phases, with before in front; empty when there are none.
func (e *Error) phases(before string) string { return e.join(before, (*retry.Error).Error) }

// shownPhases is how many errors of phases a message has: a graph may have thousands.
const shownPhases = 3

func (e *Error) join(before string, text func(*retry.Error) string) string {
	var b strings.Builder
	for i, phase := range e.Phases {
		if i == shownPhases {
			fmt.Fprintf(&b, "; and %d more", len(e.Phases)-shownPhases)
			break
		}
		b.WriteString([...]string{before, "; "}[min(i, 1)])
		b.WriteString(text(phase))
	}
	return b.String()
}

// Unwrap returns the phases' errors and the cause.
func (e *Error) Unwrap() []error {
	tree := make([]error, 0, len(e.Phases)+2)
	for _, phase := range e.Phases {
		tree = append(tree, phase)
	}
	if e.Cause != nil {
		tree = append(tree, e.Cause)
	}
	if e.Status == Cancelled {
		tree = append(tree, context.Canceled) // a cause of the canceller's own hides it
	}
	return tree
}

// first is the error whose type is error.type on the run's span: why the first phase failed, or what cancelled the
// run.
func (e *Error) first() error {
	if len(e.Phases) > 0 {
		return e.Phases[0].Err
	}
	return e.Cause
}

// A FieldError says which input cannot be used. The FieldErrors of packages retry and telemetry have the same fields
// and the same text.
type FieldError struct {
	Field string // a field or an argument, for example Pipeline.Phases["analysis"].Timeout or ctx
	Value string // as Error shows it: texts in quotes
	Want  string // what would be right
	Err   error  // what is wrong with the value, where there is more to say; may be nil
}

// Error reads like "orchestrator: Options.Grace is -1s, want 0 or more".
func (e *FieldError) Error() string { return "orchestrator: " + (*fielderror.Error)(e).Error() }

// Unwrap returns Err.
func (e *FieldError) Unwrap() error { return e.Err }

// A CycleError is the FieldError of phases that need each other, so that none of them could begin. errors.As finds
// the FieldError in it.
type CycleError struct {
	FieldError
	Cycle []string // names of phases: each needs the next one, and the last one needs the first
}

// Unwrap returns the FieldError.
func (e *CycleError) Unwrap() error { return &e.FieldError }

// panicError is the error of an attempt that panicked with value, or called runtime.Goexit.
type panicError struct {
	value  any
	goexit bool
	stack  string
}

func (e *panicError) Error() string {
	if e.goexit {
		return "the phase called runtime.Goexit"
	}
	return fmt.Sprintf("panic: %v", e.value)
}

// Unwrap returns the error that was panicked with, if it was one.
func (e *panicError) Unwrap() error {
	err, _ := e.value.(error)
	return err
}

// ErrorType is the value of error.type for it.
func (e *panicError) ErrorType() string {
	if e.goexit {
		return semconv.ErrorTypeGoexit
	}
	return semconv.ErrorTypePanic
}

// skipError says that a phase has nothing to do; see Skip.
type skipError struct{ reason string }

func (e *skipError) Error() string     { return "skipped: " + e.reason }
func (e *skipError) ErrorType() string { return "skipped" }

// abandonedError is the error of an attempt whose call was abandoned.
type abandonedError struct {
	grace time.Duration
	cause error // what ended its context
}

func (e *abandonedError) Error() string {
	return fmt.Sprintf("abandoned: still running %v after its context ended (%s)", e.grace, semconv.ErrorText(e.cause))
}

func (e *abandonedError) Unwrap() []error   { return []error{ErrAbandoned, e.cause} }
func (e *abandonedError) ErrorType() string { return "abandoned" }

// lostError is the error of an attempt whose process died.
type lostError struct{ why error }

func (e *lostError) Error() string {
	if e.why == nil {
		return ErrLost.Error()
	}
	return boundtext.Of(ErrLost.Error()+": "+semconv.ErrorText(e.why), e.why, boundtext.MaxAttempt)
}

func (e *lostError) Unwrap() []error   { return []error{ErrLost, e.why} }
func (e *lostError) ErrorType() string { return "lost" }

// fallbackError is the error of a phase whose fallback failed too.
type fallbackError struct{ before, err error }

func (e *fallbackError) Error() string {
	return semconv.ErrorText(e.before) + "; then the fallback: " + semconv.ErrorText(e.err)
}

func (e *fallbackError) Unwrap() []error   { return []error{e.before, e.err} }
func (e *fallbackError) ErrorType() string { return semconv.ErrorType(e.err) }

// remoteError stands for an error of another process: its text, and, if known, its type and the standard error that it
// matches.
type remoteError struct {
	text, kind string
	standard   error
}

func (e *remoteError) Error() string     { return e.text }
func (e *remoteError) Unwrap() error     { return e.standard }
func (e *remoteError) ErrorType() string { return e.kind }
