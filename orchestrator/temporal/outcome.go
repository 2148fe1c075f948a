package temporal

import (
	"context"
	"errors"
	"time"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/orchestrator/engine"
	"github.com/backspan/backspan/retry"
)

// An outcome is the result of the workflow: the report, and what of the run's error is not in it.
type outcome struct {
	orchestrator.Report

	Failures []failure `json:"failures,omitempty"`
	Cause    *cause    `json:"cause,omitempty"`
}

// A failure is a *retry.Error of a phase.
type failure struct {
	Phase    string        `json:"phase"`
	Attempts int           `json:"attempts"`
	Elapsed  time.Duration `json:"elapsed"` // in nanoseconds
	Reason   engine.Reason `json:"reason"`
	Err      *cause        `json:"error"`
	First    *cause        `json:"first,omitempty"`
	Cause    *cause        `json:"cause,omitempty"`
}

// A cause is an error: its text, and which of the errors that programs ask for it is.
type cause struct {
	Text  string   `json:"text"`
	Kinds []string `json:"kinds,omitempty"`
}

// kinds are those errors by the names that survive JSON.
var kinds = map[string]error{
	"cancelled": context.Canceled,
	"deadline":  context.DeadlineExceeded,
	"lost":      orchestrator.ErrLost,
}

func newOutcome(report orchestrator.Report, err error) outcome {
	o := outcome{Report: report}
	e, ok := errors.AsType[*orchestrator.Error](err)
	if !ok {
		return o
	}
	o.Cause = causeOf(e.Cause)
	for _, phase := range e.Phases {
		o.Failures = append(o.Failures, failure{
			Phase: phase.Operation, Attempts: phase.Attempts, Elapsed: phase.Elapsed,
			Reason: engine.ReasonOf(phase.Reason),
			Err:    causeOf(phase.Err), First: causeOf(phase.First), Cause: causeOf(phase.Cause),
		})
	}
	return o
}

// maxText is what is kept of the text of an error, in bytes.
const maxText = 8 << 10

func causeOf(err error) *cause {
	if err == nil {
		return nil
	}
	c := &cause{Text: err.Error()}
	if len(c.Text) > maxText {
		c.Text = c.Text[:maxText]
	}
	for _, name := range []string{"cancelled", "deadline", "lost"} {
		if errors.Is(err, kinds[name]) {
			c.Kinds = append(c.Kinds, name)
		}
	}
	return c
}

// result is what Pipeline.Run returns for the run.
func (o *outcome) result() (orchestrator.Report, error) {
	if o.Status == orchestrator.Success {
		return o.Report, nil
	}
	e := &orchestrator.Error{Pipeline: o.Pipeline, RunID: o.SessionID, Status: o.Status, Cause: o.Cause.err()}
	for _, f := range o.Failures {
		e.Phases = append(e.Phases, &retry.Error{
			Operation: f.Phase, Attempts: f.Attempts, Elapsed: f.Elapsed, Reason: f.Reason.Err(),
			Err: f.Err.err(), First: f.First.err(), Cause: f.Cause.err(),
		})
	}
	return o.Report, e
}

func (c *cause) err() error {
	if c == nil {
		return nil
	}
	e := &remoteError{text: c.Text}
	for _, name := range c.Kinds {
		e.kinds = append(e.kinds, kinds[name])
	}
	return e
}

// remoteError stands for an error of another process.
type remoteError struct {
	text  string
	kinds []error
}

func (e *remoteError) Error() string   { return e.text }
func (e *remoteError) Unwrap() []error { return e.kinds }
