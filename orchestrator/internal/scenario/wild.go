package scenario

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
)

// What a call of a phase's function does in a wild scenario, after the time that it takes.
type act uint8

const (
	succeeds act = iota
	failsAgain
	failsForGood
	isNotRetryable
	isToldToWait
	panics
	exits
	hangs  // goes on after its context has ended, until the run is over
	lags   // ignores its context, and then fails
	nested // retries an operation of its own, which fails
	isLarge
	skips
	acts
)

var errNever = errors.New("never again")

// A wildPhase is what the function of a phase does, and what is known of its calls.
type wildPhase struct {
	acts []act        // by attempt, and again from the first
	told atomic.Int32 // the calls of AfterAttempt
}

// wild gives phase i what only the in-process engine can be asked to do: hanging functions, timeouts, policies with
// every field, and operations that are retried.
func (s *Scenario) wild(r *rand.Rand, i int, needs []int) {
	p := &s.Pipeline.Phases[i]
	w := &s.wilds[i]
	for range 1 + r.IntN(6) {
		a := succeeds
		if r.IntN(3) > 0 {
			a = act(r.IntN(int(acts)))
		}
		w.acts = append(w.acts, a)
	}
	p.Run = func(ctx context.Context, in orchestrator.Input) (any, error) {
		s.begins(i, in, needs)
		return s.wildCall(ctx, in, i)
	}
	if r.IntN(2) == 0 {
		p.DryRun = p.Run
	}
	if r.IntN(3) == 0 {
		p.Fallback = p.Run
	}
	if r.IntN(4) == 0 {
		p.Timeout = between(r, time.Second, 20*time.Second)
	}
	policy := wildPolicy(r)
	policy.AfterAttempt = func(context.Context, retry.Attempt) { w.told.Add(1) }
	p.Recovery = &policy
}

func between(r *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(r.Int64N(int64(most-least)))
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func wildPolicy(r *rand.Rand) retry.Policy {
	p := retry.Policy{
		MaxRetries:     pick(r, 0, retry.Never, 1, 2, 5, 12, retry.Unlimited),
		BaseDelay:      pick(r, 0, retry.NoDelay, between(r, 1, 3*time.Second)),
		MaxDelay:       pick(r, 0, between(r, 3*time.Second, 20*time.Second)),
		Multiplier:     pick(r, 0, 1, 1.5, 3),
		Jitter:         retry.Jitter(r.IntN(4)),
		AttemptTimeout: pick(r, 0, 0, between(r, time.Second/2, 3*time.Second)),
		MaxElapsed:     pick(r, 0, 0, between(r, 5*time.Second, 40*time.Second)),
		MaxAfter:       pick(r, 0, between(r, 1, 5*time.Second)),
		Spans:          pick(r, retry.EveryAttempt, retry.FromFirstFailure),
	}
	if p.MaxRetries == retry.Unlimited {
		p.BaseDelay = max(p.BaseDelay, time.Second) // without a delay no time would pass, and MaxElapsed never be over
		if p.MaxElapsed == 0 {
			p.MaxElapsed = 30 * time.Second
		}
	}
	if r.IntN(2) == 0 {
		p.Retryable = func(err error) bool { return !errors.Is(err, errNever) }
	}
	return p
}

// wildCall is one call of the function of phase i.
func (s *Scenario) wildCall(ctx context.Context, in orchestrator.Input, i int) (any, error) {
	w := &s.wilds[i]
	does := w.acts[in.Attempt%len(w.acts)]
	takes := s.Takes[in.Phase][in.Attempt%len(s.Takes[in.Phase])]
	err := fmt.Errorf("failure %d of %s", in.Attempt, in.Phase)
	if does == hangs || does == lags { // the call may go on after its phase
		s.begun.Add(-1)
		if does == lags {
			<-time.After(takes)
			return nil, err
		}
		_ = work(ctx, takes)
		if ctx.Err() != nil {
			<-s.release
		}
		return nil, err
	}
	defer s.begun.Add(-1)
	if stopped := work(ctx, takes); stopped != nil {
		return nil, fmt.Errorf("%w: %w", err, stopped)
	}
	switch does {
	case failsAgain:
		return nil, err
	case failsForGood:
		return nil, retry.Permanent(err)
	case isNotRetryable:
		return nil, errors.Join(err, errNever)
	case isToldToWait:
		return nil, retry.After(takes, err)
	case panics:
		panic(err)
	case skips:
		s.skips[i].Store(true)
		return nil, orchestrator.Skip("nothing to do")
	case exits:
		runtime.Goexit()
	case nested:
		policy := retry.Policy{MaxRetries: 1, BaseDelay: time.Millisecond}
		return nil, retry.Do(ctx, "operation of "+in.Phase, policy, func(context.Context) error { return err })
	}
	s.success[i].Store(true)
	if does == isLarge {
		return strings.Repeat("x", 2000), nil
	}
	return in.Attempt, nil
}

// NewWild is a run of up to 12 phases with everything that a pipeline can be asked to do.
func NewWild(seed uint64) *Scenario {
	r := rand.New(rand.NewPCG(seed, 11)) //nolint:gosec // the same scenario for the same seed
	s := newGraph(r, 1+r.IntN(12))
	s.Options.RunID = fmt.Sprint("wild run ", seed)
	s.Options.Grace = pick(r, 0, between(r, 1, 3*time.Second))
	s.deadline = r.IntN(2) == 0
	s.wilds = make([]wildPhase, len(s.Pipeline.Phases))
	if r.IntN(2) == 0 {
		s.cleanup = between(r, 1, 20*time.Second)
	}
	upstream := make([][]int, len(s.Pipeline.Phases))
	for _, i := range s.order {
		needs := slices.Clone(s.needs[i])
		for _, j := range s.needs[i] {
			upstream[i] = append(append(upstream[i], j), upstream[j]...)
		}
		if len(upstream[i]) > 0 && r.IntN(3) == 0 {
			used := pick(r, upstream[i]...)
			needs = append(needs, used)
			s.Pipeline.Phases[i].Uses = []string{s.Pipeline.Phases[used].Name}
		}
		s.wild(r, i, needs)
	}
	return s
}
