package pipefile

import (
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/child"
	"github.com/backspan/backspan/retry"
)

// A Policy is what a file says of a retry policy. What is nil has not been said, and comes from further out.
type Policy struct {
	MaxRetries     *int // retry.Unlimited for "unlimited"
	BaseDelay      *time.Duration
	MaxDelay       *time.Duration
	Multiplier     *float64
	Jitter         *retry.Jitter
	AttemptTimeout *time.Duration
	MaxElapsed     *time.Duration
	RetryOn        *child.Ends
	StopOn         *child.Ends
}

// or fills what p does not say with what outer says.
func (p Policy) or(outer Policy) Policy {
	return Policy{
		MaxRetries:     first(p.MaxRetries, outer.MaxRetries),
		BaseDelay:      first(p.BaseDelay, outer.BaseDelay),
		MaxDelay:       first(p.MaxDelay, outer.MaxDelay),
		Multiplier:     first(p.Multiplier, outer.Multiplier),
		Jitter:         first(p.Jitter, outer.Jitter),
		AttemptTimeout: first(p.AttemptTimeout, outer.AttemptTimeout),
		MaxElapsed:     first(p.MaxElapsed, outer.MaxElapsed),
		RetryOn:        first(p.RetryOn, outer.RetryOn),
		StopOn:         first(p.StopOn, outer.StopOn),
	}
}

func first[T any](list ...*T) *T {
	for _, p := range list {
		if p != nil {
			return p
		}
	}
	return nil
}

// policy is p for package retry, where 0 means the default; in a file it means 0.
func (p Policy) policy(baseDelay time.Duration) retry.Policy {
	policy := retry.Policy{
		MaxRetries:     value(p.MaxRetries),
		BaseDelay:      baseDelay,
		MaxDelay:       value(p.MaxDelay),
		Multiplier:     value(p.Multiplier),
		Jitter:         value(p.Jitter),
		AttemptTimeout: value(p.AttemptTimeout),
		MaxElapsed:     value(p.MaxElapsed),
	}
	if p.MaxRetries != nil && *p.MaxRetries == 0 {
		policy.MaxRetries = retry.Never
	}
	if p.BaseDelay != nil {
		policy.BaseDelay = *p.BaseDelay
	}
	if policy.BaseDelay == 0 && p.BaseDelay != nil || policy.MaxDelay == 0 && p.MaxDelay != nil {
		policy.BaseDelay = retry.NoDelay
	}
	return policy.WithDefaults()
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
