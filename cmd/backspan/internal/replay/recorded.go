package replay

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/retry"
)

// A Policy is one that operations were recorded with, or are replayed with.
type Policy struct {
	Operation string // empty: all
	Calls     int    // recorded operations whose first attempt failed
	Retry     retry.Policy
	Budget    int // its capacity in tokens, one budget for each process; 0: none
}

// loopKey tells recorded policies apart by what the log says of them.
type loopKey struct {
	service    string
	maxRetries int
	maxElapsed time.Duration
}

// infer finds the recorded policies: the log says max_retries and max_elapsed, and the waits tell the rest.
func (s *site) infer() error {
	byKey := map[loopKey][]*call{}
	var keys []loopKey
	for _, c := range s.calls {
		k := loopKey{c.Service, c.MaxRetries, c.MaxElapsed}
		if byKey[k] == nil {
			keys = append(keys, k)
		}
		byKey[k] = append(byKey[k], c)
	}
	for _, k := range keys {
		p, err := infer(byKey[k])
		if err != nil {
			return fmt.Errorf("%s with %s: %w", text.Name(s.name), retriesOf(k.maxRetries), err)
		}
		p.Operation = s.name
		for _, c := range byKey[k] {
			c.policy = &p
		}
		s.policies = append(s.policies, &p)
	}
	return nil
}

func retriesOf(n int) string {
	if n < 0 {
		return "an unknown number of retries"
	}
	return text.Plural(int64(n), "retry", "retries")
}

// infer is the policy that operations which share one were recorded with.
func infer(calls []*call) (Policy, error) {
	first := calls[0]
	p := Policy{Calls: len(calls), Retry: retry.Policy{
		MaxRetries: first.MaxRetries, MaxElapsed: first.MaxElapsed, MaxAfter: math.MaxInt64,
	}}
	switch first.MaxRetries {
	case 0:
		p.Retry.MaxRetries = retry.Never
	case -1:
		p.Retry.MaxRetries = retry.Unlimited
	}
	waits := waitsOf(calls)
	for _, c := range calls {
		if c.MaxRetries < 0 && (c.Outcome == semconv.OutcomeExhausted || c.Outcome == semconv.ResultFailed) {
			return p, errors.New("the log does not say max_retries: want records that telemetry wrote")
		}
		if c.Outcome == semconv.OutcomeBudget {
			p.Budget = retry.DefaultCapacity
		}
	}
	if err := p.fromWaits(waits); err != nil {
		return p, err
	}
	p.Retry = p.Retry.WithDefaults()
	return p, p.Retry.Validate()
}

// leastWaits is how many waits before a first retry are the least by which a jitter is known.
const leastWaits = 10

// waitsOf are the computed waits before the retries, by the number of the attempt before, the first at 0. Of a wait
// that a server asked for too, the rest is that with jitter; without, the longer of the two was waited.
func waitsOf(calls []*call) [][]float64 {
	var plain, rest, longer [][]float64
	put := func(into *[][]float64, number int, d time.Duration) {
		for len(*into) < number {
			*into = append(*into, nil)
		}
		(*into)[number-1] = append((*into)[number-1], d.Seconds())
	}
	for _, c := range calls {
		for _, a := range c.Attempts {
			switch {
			case a.NextWait < 0:
			case a.Asked == 0:
				put(&plain, a.Number, a.NextWait)
			case a.NextWait > a.Asked:
				put(&rest, a.Number, a.NextWait-a.Asked)
				put(&longer, a.Number, a.NextWait)
			}
		}
	}
	more := longer
	for _, list := range append(plain, rest...) {
		if len(list) > 0 && !alike(slices.Min(list), slices.Max(list)) {
			more = rest
		}
	}
	for i, list := range more {
		for len(plain) <= i {
			plain = append(plain, nil)
		}
		plain[i] = append(plain[i], list...)
	}
	return plain
}

func alike(low, high float64) bool { return high-low <= max(0.01*high, 1e-5) }

// A rule is what is known of the waits before the retries of one number.
type rule struct {
	number    int // the attempt before, from 1
	low, most float64
	n         int
}

// fromWaits finds base delay, multiplier, longest delay and jitter.
func (p *Policy) fromWaits(waits [][]float64) error {
	var rules []rule
	same, most := true, 0
	for i, list := range waits {
		if len(list) == 0 {
			continue
		}
		r := rule{i + 1, slices.Min(list), slices.Max(list), len(list)}
		rules = append(rules, r)
		same, most = same && alike(r.low, r.most), max(most, r.n)
	}
	switch {
	case len(rules) == 0:
		return nil
	case same:
		p.delays(rules)
		return nil
	case most < leastWaits:
		return fmt.Errorf("%s are too few to tell their rule, want %d",
			text.Plural(int64(most), "wait", "waits"), leastWaits)
	}
	rules = slices.DeleteFunc(rules, func(r rule) bool { return r.n < leastWaits })
	switch first := rules[0]; {
	case first.low < 0.2*first.most:
		p.Retry.Jitter = retry.FullJitter
	case len(rules) == 1 || rules[1].low > 1.3*first.low:
		p.Retry.Jitter = retry.EqualJitter
	default:
		p.Retry.Jitter = retry.DecorrelatedJitter
	}
	for i := range rules { // the largest of n is n/(n+1) of the way
		r := &rules[i]
		from := 0.0
		if p.Retry.Jitter == retry.EqualJitter {
			from = r.low
		}
		r.most = round2(r.most + (r.most-from)/float64(r.n))
	}
	p.delays(rules)
	return nil
}

// delays sets the rule by which delays grow.
func (p *Policy) delays(rules []rule) {
	r := &p.Retry
	first, last := rules[0], rules[len(rules)-1]
	longest, least := last.most, first.low
	for _, known := range rules {
		longest, least = max(longest, known.most), min(least, known.low)
	}
	if p.Retry.Jitter == retry.DecorrelatedJitter {
		r.BaseDelay = length(round2(least))
		r.MaxDelay = max(length(longest), r.BaseDelay)
		if len(rules) > 1 && last.most > 1.5*rules[len(rules)-2].most { // it still grew
			r.MaxDelay = max(retry.DefaultMaxDelay, r.MaxDelay)
		}
		return
	}
	r.MaxDelay = max(retry.DefaultMaxDelay, length(longest))
	if longest == 0 {
		r.BaseDelay = retry.NoDelay
		return
	}
	r.Multiplier = retry.DefaultMultiplier
	if len(rules) > 1 {
		steps := float64(rules[1].number - first.number)
		r.Multiplier = max(1, math.Round(20*math.Pow(rules[1].most/first.most, 1/steps))/20)
	}
	r.BaseDelay = length(first.most / math.Pow(r.Multiplier, float64(first.number-1)))
	for i := 1; i < len(rules); i++ {
		grown := rules[i-1].most * math.Pow(r.Multiplier, float64(rules[i].number-rules[i-1].number))
		if rules[i].most < 0.9*grown { // it met the longest delay
			r.MaxDelay = max(length(rules[i].most), r.BaseDelay)
			break
		}
	}
}

func length(seconds float64) time.Duration {
	return time.Duration(math.Round(seconds*1e6)) * time.Microsecond
}

// round2 rounds to two digits, as delays are chosen by people.
func round2(f float64) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(f, 'e', 1, 64), 64)
	if err != nil {
		return f
	}
	return r
}
