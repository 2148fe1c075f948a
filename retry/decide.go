package retry

import (
	"context"
	"errors"
	"time"
)

// Ended is all that a decision needs to know of an attempt that ended.
type Ended struct {
	Attempt     int           // its number, from 1
	Err         error         // what it returned
	Context     error         // Err() of the context around the operation; nil while that is alive
	Elapsed     time.Duration // since the operation began
	Remaining   time.Duration // until the deadline of the context around the operation
	HasDeadline bool          // whether that context has a deadline; Remaining means nothing without
	Previous    time.Duration // what was waited before this attempt
	Random      float64       // a number in [0,1) for the jitter
}

// A Decision says what follows an attempt: nothing more to do (Reason nil, Retry false), another attempt after
// Delay, or the end for a Reason.
type Decision struct {
	Retry  bool
	Delay  time.Duration
	Reason error // ErrExhausted, ErrPermanent, ErrCancelled or ErrDeadline
}

// Decide is the one place where it is decided whether an attempt is followed by another. It is pure, so every
// engine that runs attempts (the loop of this package, the orchestrator's, one that replays its history) comes to
// the same decision.
func (p Policy) Decide(e Ended) Decision {
	p = p.WithDefaults()
	return p.decide(e)
}

// decide is Decide for a policy whose defaults are filled in.
func (p *Policy) decide(e Ended) Decision {
	switch {
	case e.Err == nil:
		return Decision{}
	// The context comes first, and by its own word: an operation's error may look like a cancellation and be
	// none (its own inner timeout), or be one and look like something else.
	case e.Context != nil:
		return Decision{Reason: contextReason(e.Context)}
	case isPermanent(e.Err):
		return Decision{Reason: ErrPermanent}
	case p.Retryable != nil && !p.Retryable(e.Err):
		return Decision{Reason: ErrPermanent}
	case p.MaxRetries == Never, p.MaxRetries != Unlimited && e.Attempt > p.MaxRetries:
		return Decision{Reason: ErrExhausted}
	}
	delay := p.nextDelay(e)
	// A wait that ends at the context's deadline leaves no time for the attempt after it.
	if e.HasDeadline && delay >= e.Remaining {
		return Decision{Reason: ErrDeadline}
	}
	if p.MaxElapsed > 0 && delay > p.MaxElapsed-e.Elapsed {
		return Decision{Reason: ErrDeadline}
	}
	return Decision{Retry: true, Delay: delay}
}

// nextDelay is what the server asked for, within MaxAfter, else the backoff.
func (p *Policy) nextDelay(e Ended) time.Duration {
	if asked, ok := afterHint(e.Err); ok {
		return min(asked, p.MaxAfter)
	}
	return p.jitteredDelay(e.Attempt, e.Previous, e.Random)
}

// contextReason turns the Err() of a context that is done into the reason of a stop.
func contextReason(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return ErrDeadline
	}
	return ErrCancelled
}
