package orchestrator

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/retry"
)

// tries collects the attempts of one phase. It is the part of the loop that knows what the report says of them.
type tries struct {
	delay    time.Duration // before the attempt under way
	made     int           // attempts that ended, without the fallback
	first    string        // the failure of the first try
	recovery []RecoveryAttempt
	fallback *Fallback
	last     Decision // what was decided after the last attempt
	err      error    // the last failure
}

// add takes in the end of an attempt.
func (t *tries) add(d *Done) {
	if d.Fallback {
		t.addFallback(d)
		return
	}
	t.made++
	t.last, t.err = d.Decision, d.err()
	if d.Attempt == 0 {
		t.first = d.Error
		return
	}
	t.recovery = append(t.recovery, RecoveryAttempt{
		Attempt: d.Attempt, Delay: t.delay, Status: d.Status, Error: d.Error, Result: d.Output,
	})
}

func (t *tries) addFallback(d *Done) {
	t.fallback = &Fallback{Status: d.Status, Error: d.Error, Result: d.Output}
	if d.Status == AttemptSuccess {
		return
	}
	t.err = &fallbackError{t.err, d.err()}
	// The phase was given up before; only what ended its context has more to say.
	if d.Decision.Reason == ReasonCancelled || d.Decision.Reason == ReasonDeadline {
		t.last = d.Decision
	}
}

// result is the phase's, given how it ended.
func (t *tries) result(status Status, reason string, output json.RawMessage) PhaseResult {
	r := PhaseResult{Status: status, Result: output, Error: t.first, Reason: reason, Fallback: t.fallback}
	if n := len(t.recovery); n > 0 {
		r.Recovery = &Recovery{Attempted: true, Attempts: t.recovery}
		attempts := fmt.Sprintf("%d attempts", n)
		if n == 1 {
			attempts = "1 attempt"
		}
		switch {
		case t.recovery[n-1].Status == AttemptSuccess:
			r.Recovery.Success = true
			r.Recovery.Message = fmt.Sprintf("Recovery successful on attempt %d", n)
		case status == Cancelled:
			r.Recovery.Message = "Recovery cancelled after " + attempts
		default:
			r.Recovery.Message = "Recovery failed after " + attempts
		}
	}
	return r
}

// reason is why the phase was given up; an attempt that was to be repeated was not because the run stopped.
func (t *tries) reason(stop *Stop) Reason {
	switch {
	case !t.last.Retry:
		return t.last.Reason
	case stop.Deadline:
		return ReasonDeadline
	default:
		return ReasonCancelled
	}
}

// why is the report's word for it.
func (t *tries) why(recovery bool, stop *Stop) string {
	reason := t.reason(stop)
	switch {
	case stop.ended(reason):
		return stop.String()
	case reason == ReasonExhausted && !recovery:
		return "recovery is off"
	default:
		return reason.err().Error()
	}
}

// failure is the error of a phase that was given up.
func (t *tries) failure(phase string, elapsed time.Duration, stop *Stop) *retry.Error {
	reason := t.reason(stop)
	e := &retry.Error{Operation: phase, Attempts: t.made, Elapsed: elapsed, Reason: reason.err(), Err: t.err}
	switch {
	case stop.ended(reason):
		e.Cause = stop.err()
	case reason == ReasonDeadline:
		e.Cause = context.DeadlineExceeded
	}
	return e
}

// reasons are the words that travel for package retry's errors.
var reasons = [...]struct {
	word Reason
	err  error
}{
	{ReasonExhausted, retry.ErrExhausted},
	{ReasonPermanent, retry.ErrPermanent},
	{ReasonCancelled, retry.ErrCancelled},
	{ReasonDeadline, retry.ErrDeadline},
}

// err is package retry's error for r. A word that is not known comes from a newer engine, and ends the phase too.
func (r Reason) err() error {
	for _, reason := range reasons {
		if reason.word == r {
			return reason.err
		}
	}
	return retry.ErrExhausted
}

// decided is d as it travels.
func decided(d retry.Decision) Decision {
	travels := Decision{Retry: d.Retry, Delay: d.Delay}
	for _, reason := range reasons {
		if reason.err == d.Reason { //nolint:errorlint // one of the four, by its contract
			travels.Reason = reason.word
		}
	}
	return travels
}

// err is the attempt's error, or one with its words where it could not travel; nil for a success.
func (d *Done) err() error {
	switch {
	case d.Status == AttemptSuccess:
		return nil
	case d.Err != nil:
		return d.Err
	default:
		return &textError{d.Error, d.ErrorType}
	}
}

// ended reports whether s is why a phase ended for reason. In a run that has ended, what cleans up still has a timeout and a
// context of its own.
func (s *Stop) ended(reason Reason) bool {
	return s != nil && (reason == ReasonDeadline && s.Deadline || reason == ReasonCancelled && !s.Deadline)
}

func (s *Stop) err() error {
	switch {
	case s.Err != nil:
		return s.Err
	case s.Deadline:
		return &stopError{s.Cause, context.DeadlineExceeded}
	default:
		return &stopError{s.Cause, context.Canceled}
	}
}

// String says what happened to the run.
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

// stopError is a cause of which only the words travelled.
type stopError struct {
	text     string
	standard error
}

func (e *stopError) Error() string { return e.text }
func (e *stopError) Unwrap() error { return e.standard }

// errorText is an error's message as the report has it: never empty, and the same after JSON.
func errorText(err error) string {
	if text := valid(semconv.ErrorText(err)); text != "" {
		return text
	}
	return fmt.Sprintf("%T without a message", err)
}

// valid replaces bytes that are not UTF-8, which JSON and OTLP refuse.
func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }
