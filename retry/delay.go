package retry

import (
	"math"
	"time"
)

// Delay returns the wait before the given retry, counted from 1, without jitter:
//
//	min(BaseDelay × Multiplier^(retry-1), MaxDelay)
//
// A BaseDelay of 2s gives 2s, 4s, 8s, 16s, and from the fifth retry on the default MaxDelay of 30s. A product too large
// for a Duration is MaxDelay too. Delay is 0 for NoDelay and for a retry below 1.
func (p Policy) Delay(retry int) time.Duration {
	p = p.WithDefaults()
	return p.exactDelay(retry)
}

// exactDelay and jitteredDelay are for a policy whose defaults are filled in.
func (p *Policy) exactDelay(retry int) time.Duration {
	if p.BaseDelay == NoDelay || retry < 1 {
		return 0
	}
	// Computed in floating point, where the power of a large retry becomes +Inf instead of wrapping around.
	return atMost(p.MaxDelay, float64(p.BaseDelay)*math.Pow(p.Multiplier, float64(retry-1)))
}

// atMost converts delay, which may be beyond what a Duration holds.
func atMost(limit time.Duration, delay float64) time.Duration {
	if delay >= float64(limit) {
		return limit
	}
	return time.Duration(delay)
}

// JitteredDelay returns the wait before the given retry with the policy's jitter. It is pure: previous is the wait
// before the retry before (0 before the first), and u, in [0,1), takes the place of a random number, so that an
// engine that must repeat its decisions can. It never exceeds MaxDelay.
func (p Policy) JitteredDelay(retry int, previous time.Duration, u float64) time.Duration {
	p = p.WithDefaults()
	return p.jitteredDelay(retry, previous, u)
}

func (p *Policy) jitteredDelay(retry int, previous time.Duration, u float64) time.Duration {
	delay := p.exactDelay(retry)
	if delay == 0 {
		return 0
	}
	switch p.Jitter {
	case FullJitter:
		return time.Duration(u * float64(delay))
	case EqualJitter:
		half := delay / 2
		return half + time.Duration(u*float64(delay-half))
	case DecorrelatedJitter:
		base := float64(p.BaseDelay)
		top := 3 * max(float64(previous), base)
		return atMost(p.MaxDelay, base+u*(top-base))
	default:
		return delay
	}
}
