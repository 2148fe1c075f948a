package pipefile

import (
	"math"
	"time"

	"github.com/backspan/backspan/retry"
)

// A Bound is the most that something can take.
type Bound struct {
	Waits    time.Duration // of it in waits between tries; math.MaxInt64 when they have no end
	Time     time.Duration // in all; means nothing when Endless
	Endless  string        // what has no limit, so that there is no Time; empty when there is one
	Commands int           // how many commands are started; math.MaxInt when there is no limit
}

const forever = time.Duration(math.MaxInt64)

// plus adds durations, or numbers, that may be without limit.
func plus[N time.Duration | int](a, b N) N {
	if sum := a + b; sum >= a && sum >= b {
		return sum
	}
	return N(math.MaxInt64)
}

func times[N time.Duration | int](a N, n int) N {
	if a == 0 || n == 0 {
		return 0
	}
	if a > N(math.MaxInt64)/N(n) {
		return N(math.MaxInt64)
	}
	return a * N(n)
}

// then is b after a.
func (a Bound) then(b Bound) Bound {
	a.Waits, a.Time, a.Commands = plus(a.Waits, b.Waits), plus(a.Time, b.Time), plus(a.Commands, b.Commands)
	if a.Endless == "" {
		a.Endless = b.Endless
	}
	return a
}

// within is a when it is ended after limit and grace; 0 means no limit.
func (a Bound) within(limit, grace time.Duration) Bound {
	if limit == 0 {
		return a
	}
	a.Waits = min(a.Waits, limit)
	if most := plus(limit, grace); a.Endless != "" || most < a.Time {
		a.Endless, a.Time = "", most
	}
	return a
}

// retried is the bound of what takes try each time, under policy p.
func retried(try Bound, p retry.Policy, what string) Bound {
	if p.MaxRetries == retry.Never {
		return try
	}
	waits, endless := totalDelay(p)
	out := Bound{Waits: waits, Endless: try.Endless}
	tries := plus(p.MaxRetries, 1)
	if endless {
		tries = math.MaxInt
		if out.Endless == "" && p.MaxElapsed == 0 {
			out.Endless = what + " is retried without limit"
		}
	}
	out.Commands = times(try.Commands, tries)
	// No wait ends later than MaxElapsed, and the last try comes after it.
	if p.MaxElapsed > 0 {
		out.Waits = min(out.Waits, p.MaxElapsed)
	}
	out.Time = plus(out.Waits, times(try.Time, tries))
	if p.MaxElapsed > 0 {
		out.Time = min(out.Time, plus(p.MaxElapsed, try.Time))
	}
	out.Waits = plus(out.Waits, times(try.Waits, tries))
	return out
}

// totalDelay is the sum of the longest waits of p.
func totalDelay(p retry.Policy) (sum time.Duration, endless bool) {
	if p.BaseDelay == retry.NoDelay {
		return 0, p.MaxRetries == retry.Unlimited
	}
	if p.MaxRetries == retry.Unlimited {
		return forever, true
	}
	previous := time.Duration(0)
	for n := 1; n <= p.MaxRetries; n++ {
		delay := longestDelay(p, n, previous)
		if delay == previous { // so are all that follow
			return plus(sum, times(delay, p.MaxRetries-n+1)), false
		}
		sum, previous = plus(sum, delay), delay
	}
	return sum, false
}

// longestDelay is the longest that the wait before a retry can be.
func longestDelay(p retry.Policy, n int, previous time.Duration) time.Duration {
	const almostOne = 1 - 0x1p-53
	return p.JitteredDelay(n, previous, almostOne)
}
