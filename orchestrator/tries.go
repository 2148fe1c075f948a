package orchestrator

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/orchestrator/engine"
	"github.com/backspan/backspan/retry"
)

// tries collects the attempts of one phase and composes what the report says of them.
type tries struct {
	delay    time.Duration // before the attempt under way
	made     int           // attempts that ended, without the fallback
	first    string        // the failure of the first try
	firstErr error         // the same as an error
	recovery []RecoveryAttempt
	fallback *Fallback
	last     engine.Decision // what was decided after the last attempt
	err      error           // the last failure
}

// add records the end of an attempt.
func (t *tries) add(d *engine.Done) {
	if d.Fallback {
		t.addFallback(d)
		return
	}
	t.made++
	t.last, t.err = d.Decision, errorOf(d)
	if d.Attempt == 0 {
		t.first, t.firstErr = d.Error, t.err
		return
	}
	t.recovery = append(t.recovery, RecoveryAttempt{
		Attempt: d.Attempt, Delay: t.delay, Status: d.Status, Error: d.Error, Result: repeated(d.Output),
	})
}

// maxRepeated is the size in bytes up to which a result is in the report twice: as the phase's, and where the guide has
// it, beside the attempt that it comes from.
const maxRepeated = 1 << 10

func repeated(output json.RawMessage) json.RawMessage {
	if len(output) > maxRepeated {
		return nil
	}
	return output
}

func (t *tries) addFallback(d *engine.Done) {
	t.fallback = &Fallback{Status: d.Status, Error: d.Error, Result: repeated(d.Output)}
	if d.Status == AttemptSuccess {
		return
	}
	t.err = &fallbackError{t.err, errorOf(d)}
	// The phase was given up before its fallback. The reason changes only when the fallback's context ended.
	if d.Decision.Reason == engine.ReasonCancelled || d.Decision.Reason == engine.ReasonDeadline {
		t.last = d.Decision
	}
}

// result is the phase's, given how it ended.
func (t *tries) result(status Status, reason string, output json.RawMessage) PhaseResult {
	r := PhaseResult{Status: status, Result: output, Error: t.first, Reason: reason, Fallback: t.fallback}
	if n := len(t.recovery); n > 0 {
		r.Recovery = &Recovery{Attempted: true, Attempts: t.recovery}
		attempts := fmt.Sprintf("%d recovery attempts", n)
		if n == 1 {
			attempts = "1 recovery attempt"
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

// reason says why the phase was given up. When the last attempt was to be followed by another, the end of the run
// is why.
func (t *tries) reason(stop *engine.Stop) engine.Reason {
	switch {
	case !t.last.Retry:
		return t.last.Reason
	case stop.Deadline:
		return engine.ReasonDeadline
	default:
		return engine.ReasonCancelled
	}
}

// why is the text of the reason in the report.
func (t *tries) why(recovery bool, stop *engine.Stop) string {
	reason := t.reason(stop)
	switch {
	case endedBy(stop, reason):
		return stop.String()
	case reason == engine.ReasonExhausted && !recovery:
		return "recovery is off"
	default:
		return reason.Err().Error()
	}
}

// failure is the error of a phase that was given up.
func (t *tries) failure(phase string, elapsed time.Duration, stop *engine.Stop) *retry.Error {
	reason := t.reason(stop)
	e := &retry.Error{
		Operation: phase, Attempts: t.made, Elapsed: elapsed,
		Reason: reason.Err(), Err: t.err, First: t.firstErr,
	}
	switch {
	case endedBy(stop, reason):
		e.Cause = causeOf(stop)
	case t.last.Cause == "":
	case reason == engine.ReasonDeadline:
		e.Cause = &remoteError{text: t.last.Cause, standard: context.DeadlineExceeded}
	default:
		e.Cause = &remoteError{text: t.last.Cause}
	}
	return e
}

// errorOf is the attempt's error, or one with its text and type when d comes from another process; nil for a success.
func errorOf(d *engine.Done) error {
	switch {
	case d.Status == AttemptSuccess:
		return nil
	case d.Err != nil:
		return d.Err
	default:
		return &remoteError{text: d.Error, kind: d.ErrorType}
	}
}

// endedBy reports whether stop is why a phase ended for reason. After the end of the run's context, a phase that
// cleans up still has a timeout and a context of its own.
func endedBy(stop *engine.Stop, reason engine.Reason) bool {
	return stop != nil &&
		(reason == engine.ReasonDeadline && stop.Deadline || reason == engine.ReasonCancelled && !stop.Deadline)
}

// causeOf is what ended the run's context, or an error with its text when stop comes from another process.
func causeOf(stop *engine.Stop) error {
	switch {
	case stop.Err != nil:
		return stop.Err
	case stop.Deadline:
		return &remoteError{text: stop.Cause, standard: context.DeadlineExceeded}
	default:
		return &remoteError{text: stop.Cause, standard: context.Canceled}
	}
}

// errorText is an error's message as the report has it: never empty, and the same after JSON.
func errorText(err error) string {
	if text := valid(semconv.ErrorText(err)); text != "" {
		return text
	}
	return fmt.Sprintf("%T without a message", err)
}

// valid replaces bytes that are not UTF-8, which JSON and OTLP refuse.
func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }
