package orchestrator

import (
	"encoding/json"
	"time"

	"github.com/backspan/backspan/retry"
)

// A Driver supplies the effects that a run needs: time, attempts, timers and spans. Plan.Drive makes the decisions,
// on one goroutine and without any clock, random source or order of its own, so that an engine that keeps a history
// gets the same run from it again. Everything that goes to a Driver and comes from it survives JSON.
//
// A phase that begins has one attempt or one wait under way, never both, until its EndPhase.
type Driver interface {
	// Now is the time that the run goes by.
	Now() time.Time

	// Stopped returns why the run's context has ended, and nil while it is alive. It is asked before a phase
	// begins, so that none does afterwards. Once it has told, Next does not.
	Stopped() *Stop

	// BeginPhase is called before the first attempt of a phase; its Timeout starts here.
	BeginPhase(phase string)

	// StartAttempt has Plan.Attempt called for the task, wherever; its Done is to come out of Next.
	StartAttempt(Task)

	// StartTimer has a Completion with the Timer come out of Next when the wait is over.
	StartTimer(Wait)

	// EndPhase is called once for each phase. For one that was skipped it comes without BeginPhase. A timer of
	// the phase means nothing any more. failure is the error behind the result, nil if there was none.
	EndPhase(result PhaseResult, failure *retry.Error)

	// Next waits for the next thing to happen. When the run's context ends that comes first and once, before any
	// attempt that may have noticed; then the attempts that are still under way come, each within its grace.
	Next() Completion
}

// A Task is one attempt of a phase that is to be made.
type Task struct {
	RunID    string                     `json:"run_id"`
	Phase    string                     `json:"phase"`
	Attempt  int                        `json:"attempt"` // as in Input
	Fallback bool                       `json:"fallback,omitempty"`
	DryRun   bool                       `json:"dry_run,omitempty"`
	Recovery bool                       `json:"recovery,omitempty"` // whether another attempt may follow
	Delay    time.Duration              `json:"delay,omitempty"`    // what was waited before it
	Elapsed  time.Duration              `json:"elapsed,omitempty"`  // since the phase began
	Inputs   map[string]json.RawMessage `json:"inputs,omitempty"`   // the outputs that the phase reads
}

// A Wait is the time before a recovery attempt.
type Wait struct {
	Phase   string        `json:"phase"`
	Attempt int           `json:"attempt"` // the recovery attempt that follows
	Delay   time.Duration `json:"delay"`
	Reason  string        `json:"reason"` // the message of the failure before
}

// Done tells how an attempt ended, and what was decided where it ran: only there is the error itself known.
type Done struct {
	Phase     string          `json:"phase"`
	Attempt   int             `json:"attempt"`
	Fallback  bool            `json:"fallback,omitempty"`
	Status    string          `json:"status"` // AttemptSuccess or AttemptError
	Output    json.RawMessage `json:"output,omitempty"`
	Error     string          `json:"error,omitempty"`
	ErrorType string          `json:"error_type,omitempty"` // as the span's error.type
	Decision  Decision        `json:"decision"`

	// Final forbids to call anything of the phase again: its context has ended, or the function was left behind
	// and may still be running.
	Final bool `json:"final,omitempty"`

	// Err is the error itself where it can be had, which is in the process that it came from.
	Err error `json:"-"`
}

// A Decision is what follows a failed attempt: another one after Delay, or the end for a reason.
type Decision struct {
	Retry  bool          `json:"retry,omitempty"`
	Delay  time.Duration `json:"delay,omitempty"`
	Reason Reason        `json:"reason,omitempty"`
}

// A Reason says why no attempt follows a failed one.
type Reason string

// The reasons, one for each of package retry's.
const (
	ReasonExhausted Reason = "exhausted"
	ReasonPermanent Reason = "permanent"
	ReasonCancelled Reason = "cancelled"
	ReasonDeadline  Reason = "deadline"
)

// A Completion is one thing that happened. One of its fields is set.
type Completion struct {
	Done  *Done `json:"done,omitempty"`  // an attempt ended
	Timer *Wait `json:"timer,omitempty"` // a wait is over
	Stop  *Stop `json:"stop,omitempty"`  // the run's context ended
}

// A Stop says that the run's context ended.
type Stop struct {
	Deadline bool   `json:"deadline,omitempty"` // its deadline passed; otherwise it was cancelled
	Cause    string `json:"cause"`              // the message of context.Cause

	// Err is the cause itself where it can be had.
	Err error `json:"-"`
}
