package scenario

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
)

// ErrSignal is the cause with which a run is stopped.
var ErrSignal = errors.New("terminated by SIGTERM")

// Meanwhile is the key of a func() in the context of an attempt: an engine with a clock of its own has it called for
// the time that the attempt takes.
type Meanwhile struct{}

// A Scenario is a random run: a graph, what its phases do, and the options.
type Scenario struct {
	Pipeline orchestrator.Pipeline
	Options  orchestrator.Options
	Takes    map[string][]time.Duration // by phase, one for each attempt
	Stop     time.Duration              // when the run's context ends; 0: never

	needs [][]int // by phase
	order []int   // phases after all that they need

	// Of wild scenarios.
	wilds    []wildPhase
	deadline bool          // the stop is one
	cleanup  time.Duration // what cleans up ends so long after the stop; 0: with it
	release  chan struct{} // closed when the run is over: functions that hang return

	begun   atomic.Int32
	most    atomic.Int32
	called  []atomic.Bool
	success []atomic.Bool
	skips   []atomic.Bool // by phase: its last call returned Skip
	wrong   atomic.Pointer[string]
}

// New is the run that seed makes, of up to 30 phases.
func New(seed uint64) *Scenario {
	r := rand.New(rand.NewPCG(seed, 7)) //nolint:gosec // the same scenario for the same seed
	s := newGraph(r, 1+r.IntN(30))
	s.Options.RunID = fmt.Sprint("run ", seed)
	return s
}

// newGraph makes a graph of n phases that fail now and then.
func newGraph(r *rand.Rand, n int) *Scenario {
	s := &Scenario{
		Takes: map[string][]time.Duration{}, needs: make([][]int, n),
		called: make([]atomic.Bool, n), success: make([]atomic.Bool, n), skips: make([]atomic.Bool, n),
	}
	s.Options = orchestrator.Options{
		EnableRecovery: r.IntN(4) > 0, ContinueOnError: r.IntN(2) > 0, DryRun: r.IntN(8) == 0, MaxParallel: r.IntN(5),
	}
	if r.IntN(3) == 0 {
		s.Stop = time.Duration(r.Int64N(int64(40 * time.Second)))
	}
	s.Pipeline = orchestrator.Pipeline{Name: "random", Phases: make([]orchestrator.Phase, n)}
	s.order = r.Perm(n) // the order in which they are written is not the order in which they hang together
	for k, i := range s.order {
		for len(s.needs[i]) < 3 && k > 0 && r.IntN(3) > 0 {
			s.needs[i] = append(s.needs[i], s.order[r.IntN(k)])
		}
		s.Pipeline.Phases[i] = s.phase(r, i, s.needs[i])
	}
	for i, phase := range s.Pipeline.Phases {
		if len(phase.Needs) > 0 && r.IntN(4) == 0 {
			s.Pipeline.Phases[i].IfBegan = pick(r, phase.Needs...)
		}
		s.Pipeline.Phases[i].AllowFailure = r.IntN(4) == 0
	}
	return s
}

func (s *Scenario) phase(r *rand.Rand, i int, needs []int) orchestrator.Phase {
	name := func(i int) string { return fmt.Sprint("p", i) }
	p := orchestrator.Phase{Name: name(i)}
	for _, j := range needs {
		p.Needs = append(p.Needs, name(j))
	}
	failures, permanent, skips := r.IntN(3)*r.IntN(3), r.IntN(6) == 0, r.IntN(6) == 0
	for range 6 {
		s.Takes[p.Name] = append(s.Takes[p.Name], time.Duration(1+r.Int64N(int64(3*time.Second))))
	}
	p.Run = func(ctx context.Context, in orchestrator.Input) (any, error) {
		s.begins(i, in, needs)
		defer s.begun.Add(-1)
		if elapse, ok := ctx.Value(Meanwhile{}).(func()); ok {
			elapse()
		} else {
			_ = work(ctx, s.Takes[p.Name][in.Attempt])
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if in.Attempt >= failures && skips {
			s.skips[i].Store(true)
			return nil, fmt.Errorf("the answer: %w", orchestrator.Skip("nothing to do"))
		}
		if in.Attempt >= failures {
			s.success[i].Store(true)
			return in.Attempt, nil
		}
		err := fmt.Errorf("failure %d of %s", in.Attempt, in.Phase)
		if permanent {
			return nil, retry.Permanent(err)
		}
		return nil, err
	}
	if r.IntN(2) == 0 {
		p.DryRun = p.Run
	}
	if r.IntN(5) == 0 {
		p.If = []orchestrator.Condition{orchestrator.OnFailure, orchestrator.Always}[r.IntN(2)]
	}
	if r.IntN(5) == 0 {
		p.Fallback = p.Run
	}
	if r.IntN(3) == 0 {
		p.Recovery = &retry.Policy{MaxRetries: []int{retry.Never, 1, 2, 4}[r.IntN(4)], Jitter: retry.Jitter(r.IntN(4))}
	}
	return p
}

// begins notes that an attempt of phase i begins, and what is wrong with that.
func (s *Scenario) begins(i int, in orchestrator.Input, needs []int) {
	s.called[i].Store(true)
	s.skips[i].Store(false)
	defer s.checkBegin(i, in, needs)
	for {
		now, most := s.begun.Load()+1, s.most.Load()
		if now <= most || s.most.CompareAndSwap(most, now) {
			break
		}
	}
	s.begun.Add(1)
}

// checkBegin holds what must be true of phase i when a function of it is called.
func (s *Scenario) checkBegin(i int, in orchestrator.Input, needs []int) {
	complain := func(format string, args ...any) {
		text := fmt.Sprintf("p%d: ", i) + fmt.Sprintf(format, args...)
		s.wrong.Store(&text)
	}
	phase := &s.Pipeline.Phases[i]
	inDryRun := func(j int) bool { return s.Options.DryRun && s.Pipeline.Phases[j].DryRun == nil }
	for _, j := range needs {
		allowed := s.Pipeline.Phases[j].AllowFailure && s.called[j].Load() && !s.skips[j].Load() &&
			!slices.Contains(phase.Uses, s.Pipeline.Phases[j].Name)
		if phase.If == orchestrator.OnSuccess && !s.success[j].Load() && !inDryRun(j) && !allowed {
			complain("it began before p%d, which it needs, succeeded", j)
		}
		if s.Pipeline.Phases[j].Name == phase.IfBegan && !s.called[j].Load() && !inDryRun(j) && s.Stop == 0 {
			complain("it began although p%d did not", j)
		}
	}
	told := in.RunStatus != "" || in.FailedPhase != "" || in.FailedError != ""
	fallback := in.FailedPhase == in.Phase
	switch {
	case phase.If == orchestrator.OnSuccess && !fallback:
		if told {
			complain("it is told that %s failed", in.FailedPhase)
		}
	case in.RunStatus == "", in.RunStatus == orchestrator.Success && in.FailedPhase != "":
		complain("it is told that the run is %q, and that %q failed", in.RunStatus, in.FailedPhase)
	case (in.FailedPhase == "") != (in.FailedError == ""):
		complain("it is told that %q failed with %q", in.FailedPhase, in.FailedError)
	case phase.If == orchestrator.OnFailure && !fallback && in.FailedPhase == "":
		complain("it began without a failure")
	}
}

// Context is the run's, which ends when the scenario says so. It sets the context of what cleans up. It is called once,
// in the bubble of the run, whose clock the scenario goes by.
func (s *Scenario) Context(ctx context.Context) (context.Context, context.CancelFunc) {
	s.release = make(chan struct{})
	if s.Stop == 0 {
		return context.WithCancel(ctx)
	}
	if s.cleanup > 0 {
		cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Stop+s.cleanup)
		s.Options.Cleanup = cleanup //nolint:fatcontext // it is set once
		context.AfterFunc(ctx, cancel)
	}
	if s.deadline {
		return context.WithTimeoutCause(ctx, s.Stop, ErrSignal)
	}
	stopped, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(s.Stop, func() { cancel(ErrSignal) })
	return stopped, func() { timer.Stop(); cancel(nil) }
}

// End is called when the run has ended: functions that hang return.
func (s *Scenario) End() { close(s.release) }

// Check holds what must be true of every report.
func (s *Scenario) Check(t *testing.T, report orchestrator.Report) {
	t.Helper()
	if len(report.Phases) != len(s.Pipeline.Phases) {
		t.Fatalf("%d phases are reported, want %d", len(report.Phases), len(s.Pipeline.Phases))
	}
	bad := false
	for i, p := range report.Phases {
		equal(t, "phase in the pipeline's order", p.Phase, s.Pipeline.Phases[i].Name)
		equal(t, p.Phase+" has a reason unless it is a success", p.Reason != "", p.Status != orchestrator.Success)
		equal(t, p.Phase+" succeeded", s.success[i].Load(), p.Status == orchestrator.Success)
		// Or its time was up meanwhile.
		if s.skips[i].Load() && p.Status != orchestrator.Cancelled && p.Status != orchestrator.Failed {
			equal(t, p.Phase+" was skipped", p.Reason, "nothing to do")
		}
		allowed := s.Pipeline.Phases[i].AllowFailure && p.Status == orchestrator.Failed
		equal(t, p.Phase+" was allowed to fail", p.Allowed, p.Allowed && allowed)
		bad = bad || p.Status == orchestrator.Cancelled || p.Status == orchestrator.Failed && !p.Allowed
		if r := p.Recovery; r != nil {
			equal(t, p.Phase+"'s first error is kept", p.Error != "", true)
			last := r.Attempts[len(r.Attempts)-1]
			equal(t, p.Phase+"'s recovery", r.Success, last.Status == orchestrator.AttemptSuccess)
		}
		if f := p.Fallback; f != nil {
			ended := p.Status == orchestrator.Success || p.Status == orchestrator.Skipped
			equal(t, p.Phase+" ended as its fallback", ended, f.Status == orchestrator.AttemptSuccess)
			equal(t, p.Phase+" recovered before its fallback", p.Recovery != nil && p.Recovery.Success, false)
		}
	}
	if s.Stop == 0 {
		equal(t, "the run failed", report.Status == orchestrator.Failed, bad)
	}
	for i := range s.wilds {
		p := report.Phases[i]
		tries := 0
		if p.Status != orchestrator.Skipped || s.called[i].Load() {
			tries = 1
		}
		if p.Recovery != nil {
			tries += len(p.Recovery.Attempts)
		}
		equal(t, p.Phase+"'s calls of AfterAttempt", int(s.wilds[i].told.Load()), tries)
	}
	if text := s.wrong.Load(); text != nil {
		t.Error(*text)
	}
	if most := int(s.most.Load()); s.Options.MaxParallel > 0 && most > s.Options.MaxParallel {
		t.Errorf("%d phases at once, want at most %d", most, s.Options.MaxParallel)
	}
}

// work takes d and heeds its context.
func work(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
