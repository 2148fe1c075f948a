// Package decide is how packages that run attempts themselves ask package retry what follows an attempt, and whether a
// policy can be used, and how retryhttp learns that another attempt follows. It keeps the names that only they need out
// of retry's own documentation.
package decide

import (
	"context"
	"math"
	"time"

	"github.com/backspan/backspan/internal/fielderror"
)

// Ended is all that a decision needs to know of an attempt that ended.
type Ended struct {
	Attempt     int           // its number, from 1
	Err         error         // what it returned
	Context     error         // Err() of the context around the operation; nil while that is alive
	Cause       error         // context.Cause of that context; nil while it is alive
	Elapsed     time.Duration // since the operation began
	Remaining   time.Duration // until the deadline of the context around the operation
	HasDeadline bool          // whether that context has a deadline; Remaining means nothing without
	Previous    time.Duration // what was waited before this attempt
	Random      float64       // a number in [0,1) for the jitter
}

// A Decision says what follows an attempt: nothing more to do (Reason nil, Retry false), another attempt after Delay,
// or the end for a Reason.
type Decision struct {
	Retry  bool
	Delay  time.Duration
	Asked  time.Duration // the wait that the server asked for; 0: none
	Reason error         // one of package retry's reasons
	Cause  error         // why the time was up, or what wait did not fit; nil for the other reasons
}

// For decides for a retry.Policy. Package retry sets it when it is initialized, because this package cannot import it.
var For func(policy any, e Ended) Decision

// Check returns the first field of a retry.Policy that cannot be used, or nil. name is what the user calls the policy,
// for example Pipeline.Recovery; the fields in the error begin with it. Package retry sets it, as it sets For.
var Check func(policy any, name string) *fielderror.Error

// Take takes from a *retry.Budget what the retry costs that was decided on, for whoever makes decisions without
// retry.Do. ok is false when the budget has too little: the operation ends. Give gives taken back, when that retry
// succeeded; 0 stands for an operation that succeeded at its first attempt. Package retry sets both, as it sets For.
var (
	Take func(budget any, next Decision) (taken int64, ok bool)
	Give func(budget any, taken int64)
)

// Do is retry.Do with a function more: retrying is called when it is decided that another attempt follows, before
// AfterAttempt and the wait. policy is a *retry.Policy, which stays as it is. An AfterAttempt could do as much, but
// makes each operation read the clock twice. Package retry sets it, as it sets For.
var Do func(
	ctx context.Context, name string, policy any, op func(context.Context) error, retrying func(),
) error

// Describe is the message of a *retry.Error without the operation's name, as spans have it: in at most limit bytes,
// which must be 384 or more. Package retry sets it, as it sets For.
var Describe func(stopped any, limit int) string

// RetriesLeft returns how many retries follow an attempt, counted from 1; -1 means without limit. maxRetries is that
// of a retry.Policy whose defaults are filled in: retry.Never is below every number of an attempt, retry.Unlimited is
// the largest int.
func RetriesLeft(maxRetries, attempt int) int {
	switch {
	case maxRetries == math.MaxInt:
		return -1
	case maxRetries < attempt:
		return 0
	}
	return maxRetries - attempt + 1
}
