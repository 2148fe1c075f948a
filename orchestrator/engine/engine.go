package engine

import (
	"context"
	"encoding/json"
	"time"

	"github.com/backspan/backspan/retry"
)

// A Driver supplies the effects that a run needs: time, attempts and timers. Its methods are called on the
// goroutine of Plan.Drive, one after the other. Result is orchestrator.PhaseResult.
//
// A phase that has begun has one attempt or one wait under way, never both, until its EndPhase.
type Driver[Result any] interface {
	// Now returns the time that the run goes by.
	Now() time.Time

	// Stopped returns why the run's context has ended, and nil while it is alive. It is asked before a phase begins,
	// so that none begins afterwards. A Stop is delivered once, by Stopped or by Next.
	Stopped() *Stop

	// CleansUp reports whether phases whose condition is Always may begin now. It is asked only after a Stop. In a
	// history that is played back the answer must be the same again.
	CleansUp() bool

	// BeginPhase is called before the first attempt of a phase. The phase's Timeout starts here.
	BeginPhase(phase string)

	// StartAttempt has Plan.Attempt called for the task, in whatever process. Next returns its Done.
	StartAttempt(Task)

	// StartTimer begins a wait. When it is over, Next returns a Completion with the Timer.
	StartTimer(Wait)

	// EndPhase is called once for each phase; for one that was skipped, without BeginPhase. A timer of the phase that
	// is still running means nothing any more. failure is the error behind the result, nil if there was none.
	EndPhase(result Result, failure *retry.Error)

	// Next waits for the next completion. The end of the run's context comes once, before any attempt that may have
	// noticed it. Then come the attempts that are still under way, each within its grace. An error ends Plan.Drive,
	// which returns it and no report; so does a completion that does not fit what is under way.
	Next() (Completion, error)
}

// Limits are what an engine allows an attempt.
type Limits struct {
	// Grace is how long the phase's function may still run after its context has ended. 0 means
	// orchestrator.DefaultGrace.
	Grace time.Duration

	// MaxResult bounds the JSON of the phase's result, in bytes; 0 means no bound. A larger result fails the phase for
	// good. The text of an error is cut to it.
	MaxResult int
}

// A Task is one attempt of a phase that is to be made.
type Task struct {
	RunID    string                     `json:"run_id"`
	Phase    string                     `json:"phase"`
	Attempt  int                        `json:"attempt"` // as in orchestrator.Input
	Fallback bool                       `json:"fallback,omitempty"`
	DryRun   bool                       `json:"dry_run,omitempty"`
	Recovery bool                       `json:"recovery,omitempty"` // whether another attempt may follow
	Delay    time.Duration              `json:"delay,omitempty"`    // the wait before it, in nanoseconds
	Elapsed  time.Duration              `json:"elapsed,omitempty"`  // since the phase began, in nanoseconds
	Inputs   map[string]json.RawMessage `json:"inputs,omitempty"`   // by phase: the outputs that this one reads

	RunStatus   string `json:"run_status,omitempty"` // as in orchestrator.Input, like the next two
	FailedPhase string `json:"failed_phase,omitempty"`
	FailedError string `json:"failed_error,omitempty"`
}

// A Wait is the time before a recovery attempt.
type Wait struct {
	Phase   string        `json:"phase"`
	Attempt int           `json:"attempt"` // the recovery attempt that follows
	Delay   time.Duration `json:"delay"`   // in nanoseconds
	Reason  string        `json:"reason"`  // the message of the failure before it
}

// Done says how an attempt ended, and what was decided in the process where it ran, which alone has the error itself.
type Done struct {
	Phase     string          `json:"phase"`
	Attempt   int             `json:"attempt"`
	Fallback  bool            `json:"fallback,omitempty"`
	Status    string          `json:"status"` // orchestrator.AttemptSuccess or orchestrator.AttemptError
	Output    json.RawMessage `json:"output,omitempty"`
	Error     string          `json:"error,omitempty"`
	ErrorType string          `json:"error_type,omitempty"` // as error.type on the span
	Skipped   string          `json:"skipped,omitempty"`    // after a success: why there was nothing to do
	Decision  Decision        `json:"decision"`

	// Final forbids another call of the phase, fallback included: the phase's context has ended, or its function was
	// abandoned and may still be running.
	Final bool `json:"final,omitempty"`

	// NoSpan says that nobody wrote a span of the attempt, because its process died or there was none. Plan.WriteSpans
	// writes it then.
	NoSpan bool `json:"no_span,omitempty"`

	// Err is the error itself. Without it Error is kept in at most 8 KiB, ErrorType, Skipped and Decision.Cause in at
	// most 100, 256 and 2048 bytes: longer ones are cut. It is nil in another process than the one that the attempt ran
	// in.
	Err error `json:"-"`
}

// A Decision is what follows a failed attempt: another one after Delay, or the end for a reason.
type Decision struct {
	Retry  bool          `json:"retry,omitempty"`
	Delay  time.Duration `json:"delay,omitempty"` // in nanoseconds
	Reason Reason        `json:"reason,omitempty"`
	Cause  string        `json:"cause,omitempty"` // why time was up, or which wait did not fit; may be empty
}

// A Completion is one thing that happened. Exactly one of its fields is set.
type Completion struct {
	Done  *Done `json:"done,omitempty"`  // an attempt ended
	Timer *Wait `json:"timer,omitempty"` // a wait is over
	Stop  *Stop `json:"stop,omitempty"`  // the run's context ended
}

// A Stop says that the run's context ended.
type Stop struct {
	Deadline bool   `json:"deadline,omitempty"` // its deadline passed; otherwise it was cancelled
	Cause    string `json:"cause"`              // the message of context.Cause

	// Err is the cause itself. It is nil in another process than the one whose context ended.
	Err error `json:"-"`
}

// String reads like "the run was cancelled: terminated by SIGTERM".
func (s *Stop) String() string {
	what := "the run was cancelled"
	if s.Deadline {
		what = "the run's time was up"
	}
	if s.Cause == context.Canceled.Error() { // says nothing more
		return what
	}
	return what + ": " + s.Cause
}
