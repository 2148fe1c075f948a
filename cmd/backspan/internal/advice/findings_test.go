package advice_test

import (
	"context"
	"testing"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/advice"
	"github.com/backspan/backspan/retry"
)

// What is well: errors of several kinds that recover at various retries, loops within loops, a limit that cuts some, a
// budget that refuses nothing, waits without jitter at times of their own.
func TestACleanLogYieldsNoFinding(t *testing.T) {
	log := logOf(t, 5, func(p *process) {
		p.budget = newBudget(t, 10)
		p.every(4*time.Second, func(ctx context.Context) {
			_ = call(ctx, "fetch", retry.Policy{}, p.usual(down)...)
			_ = call(ctx, "store", retry.Policy{Budget: p.budget}, p.usual(errOdd)...)
			_ = call(ctx, "check", retry.Policy{MaxElapsed: 6 * time.Second, Jitter: retry.EqualJitter},
				p.usual(broken)...)
			_ = retry.Do(ctx, "order", retry.Policy{}, func(ctx context.Context) error {
				return call(ctx, "pay", retry.Policy{MaxRetries: 4}, p.usual(down)...)
			})
		})
	})
	a := check(t, log)
	if k := a.Looked; k.Operations < 1000 || k.Pairs < 15 || k.Few+k.OneTime >= k.Pairs {
		t.Errorf("%+v: that is too little to be a test", k)
	}
}

// An outage, however long, is one incident, although all that it asks for fails.
func TestAnOutageYieldsNoFinding(t *testing.T) {
	for _, lasted := range []time.Duration{20 * time.Minute, 160 * time.Minute} {
		log := logOf(t, 3, func(p *process) {
			begin := time.Now()
			p.budget = newBudget(t, 10)
			fewer := func(fails []error) []error { // it recovers at the first retry, or not at all
				if len(fails) < forEver {
					return fails[:min(1, len(fails))]
				}
				return fails
			}
			fails := func() []error {
				if since := time.Since(begin); since > 25*time.Minute && since < 25*time.Minute+lasted {
					return times(broken, forEver)
				}
				return p.usual(down)
			}
			p.every(8*time.Second, func(ctx context.Context) {
				_ = call(ctx, "fetch", retry.Policy{}, fails()...)
				_ = call(ctx, "load", retry.Policy{MaxElapsed: 2 * time.Second, Budget: p.budget}, fewer(fails())...)
				_ = retry.Do(ctx, "order", retry.Policy{}, func(ctx context.Context) error {
					return call(ctx, "pay", retry.Policy{}, fails()...)
				})
			})
		})
		a := check(t, log)
		if a.Looked.OneTime == 0 {
			t.Errorf("%v: %+v: nothing had to be kept from being a finding", lasted, a.Looked)
		}
	}
}

func TestARetryThatNeverHelps(t *testing.T) {
	log := logOf(t, 3, func(p *process) {
		p.every(4*time.Second, func(ctx context.Context) {
			_ = call(ctx, "fetch", retry.Policy{}, p.usual(down)...)
			fails := p.usual(down)
			if len(fails) == 3 {
				fails = times(down, forEver)
			}
			_ = call(ctx, "load", retry.Policy{Jitter: retry.FullJitter}, fails...)
		})
	})
	a := check(t, log, advice.KindLateRetry+" load")
	if f := a.Findings[0]; f.Retry != 3 || f.Hits != 0 || f.Change.Go != "MaxRetries: 2" {
		t.Errorf("%+v", f)
	}
}

// Errors of people's types and of Go's alike; and what is within another loop is told of that loop alone.
func TestAnErrorThatNeverRecovers(t *testing.T) {
	for _, err := range []error{broken, errOdd} {
		log := logOf(t, 3, func(p *process) {
			p.every(4*time.Second, func(ctx context.Context) {
				fails := p.usual(down)
				if len(fails) == 3 {
					fails = times(err, forEver)
				}
				_ = retry.Do(ctx, "outer", retry.Policy{MaxRetries: 1}, func(ctx context.Context) error {
					return call(ctx, "load", retry.Policy{}, fails...)
				})
			})
		})
		a := check(t, log, advice.KindPermanent+" load", advice.KindNested+" load")
		if f := a.Findings[0]; f.Hits != 0 || f.Of < 100 || f.Change.Go != "return retry.Permanent(err)" {
			t.Errorf("%+v", f)
		}
	}
}

// Of some errors it is never said, whatever the log shows.
func TestWhatGetsWellByItself(t *testing.T) {
	for _, kind := range []errorOfType{
		"timeout", "dns", "connection_refused", "500", "503", "429", "UNAVAILABLE", "*net.OpError",
	} {
		log := logOf(t, 3, func(p *process) {
			p.every(4*time.Second, func(ctx context.Context) {
				fails := p.usual(broken)
				if len(fails) == 3 {
					fails = times(kind, forEver)
				}
				_ = call(ctx, "load", retry.Policy{}, fails...)
			})
		})
		check(t, log, advice.KindLateRetry+" load")
	}
}

// That nothing succeeded beside it is no proof.
func TestAnErrorIsNotPermanentWhereNothingSucceeds(t *testing.T) {
	log := logOf(t, 3, func(p *process) {
		begin := time.Now()
		p.every(4*time.Second, func(ctx context.Context) {
			if time.Since(begin)%(30*time.Minute) < 10*time.Minute {
				_ = call(ctx, "load", retry.Policy{}, times(broken, forEver)...)
			} else {
				_ = call(ctx, "load", retry.Policy{}, p.usual(down)...)
			}
		})
	})
	check(t, log, advice.KindBudgetMissing+" load")
}

// Processes that lose their connections together come back together, until they have jitter.
func TestWaitsInStep(t *testing.T) {
	for jitter, want := range map[retry.Jitter][]string{
		retry.NoJitter: {advice.KindInStep + " fetch"}, retry.FullJitter: nil,
	} {
		log := logOf(t, 5, func(p *process) {
			for range 6 {
				p.together(func(ctx context.Context) {
					_ = call(ctx, "fetch", retry.Policy{Jitter: jitter},
						times(errorOfType("connection_reset"), 1+p.pid%2)...)
				})
			}
			p.every(4*time.Second, func(ctx context.Context) {
				_ = call(ctx, "fetch", retry.Policy{Jitter: jitter}, p.usual(down)...)
			})
		})
		check(t, log, want...)
	}
}

func TestLoopsThatMultiply(t *testing.T) {
	log := logOf(t, 3, func(p *process) {
		p.every(4*time.Second, func(ctx context.Context) {
			fails := p.usual(down)
			if len(fails) == 3 { // it takes the outer loop's last attempt
				fails = times(down, 5)
			}
			n := 0
			_ = retry.Do(ctx, "order", retry.Policy{MaxRetries: 2, Jitter: retry.FullJitter},
				func(ctx context.Context) error {
					return retry.Do(ctx, "pay", retry.Policy{MaxRetries: 1, Jitter: retry.FullJitter},
						func(context.Context) error {
							if n++; n <= len(fails) {
								return fails[n-1]
							}
							return nil
						})
				})
		})
	})
	a := check(t, log, advice.KindNested+" pay")
	if f := a.Findings[0]; f.Parent != "order" || f.Numbers["most_calls"] != 5 && f.Numbers["most_calls"] != 4 {
		t.Errorf("%+v", f)
	}
}

func TestMaxElapsedThatCutsNothingOrEverything(t *testing.T) {
	for limit, title := range map[time.Duration]string{
		time.Minute:     "MaxElapsed cuts nothing",
		4 * time.Second: "MaxElapsed cuts everything", // the third wait would end after 7 s
	} {
		log := logOf(t, 3, func(p *process) {
			p.every(4*time.Second, func(ctx context.Context) {
				fails := p.usual(down)
				if len(fails) == 3 && p.random.IntN(2) == 0 {
					fails = times(down, forEver)
				}
				_ = call(ctx, "load", retry.Policy{MaxElapsed: limit}, fails...)
			})
		})
		a := check(t, log, advice.KindMaxElapsed+" load")
		if f := a.Findings[0]; f.Title != title {
			t.Errorf("%v: %+v", limit, f)
		}
	}
}

// Three outages without a budget, and with one.
func TestABudgetIsMissing(t *testing.T) {
	for capacity, want := range map[int][]string{0: {advice.KindBudgetMissing + " fetch"}, 10: nil} {
		log := logOf(t, 8, func(p *process) {
			policy := retry.Policy{Jitter: retry.FullJitter}
			if capacity > 0 {
				policy.Budget = newBudget(t, capacity)
			}
			begin := time.Now()
			p.every(4*time.Second, func(ctx context.Context) {
				fails := p.usual(down)
				if since := time.Since(begin); since%time.Hour > 20*time.Minute && since%time.Hour < 24*time.Minute {
					fails = times(down, forEver)
				}
				_ = call(ctx, "fetch", policy, fails...)
			})
		})
		check(t, log, want...)
	}
}

func TestABudgetThatStarves(t *testing.T) {
	log := logOf(t, 3, func(p *process) {
		policy := retry.Policy{Jitter: retry.FullJitter, Budget: newBudget(t, 1)}
		p.every(2*time.Second, func(ctx context.Context) {
			var fails []error
			if p.random.IntN(20) == 0 {
				fails = times(down, 1+p.random.IntN(5))
			}
			_ = call(ctx, "fetch", policy, fails...)
		})
	})
	check(t, log, advice.KindBudgetStarves+" fetch")
}

func newBudget(t *testing.T, capacity int) *retry.Budget {
	b, err := retry.NewBudget(retry.BudgetOptions{Name: "test", Capacity: capacity})
	if err != nil {
		t.Error(err)
	}
	return b
}
