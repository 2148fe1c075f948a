package retry

import (
	"context"
	"time"

	"github.com/backspan/backspan/internal/scope"
)

// An Attempt describes one call of an operation: to the operation itself by AttemptFromContext, and to AfterAttempt.
type Attempt struct {
	Operation   string
	Number      int           // from 1
	RetriesLeft int           // after this attempt; -1 when the policy sets no limit
	Depth       int           // how many retry loops are around this one; 0 for the outermost
	Delay       time.Duration // what was waited before this attempt; 0 for the first

	// The rest is for AfterAttempt only.

	Err       error         // what the attempt returned; nil when it succeeded
	Duration  time.Duration // how long it took
	NextDelay time.Duration // the wait that is about to begin; 0 when no attempt follows
	Stop      error         // why a failed attempt is the last one, such as ErrExhausted; nil when another one follows
}

// AttemptFromContext returns the innermost attempt that ctx belongs to; ok is false outside of Do and Value.
func AttemptFromContext(ctx context.Context) (a Attempt, ok bool) {
	f := scope.From(ctx)
	if f.Attempt == 0 {
		return Attempt{}, false
	}
	return Attempt{
		Operation:   f.Operation,
		Number:      f.Attempt,
		RetriesLeft: f.RetriesLeft,
		Depth:       f.Depth - 1, // the frame counts this loop too
		Delay:       f.Delay,
	}, true
}
