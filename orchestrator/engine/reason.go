package engine

import (
	"errors"
	"maps"
	"slices"

	"github.com/backspan/backspan/retry"
)

// A Reason says why no attempt follows a failed one. It survives JSON, as the error that it stands for would not.
type Reason string

// The reasons. All but ReasonAbandoned are those of package retry.
const (
	ReasonExhausted    Reason = "exhausted"
	ReasonPermanent    Reason = "permanent"
	ReasonNotRetryable Reason = "not_retryable"
	ReasonRetryLater   Reason = "retry_later"
	ReasonCancelled    Reason = "cancelled"
	ReasonDeadline     Reason = "deadline"
	ReasonAbandoned    Reason = "abandoned" // the phase's function may still be running
)

// ErrAbandoned is the error of ReasonAbandoned; see orchestrator.ErrAbandoned.
var ErrAbandoned = errors.New("phase abandoned")

var reasons = map[Reason]error{
	ReasonExhausted:    retry.ErrExhausted,
	ReasonPermanent:    retry.ErrPermanent,
	ReasonNotRetryable: retry.ErrNotRetryable,
	ReasonRetryLater:   retry.ErrRetryLater,
	ReasonCancelled:    retry.ErrCancelled,
	ReasonDeadline:     retry.ErrDeadline,
	ReasonAbandoned:    ErrAbandoned,
}

// Reasons returns all reasons in the order of their texts.
func Reasons() []Reason { return slices.Sorted(maps.Keys(reasons)) }

// Err returns the error that r stands for, as it is in a *retry.Error; nil when r is none of the reasons.
func (r Reason) Err() error { return reasons[r] }

// ReasonOf returns the reason that stands for err, which is the Reason of a *retry.Error; empty when none does.
func ReasonOf(err error) Reason {
	for name, reason := range reasons {
		if reason == err {
			return name
		}
	}
	return ""
}
