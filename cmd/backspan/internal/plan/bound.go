package plan

import (
	"cmp"
	"iter"
	"math"
	"time"

	"github.com/backspan/backspan/retry"
)

// A Bound is the most that something can take.
type Bound struct {
	Waits    time.Duration // between tries; math.MaxInt64 when there is no limit
	Time     time.Duration // in all, waits included; not set when Endless is
	Endless  string        // what has no limit, so that there is no Time; empty when there is a limit
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

// then is the bound of a followed by b.
func (a Bound) then(b Bound) Bound {
	return Bound{
		Waits: plus(a.Waits, b.Waits), Time: plus(a.Time, b.Time),
		Endless: cmp.Or(a.Endless, b.Endless), Commands: plus(a.Commands, b.Commands),
	}
}

// max is the larger of two bounds, each part by itself.
func (a Bound) max(b Bound) Bound {
	return Bound{
		Waits: max(a.Waits, b.Waits), Time: max(a.Time, b.Time),
		Endless: cmp.Or(a.Endless, b.Endless), Commands: max(a.Commands, b.Commands),
	}
}

// within is the bound of a when it is ended after limit and grace. A limit of 0 means none.
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

// retried is the bound of an operation under policy p whose single try has the bound try.
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
	// No wait ends later than MaxElapsed. The last try follows the last wait.
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
	if p.MaxRetries == retry.Unlimited {
		if p.BaseDelay == retry.NoDelay {
			return 0, true
		}
		return forever, true
	}
	previous := time.Duration(-1)
	for n, delay := range longestDelays(p) {
		if delay == previous { // so are all that follow
			return plus(sum, times(delay, p.MaxRetries-n+1)), false
		}
		sum, previous = plus(sum, delay), delay
	}
	return sum, false
}

// longestDelays lists the number of each retry of p, from 1, and the longest that the wait before it can be.
func longestDelays(p retry.Policy) iter.Seq2[int, time.Duration] {
	const almostOne = 1 - 0x1p-53
	return func(yield func(int, time.Duration) bool) {
		previous := time.Duration(0)
		for n := 1; n <= p.MaxRetries || p.MaxRetries == retry.Unlimited; n++ {
			previous = p.JitteredDelay(n, previous, almostOne)
			if !yield(n, previous) {
				return
			}
		}
	}
}
