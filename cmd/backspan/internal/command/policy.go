package command

import (
	"cmp"
	"errors"
	"time"

	"github.com/backspan/backspan/retry"
)

// A Policy says how a command is retried. A nil field has not been said. Unlike in a retry.Policy, a 0 that is said
// means 0.
type Policy struct {
	MaxRetries     *int // retry.Unlimited for no limit
	BaseDelay      *time.Duration
	MaxDelay       *time.Duration
	Multiplier     *float64
	Jitter         *retry.Jitter
	AttemptTimeout *time.Duration
	MaxElapsed     *time.Duration
	RetryOn        *Ends // the only ends that are retried; nil or empty: all
	StopOn         *Ends // ends that are not retried; they win over RetryOn

	// The same by what the command wrote at last. An attempt is retried when RetryOn or RetryOnOutput says so, and not
	// when StopOn or StopOnOutput does.
	RetryOnOutput, StopOnOutput *Patterns
}

// Or returns p with what it does not say taken from outer.
func (p Policy) Or(outer Policy) Policy {
	return Policy{
		MaxRetries:     cmp.Or(p.MaxRetries, outer.MaxRetries),
		BaseDelay:      cmp.Or(p.BaseDelay, outer.BaseDelay),
		MaxDelay:       cmp.Or(p.MaxDelay, outer.MaxDelay),
		Multiplier:     cmp.Or(p.Multiplier, outer.Multiplier),
		Jitter:         cmp.Or(p.Jitter, outer.Jitter),
		AttemptTimeout: cmp.Or(p.AttemptTimeout, outer.AttemptTimeout),
		MaxElapsed:     cmp.Or(p.MaxElapsed, outer.MaxElapsed),
		RetryOn:        cmp.Or(p.RetryOn, outer.RetryOn),
		StopOn:         cmp.Or(p.StopOn, outer.StopOn),
		RetryOnOutput:  cmp.Or(p.RetryOnOutput, outer.RetryOnOutput),
		StopOnOutput:   cmp.Or(p.StopOnOutput, outer.StopOnOutput),
	}
}

// Resolve returns p as package retry takes it, with all defaults filled in; that of the base delay is baseDelay, or
// package retry's when that is 0, but never more than the longest delay. The result's Retryable is not set: see
// [Policy.Retryable].
func (p Policy) Resolve(baseDelay time.Duration) retry.Policy {
	out := retry.Policy{
		MaxRetries:     value(p.MaxRetries),
		BaseDelay:      baseDelay,
		MaxDelay:       value(p.MaxDelay),
		Multiplier:     value(p.Multiplier),
		Jitter:         value(p.Jitter),
		AttemptTimeout: value(p.AttemptTimeout),
		MaxElapsed:     value(p.MaxElapsed),
	}
	if p.MaxRetries != nil && *p.MaxRetries == 0 {
		out.MaxRetries = retry.Never
	}
	out.BaseDelay = min(out.BaseDelay, out.WithDefaults().MaxDelay)
	if p.BaseDelay != nil {
		out.BaseDelay = *p.BaseDelay
	}
	if isZero(p.BaseDelay) || isZero(p.MaxDelay) {
		out.BaseDelay = retry.NoDelay
	}
	return out.WithDefaults()
}

// ReadsOutput reports whether what the command writes decides if it is retried.
func (p Policy) ReadsOutput() bool { return !p.RetryOnOutput.Empty() || !p.StopOnOutput.Empty() }

// Retryable reports whether p allows another attempt after err. A command that cannot be started is tried again only
// when RetryOn names its exit code, or when the machine lacked something that may be there in a moment.
func (p Policy) Retryable(err error) bool {
	failure, ok := errors.AsType[*Error](err)
	switch {
	case !ok:
		return p.RetryOn.Empty() && p.RetryOnOutput.Empty() // such as an output that cannot be used
	case p.StopOn.Has(failure.Result), p.StopOnOutput.Match(failure.Result):
		return false
	case !p.RetryOn.Empty(), !p.RetryOnOutput.Empty():
		return p.RetryOn.Has(failure.Result) || p.RetryOnOutput.Match(failure.Result)
	default:
		return failure.Result.Err == nil || failure.Result.Transient()
	}
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func isZero[T comparable](p *T) bool { return p != nil && *p == *new(T) }
