package retry_test

import (
	"math"
	"testing"
	"time"

	"github.com/backspan/backspan/retry"
)

func TestDelayFollowsTheGuidesFormula(t *testing.T) {
	seconds := func(list ...float64) (out []time.Duration) {
		for _, s := range list {
			out = append(out, time.Duration(s*float64(time.Second)))
		}
		return out
	}
	for name, c := range map[string]struct {
		policy retry.Policy
		want   []time.Duration // before retry 1, 2, …
	}{
		"zero policy":      {retry.Policy{}, seconds(1, 2, 4, 8, 16, 30, 30)},
		"base 2s":          {retry.Policy{BaseDelay: 2 * time.Second}, seconds(2, 4, 8, 16, 30, 30)},
		"cap below base":   {retry.Policy{MaxDelay: 500 * time.Millisecond}, seconds(.5, .5)},
		"multiplier 1":     {retry.Policy{Multiplier: 1}, seconds(1, 1, 1)},
		"multiplier 1.5":   {retry.Policy{Multiplier: 1.5}, seconds(1, 1.5, 2.25)},
		"no delay":         {retry.Policy{BaseDelay: retry.NoDelay}, seconds(0, 0, 0)},
		"great multiplier": {retry.Policy{Multiplier: math.MaxFloat64}, seconds(1, 30, 30)},
	} {
		for i, want := range c.want {
			if got := c.policy.Delay(i + 1); got != want {
				t.Errorf("%s: Delay(%d) = %v, want %v", name, i+1, got, want)
			}
		}
	}
}

func TestDelaySaturates(t *testing.T) {
	p := retry.Policy{MaxDelay: math.MaxInt64}
	for _, n := range []int{35, 64, 1024, math.MaxInt} {
		if got := p.Delay(n); got != math.MaxInt64 {
			t.Errorf("Delay(%d) = %v, want the cap", n, got)
		}
	}
	for _, n := range []int{0, -1, math.MinInt} {
		if got := p.Delay(n); got != 0 {
			t.Errorf("Delay(%d) = %v, want 0", n, got)
		}
	}
}

func TestJitterStaysInItsBounds(t *testing.T) {
	const base, top = 100 * time.Millisecond, 3 * time.Second
	almostOne := math.Nextafter(1, 0)
	for jitter, bounds := range map[retry.Jitter]func(plain, previous time.Duration) (low, high time.Duration){
		retry.NoJitter:    func(plain, _ time.Duration) (time.Duration, time.Duration) { return plain, plain },
		retry.FullJitter:  func(plain, _ time.Duration) (time.Duration, time.Duration) { return 0, plain },
		retry.EqualJitter: func(plain, _ time.Duration) (time.Duration, time.Duration) { return plain / 2, plain },
		retry.DecorrelatedJitter: func(_, previous time.Duration) (time.Duration, time.Duration) {
			return base, min(top, 3*max(previous, base))
		},
	} {
		p := retry.Policy{BaseDelay: base, MaxDelay: top, Jitter: jitter}
		previous := time.Duration(0)
		for n := 1; n <= 20; n++ {
			low, high := bounds(p.Delay(n), previous)
			for _, u := range []float64{0, 0.25, 0.5, almostOne} {
				got := p.JitteredDelay(n, previous, u)
				if got < low || got > high || got > top {
					t.Errorf("%v: JitteredDelay(%d, %v, %v) = %v, want %v to %v",
						jitter, n, previous, u, got, low, high)
				}
				if again := p.JitteredDelay(n, previous, u); again != got {
					t.Errorf("%v: JitteredDelay(%d, %v, %v) = %v and then %v", jitter, n, previous, u, got, again)
				}
			}
			if low != high && p.JitteredDelay(n, previous, 0) == p.JitteredDelay(n, previous, almostOne) {
				t.Errorf("%v: JitteredDelay(%d) does not depend on u", jitter, n)
			}
			previous = p.JitteredDelay(n, previous, 0.7)
		}
	}
}

func FuzzDelaysNeverExceedTheCap(f *testing.F) {
	f.Add(3, int64(time.Second), int64(30*time.Second), 2.0, uint8(1), 0.5, int64(0))
	f.Add(math.MaxInt, int64(math.MaxInt64), int64(math.MaxInt64), math.MaxFloat64, uint8(3), 0.999,
		int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, n int, base, maxDelay int64, multiplier float64, jitter uint8,
		u float64, previous int64,
	) {
		p := retry.Policy{
			BaseDelay: time.Duration(base), MaxDelay: time.Duration(maxDelay),
			Multiplier: multiplier, Jitter: retry.Jitter(jitter),
		}
		if p.Validate() != nil || !(u >= 0 && u < 1) || previous < 0 {
			return
		}
		limit := p.WithDefaults().MaxDelay
		for _, got := range []time.Duration{p.Delay(n), p.JitteredDelay(n, time.Duration(previous), u)} {
			if got < 0 || got > limit {
				t.Errorf("%v: delay before retry %d = %v, want 0 to %v", p, n, got, limit)
			}
		}
	})
}
