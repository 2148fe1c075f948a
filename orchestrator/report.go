package orchestrator

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/backspan/backspan/internal/semconv"
)

// A Status says how a run or a phase ended.
type Status string

// The statuses.
const (
	Success   Status = semconv.StatusSuccess   // also by recovery or fallback
	Failed    Status = semconv.StatusFailed    // also when its time was up
	Skipped   Status = semconv.StatusSkipped   // a phase that never began, or had nothing to do: see Skip
	Cancelled Status = semconv.StatusCancelled // under way when the run was cancelled
)

// A Report says how a run went. Its JSON can be read back. Delays in it are numbers of seconds.
type Report struct {
	SessionID string        `json:"session_id"` // the run's id
	Pipeline  string        `json:"pipeline"`
	Status    Status        `json:"status"`           // Success, Failed or Cancelled
	Reason    string        `json:"reason,omitempty"` // what ended it early, or which phase failed first
	DryRun    bool          `json:"dry_run,omitempty"`
	Started   time.Time     `json:"started"` // UTC
	Ended     time.Time     `json:"ended"`   // UTC
	Phases    []PhaseResult `json:"phases"`  // all of them, in the order of the pipeline
}

// Phase returns the result of the phase called name; ok is false when there is none.
func (r Report) Phase(name string) (result PhaseResult, ok bool) {
	for _, p := range r.Phases {
		if p.Phase == name {
			return p, true
		}
	}
	return PhaseResult{}, false
}

// A PhaseResult says how a phase went.
type PhaseResult struct {
	Phase    string          `json:"phase"`
	Status   Status          `json:"status"`
	Allowed  bool            `json:"allowed,omitempty"`  // it failed, and its AllowFailure keeps the run from failing
	Result   json.RawMessage `json:"result,omitempty"`   // what the phase returned; absent when nil or not successful
	Error    string          `json:"error,omitempty"`    // the first try's failure, kept also when recovered
	Reason   string          `json:"reason,omitempty"`   // why it was not a success
	Recovery *Recovery       `json:"recovery,omitempty"` // absent when no recovery attempt was made
	Fallback *Fallback       `json:"fallback,omitempty"` // absent when the fallback was not called; it is no recovery
}

// Output decodes the phase's result into v, as Input.Output does.
func (r PhaseResult) Output(v any) error {
	if r.Status != Success {
		return fmt.Errorf("phase %q has no output: it is %s", r.Phase, r.Status)
	}
	return decode(r.Result, v)
}

// A Recovery lists the attempts to recover a phase after its first try failed.
type Recovery struct {
	Attempted bool              `json:"attempted"` // always true
	Success   bool              `json:"success"`
	Message   string            `json:"message"` // "Recovery successful on attempt 2"
	Attempts  []RecoveryAttempt `json:"attempts"`
}

// A RecoveryAttempt is one recovery attempt of a phase. Its JSON has the delay as a number of seconds.
type RecoveryAttempt struct {
	Attempt int             // from 1
	Delay   time.Duration   // what was waited before it
	Status  string          // AttemptSuccess or AttemptError
	Error   string          // when it failed
	Result  json.RawMessage // when it succeeded: the phase's result; nil when that is nil, or larger than 1 KiB
}

// The values of RecoveryAttempt.Status and Fallback.Status.
const (
	AttemptSuccess = "success"
	AttemptError   = "error"
)

// A Fallback says how the call of Phase.Fallback went. When it succeeded, its result is the phase's.
type Fallback struct {
	Status string          `json:"status"` // AttemptSuccess or AttemptError
	Error  string          `json:"error,omitempty"`
	Result json.RawMessage `json:"result,omitempty"` // the phase's result; nil when that is nil, or larger than 1 KiB
}

type recoveryAttemptJSON struct {
	Attempt int             `json:"attempt"`
	Delay   float64         `json:"delay"`
	Status  string          `json:"status"`
	Error   string          `json:"error,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
}

// MarshalJSON writes attempt, delay (in seconds), status, and error or result.
func (a RecoveryAttempt) MarshalJSON() ([]byte, error) {
	return json.Marshal(recoveryAttemptJSON{a.Attempt, a.Delay.Seconds(), a.Status, a.Error, a.Result})
}

// UnmarshalJSON reads what MarshalJSON writes.
func (a *RecoveryAttempt) UnmarshalJSON(data []byte) error {
	var j recoveryAttemptJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	delay := math.Round(j.Delay * float64(time.Second))
	if delay < 0 || delay >= math.MaxInt64 {
		return fmt.Errorf("orchestrator: delay is %v, want seconds from 0 to 9223372036", j.Delay)
	}
	*a = RecoveryAttempt{j.Attempt, time.Duration(delay), j.Status, j.Error, j.Result}
	return nil
}
