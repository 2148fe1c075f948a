package plan

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/pipefile"
	"github.com/backspan/backspan/internal/decide"
	"github.com/backspan/backspan/retry"
)

func planOf(t *testing.T, text string, parallel int) Plan {
	t.Helper()
	file, err := pipefile.Parse("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return Of(file, true, parallel)
}

func TestWorstCases(t *testing.T) {
	step := func(policy string) string {
		return "name: n\ngrace: 1s\nrecovery: {max_retries: 0}\nphases: [{name: a, steps: [{name: s, run: x, retry: {" +
			policy + "}}]}]\n"
	}
	for _, c := range []struct{ name, text, want string }{
		{"the defaults", step("attempt_timeout: 10s"), "4 commands, 7s of waiting, 51s in all"},
		{
			"no time limit", step("max_retries: 1"),
			"2 commands, 1s of waiting, no limit in all: a/s has no attempt_timeout",
		},
		{"no retries", step("max_retries: 0, attempt_timeout: 10s"), "1 command, no waiting, 11s in all"},
		{"no delay", step("max_retries: 2, base_delay: 0, attempt_timeout: 1s"), "3 commands, no waiting, 6s in all"},
		{
			"the cap", step("max_retries: 4, base_delay: 20s, attempt_timeout: 1s"),
			"5 commands, 1m50s of waiting, 2m in all",
		},
		{
			"very many retries", step("max_retries: 999999, base_delay: 1s, max_delay: 1s, attempt_timeout: 1s"),
			"1000000 commands, 11d14h of waiting, 34d17h in all",
		},
		{
			"longer than time lasts", step(
				"max_retries: 999999, base_delay: 87600h, max_delay: 87600h, attempt_timeout: 87600h"),
			"1000000 commands, waits without limit, centuries in all",
		},
		{
			"without limit", step("max_retries: unlimited, attempt_timeout: 1s"),
			"commands without limit, waits without limit, no limit in all: a/s is retried without limit",
		},
		{
			"bounded by time", step("max_retries: unlimited, attempt_timeout: 1s, max_elapsed: 1m"),
			"commands without limit, 1m of waiting, 1m2s in all",
		},
		{
			"bounded earlier by retries", step("max_retries: 1, attempt_timeout: 1s, max_elapsed: 1m"),
			"2 commands, 1s of waiting, 5s in all",
		},
		{
			"decorrelated jitter can grow faster", step("max_retries: 2, jitter: decorrelated, attempt_timeout: 1s"),
			"3 commands, 12s of waiting, 18s in all",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := planOf(t, c.text, 0).Worst.String(); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// Every bound must be at least what a run takes in which all goes as wrong as it can: each attempt uses its time, and
// fails unless it is the very last. The run is played with the policies' own decisions.
func TestNothingTakesLongerThanItsBound(t *testing.T) {
	const seed = 7
	r := rand.New(rand.NewPCG(seed, seed))
	for i := range 500 {
		policy := retry.Policy{
			MaxRetries:     []int{retry.Never, 1, 2, 7, 40}[r.IntN(5)],
			BaseDelay:      []time.Duration{retry.NoDelay, time.Second, 7 * time.Second}[r.IntN(3)],
			MaxDelay:       []time.Duration{0, 5 * time.Second, time.Minute}[r.IntN(3)],
			Multiplier:     []float64{1, 1.5, 2, 10}[r.IntN(4)],
			Jitter:         retry.Jitter(r.IntN(4)),
			AttemptTimeout: time.Duration(1+r.IntN(20)) * time.Second,
			MaxElapsed:     []time.Duration{0, 10 * time.Second, time.Minute}[r.IntN(3)],
		}.WithDefaults()
		bound := retried(Bound{Commands: 1, Time: policy.AttemptTimeout}, policy, "x")
		took, waited, commands := play(policy, r)
		if took > bound.Time || waited > bound.Waits || commands > bound.Commands {
			t.Errorf("%d: %v took %v, waited %v with %d commands; its bound is %s",
				i, policy, took, waited, commands, bound)
		}
		if policy.Jitter == retry.NoJitter && policy.MaxElapsed == 0 && (took != bound.Time || waited != bound.Waits) {
			t.Errorf("%d: %v took exactly %v, waited %v; its bound is %s", i, policy, took, waited, bound)
		}
	}
}

// play plays the worst run of an operation.
func play(p retry.Policy, r *rand.Rand) (took, waited time.Duration, commands int) {
	previous := time.Duration(0)
	for n := 1; ; n++ {
		commands++
		took += p.AttemptTimeout
		d := decide.For(p, decide.Ended{
			Attempt: n, Err: fmt.Errorf("no"), Elapsed: took, Previous: previous, Random: r.Float64(),
		})
		if !d.Retry {
			return took, waited, commands
		}
		took, waited, previous = took+d.Delay, waited+d.Delay, d.Delay
	}
}

func TestPhasesSideBySide(t *testing.T) {
	const text = `
name: n
grace: 0
recovery: {max_retries: 0}
retry: {max_retries: 0, attempt_timeout: 10s}
phases:
  - {name: d, needs: [b, c], steps: [{name: s, run: x}]}
  - {name: a, steps: [{name: s, run: x}]}
  - {name: b, needs: [a], steps: [{name: s, run: x}, {name: t, run: x}]}
  - {name: c, needs: [a], steps: [{name: s, run: x}]}
  - {name: e, steps: [{name: s, run: x}]}
`
	for parallel, want := range map[int]string{
		0: "6 commands, no waiting, 40s in all", // a, b, d
		1: "6 commands, no waiting, 1m in all",
		2: "6 commands, no waiting, 50s in all", // 40s and half of the other 20s
	} {
		p := planOf(t, text, parallel)
		if got := p.Worst.String(); got != want {
			t.Errorf("%d at once: %s, want %s", parallel, got, want)
		}
		order := ""
		for _, phase := range p.Phases {
			order += phase.Name
		}
		if order != "aebcd" {
			t.Errorf("order %s, want aebcd", order)
		}
	}
}

func TestSumsDoNotOverflow(t *testing.T) {
	if got := plus(forever, time.Second); got != forever {
		t.Errorf("forever and a second is %v", got)
	}
	if got := times(2, math.MaxInt); got != math.MaxInt {
		t.Errorf("2 × MaxInt is %v", got)
	}
	if got := times(time.Hour, 3); got != 3*time.Hour {
		t.Errorf("3 × 1h is %v", got)
	}
}
