package replay

import (
	"container/heap"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/internal/decide"
	"github.com/backspan/backspan/retry"
)

var errRecorded = errors.New("recorded")

// A run is one replay.
type run struct {
	log      *Log
	policyOf func(*call) *Policy
	random   *rand.Rand
	blocks   []*block
	seconds  map[int]float64 // attempts begun in each second, but for first ones that succeeded
	budgets  map[budgetKey]*purse
	unknown  *NoEvidence
	left     int // attempts that it may make; below 0: it was given up
}

// A budgetKey tells budgets apart: each process has one for a policy.
type budgetKey struct {
	process
	policy *Policy
}

// A purse is a budget and the successes that paid into it.
type purse struct {
	budget *retry.Budget
	flows  []*flow
	paid   float64 // first successes
}

// A state is an operation under replay.
type state struct {
	*call
	policy *Policy
	number int           // of the attempt that is next
	age    time.Duration // when that begins
	wait   time.Duration // before it
	taken  int64         // from the budget for it
	stuck  bool
	before time.Duration // when the attempt before began
	asked  time.Duration
	waited time.Duration
	wasted int
}

// How many attempts one replay makes at most: some, and more where more operations failed.
const (
	mostAttempts        = 1_000_000
	mostAttemptsOfACall = 20
)

// replay runs all operations anew and returns its blocks, first successes included. The error is an *Unanswerable: a
// policy without waits and without end makes more attempts than anybody waits for.
func (l *Log) replay(policyOf func(*call) *Policy, random *rand.Rand, unknown *NoEvidence) ([]*block, error) {
	most := mostAttempts + mostAttemptsOfACall*len(l.calls)
	r := &run{
		log: l, policyOf: policyOf, random: random, blocks: copyBlocks(l.base), seconds: map[int]float64{},
		budgets: map[budgetKey]*purse{}, unknown: unknown, left: most,
	}
	var queue byTime // of operations with a budget: they share it, so the order of their retries matters
	for _, c := range l.calls {
		s := &state{call: c, policy: policyOf(c), number: 1, stuck: random.Float64() < c.stuck}
		if s.policy.Budget > 0 {
			queue = append(queue, s)
			continue
		}
		for r.attempt(s) {
		}
	}
	heap.Init(&queue)
	for len(queue) > 0 {
		if r.attempt(queue[0]) {
			heap.Fix(&queue, 0)
		} else {
			heap.Pop(&queue)
		}
	}
	if r.left < 0 {
		return nil, &Unanswerable{fmt.Sprintf("the policy makes more than %s attempts of the %s that failed at first: "+
			"want fewer retries, a longer base_delay or a max_elapsed",
			text.Number(int64(most)), text.Plural(int64(len(l.calls)), "operation", "operations"))}
	}
	r.log.peaks(r.blocks, r.seconds)
	return r.blocks, nil
}

type byTime []*state

func (q byTime) Len() int { return len(q) }
func (q byTime) Less(i, j int) bool {
	return q[i].at+q[i].age.Seconds() < q[j].at+q[j].age.Seconds()
}
func (q byTime) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *byTime) Push(x any)   { *q = append(*q, x.(*state)) }
func (q *byTime) Pop() any {
	old := *q
	last := old[len(old)-1]
	*q = old[:len(old)-1]
	return last
}

// attempt makes the next attempt of s. It says whether another follows.
func (r *run) attempt(s *state) bool {
	if r.left--; r.left < 0 {
		return false
	}
	good, final, took, ok := r.outcome(s)
	if !ok { // nobody knows what it meets, nor the ones after it
		r.end(s, s.age, false)
		return false
	}
	if limit := s.policy.Retry.AttemptTimeout; limit > 0 && took > limit {
		good, final, took = false, false, limit
	}
	r.seconds[int(s.at+s.age.Seconds())]++
	end := s.age + took
	switch {
	case good:
		if s.taken > 0 {
			decide.Give(r.purse(s).budget, s.taken)
		}
		r.end(s, end, true)
		return false
	case final:
		s.wasted++
		r.end(s, end, false)
		return false
	}
	s.wasted++
	err := errRecorded
	if s.asked > 0 {
		err = retry.After(s.asked, err)
	}
	d := decide.For(s.policy.Retry, decide.Ended{
		Attempt: s.number, Err: err, Elapsed: end, Previous: s.wait, Random: r.random.Float64(),
	})
	if d.Retry && s.policy.Budget > 0 {
		s.taken, d.Retry = decide.Take(r.paid(s, end), d)
	}
	switch {
	case !d.Retry:
		r.end(s, end, false)
		return false
	case s.left() && end+d.Delay > s.Took: // the caller does not wait so long
		s.waited += max(0, s.Took-end)
		r.end(s, max(end, s.Took), false)
		return false
	}
	s.waited += d.Delay
	s.before, s.age, s.wait = s.age, end+d.Delay, d.Delay
	s.number++
	return true
}

// outcome is what the attempt of s that begins at s.age meets. final means an answer that no policy would have taken
// for a reason to go on; ok is false when the log has no evidence.
func (r *run) outcome(s *state) (good, final bool, took time.Duration, ok bool) {
	i := sort.Search(len(s.Attempts), func(i int) bool { return s.Attempts[i].Begin > s.age })
	near := s.nearest(i)
	if near >= 0 { // its own attempt decides
		a := &s.Attempts[near]
		s.asked = a.Asked
		return !a.Failed, a.Failed && s.final() && near == len(s.Attempts)-1, a.Took, true
	}
	a := &s.Attempts[i-1] // the one before; the first is always met
	s.asked = a.Asked
	inside := i < len(s.Attempts)
	if oldest := s.site.evidence.curves[s.kind].oldest; s.age.Seconds() > oldest {
		if r.unknown != nil {
			r.unknown.add(s, oldest)
		}
		return false, false, 0, false
	}
	switch {
	case !inside && s.final():
		return false, true, a.Took, true
	case s.stuck:
	case inside, !a.Failed: // a success is no promise for the next moment
		good = r.random.Float64() < s.site.evidence.share(s.at+s.age.Seconds())
	default:
		good = r.random.Float64() < r.later(s, a)
	}
	switch last := s.Last(); {
	case !good && a.Failed:
		return false, false, a.Took, true
	case !good:
		s.asked = s.Attempts[i-2].Asked
		return false, false, s.Attempts[i-2].Took, true
	case s.final():
		return false, true, last.Took, true
	case !last.Failed:
		return true, false, last.Took, true
	}
	return true, false, r.successTook(s), true
}

// nearest is the attempt that began at the age of s, or about so; -1: none. i is the first that began later.
func (s *state) nearest(i int) int {
	close := max(10*time.Millisecond, s.age/50)
	for _, k := range []int{i - 1, i} {
		if k >= 0 && k < len(s.Attempts) && (s.Attempts[k].Begin-s.age).Abs() <= close {
			return k
		}
	}
	return -1
}

// later is the chance of an attempt after the last of the operation's own, a.
func (r *run) later(s *state, a *attemptOf) float64 {
	return s.site.evidence.curves[s.kind].between(max(a.Begin, s.before).Seconds(), s.age.Seconds())
}

// successTook is how long a success takes that the operation did not have.
func (r *run) successTook(s *state) time.Duration {
	if n := len(s.site.good); n > 0 {
		return s.site.good[r.random.IntN(n)]
	}
	return s.Last().Took
}

func (r *run) purse(s *state) *purse {
	key := budgetKey{s.proc, s.policy}
	p := r.budgets[key]
	if p != nil {
		return p
	}
	b, err := retry.NewBudget(retry.BudgetOptions{Capacity: s.policy.Budget})
	if err != nil { // the capacity was checked when it was read
		panic(err)
	}
	p = &purse{budget: b}
	for _, site := range r.log.sites {
		if f := site.byProc[s.proc]; f != nil {
			p.flows = append(p.flows, f)
		}
	}
	r.budgets[key] = p
	return p
}

// paid is the budget of s with what the operations have paid that succeeded at once up to an age of s.
func (r *run) paid(s *state, age time.Duration) *retry.Budget {
	p := r.purse(s)
	sum := 0.0
	for _, f := range p.flows {
		sum += f.until(s.at + age.Seconds())
	}
	for full := float64(s.policy.Budget); p.paid+1 <= sum; p.paid++ {
		if p.budget.Tokens() >= full { // more does not fit
			p.paid = math.Floor(sum)
			break
		}
		decide.Give(p.budget, 0)
	}
	return p.budget
}

func (r *run) end(s *state, age time.Duration, good bool) {
	r.blocks[r.log.block(s.at)].add(age.Seconds(), good, s.number, s.wasted, s.waited.Seconds())
}
