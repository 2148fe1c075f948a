package orchestrator

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/backspan/backspan/internal/boundtext"
	"github.com/backspan/backspan/internal/decide"
	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/orchestrator/engine"
	"github.com/backspan/backspan/retry"
)

func (a *attempt) done(err error, output json.RawMessage, final bool) *engine.Done {
	d := &engine.Done{
		Phase: a.task.Phase, Attempt: a.task.Attempt, Fallback: a.task.Fallback,
		Status: AttemptSuccess, Output: output, Err: err, Final: final,
	}
	if err != nil {
		d.Status = AttemptError
		d.Error, d.ErrorType = a.errorText(err), boundtext.Type(err)
		d.Decision.Reason = engine.ReasonPermanent // until it is decided otherwise
	}
	return d
}

// errorText is the message of err in a Done.
func (a *attempt) errorText(err error) string {
	text := errorText(err)
	if a.limits.MaxResult > 0 {
		text = boundtext.Of(text, err, max(a.limits.MaxResult, minErrorText))
	}
	return text
}

// minErrorText is what of an error's text is kept whatever an engine's limit is: package boundtext needs it.
const minErrorText = 64

// decide decides what follows the failure in d. A panic in the policy's Retryable leaves the decision as it is.
func (a *attempt) decide(d *engine.Done, e decide.Ended) {
	defer func() {
		if value := recover(); value != nil {
			d.Err = fmt.Errorf("%w (and a function of its retry.Policy panicked: %v)", d.Err, value)
			d.Error = a.errorText(d.Err)
		}
	}()
	policy := a.policy
	if a.stopped != nil && a.stopped() != nil {
		policy.MaxRetries = retry.Never
	}
	e.Attempt, e.Err, e.Previous = a.task.Attempt+1, d.Err, a.task.Delay
	if policy.Jitter != retry.NoJitter {
		e.Random = spread(a.task)
	}
	decision := decide.For(policy, e)
	a.asked = decision.Asked
	d.Decision = decided(decision, d.Err)
}

// now is what the decision needs to know of the phase at this moment.
func (a *attempt) now(phase context.Context) decide.Ended {
	e := decide.Ended{
		Context: phase.Err(),
		Cause:   context.Cause(phase),
		Elapsed: a.task.Elapsed + a.skipped + time.Since(a.started),
	}
	if deadline, ok := phase.Deadline(); ok {
		e.HasDeadline = true
		e.Remaining = time.Until(deadline) - a.skipped
	}
	return e
}

// Lost decides for an attempt that was started and whose end will never be known, because the process that made it
// died. It is for engines, which must know that the phase's function does not run any more. The attempt counts as one
// that failed with ErrLost, and is followed by another, or not, as after any failure. why says what is known, for
// example that no heartbeat came; its text is kept in at most 2048 bytes. What why wraps does not end the run: only a
// Stop does.
//
// Lost is deterministic. It takes task.Elapsed for the time since the phase began, to which an engine that knows how
// long the attempt took adds that. The policy's AfterAttempt is not called. The Done has NoSpan: WriteSpans writes
// the attempt's span.
func (p *Plan) Lost(task engine.Task, why error) engine.Done {
	a := p.newAttempt(context.Background(), task, engine.Limits{MaxResult: boundtext.MaxAttempt})
	if !a.known {
		d := a.done(a.unknown(), nil, false)
		d.NoSpan = true
		return *d
	}
	e := decide.Ended{Elapsed: task.Elapsed}
	timeout := p.pipeline.Phases[a.index].Timeout
	switch left := timeout - task.Elapsed; {
	case timeout > 0 && left <= 0:
		e.Context, e.Cause = context.DeadlineExceeded, &timeoutError{"phase", timeout}
	case timeout > 0:
		e.HasDeadline, e.Remaining = true, left
	}
	d := a.done(&lostError{why}, nil, e.Context != nil)
	d.NoSpan = true
	a.decide(d, e)
	return *d
}

// spread is the number in [0,1) for the jitter. It is a hash, so that an engine that repeats the decision computes the
// same wait.
func spread(task engine.Task) float64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s\x00%s\x00%d", task.RunID, task.Phase, task.Attempt)
	x := h.Sum64()
	// The last bytes written hardly change FNV's high bits. The finalizer of splitmix64 mixes them in.
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	x ^= x >> 31
	return float64(x>>11) / (1 << 53)
}

// reasonName is the name of err.
func reasonName(err error) engine.Reason { return cmp.Or(engine.ReasonOf(err), engine.ReasonExhausted) }

// decided is d in the form that survives JSON. The cause is left out when err, the attempt's, tells it already.
func decided(d decide.Decision, err error) engine.Decision {
	e := engine.Decision{Retry: d.Retry, Delay: d.Delay}
	if !d.Retry {
		e.Reason = reasonName(d.Reason)
	}
	if d.Cause != nil && !tells(err, d.Cause) {
		e.Cause = errorText(d.Cause)
	}
	return e
}

// tells reports whether cause is err or in it.
func tells(err, cause error) (told bool) {
	defer func() { _ = recover() }() // Unwrap of a nil pointer, or a cause that cannot be compared
	semconv.Walk(err, func(err error) bool {
		told = err == cause //nolint:errorlint // Walk unwraps
		return told
	})
	return told
}
