package orchestrator_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/orchestrator/engine"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrytest"
)

// inBubble runs a pipeline in a bubble of its own.
func inBubble(t *testing.T, run func(context.Context) (orchestrator.Report, error)) (report orchestrator.Report, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { report, err = run(t.Context()) })
	return report, err
}

// scenario is a random run: a graph, what its phases do, and the options.
type scenario struct {
	pipeline orchestrator.Pipeline
	opts     orchestrator.Options
	takes    map[string][]time.Duration // by phase, one for each attempt
	stop     time.Duration              // 0: never
	needs    [][]int                    // by phase
	order    []int                      // phases after all that they need

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

func newScenario(seed uint64) *scenario {
	r := rand.New(rand.NewPCG(seed, 7))
	s := newGraph(r, 1+r.IntN(30))
	s.opts.RunID = fmt.Sprint("run ", seed)
	return s
}

// newGraph makes a graph of n phases that fail now and then.
func newGraph(r *rand.Rand, n int) *scenario {
	s := &scenario{
		takes: map[string][]time.Duration{}, needs: make([][]int, n),
		called: make([]atomic.Bool, n), success: make([]atomic.Bool, n), skips: make([]atomic.Bool, n),
	}
	s.opts = orchestrator.Options{
		EnableRecovery: r.IntN(4) > 0, ContinueOnError: r.IntN(2) > 0, DryRun: r.IntN(8) == 0, MaxParallel: r.IntN(5),
	}
	if r.IntN(3) == 0 {
		s.stop = time.Duration(r.Int64N(int64(40 * time.Second)))
	}
	s.pipeline = orchestrator.Pipeline{Name: "random", Phases: make([]orchestrator.Phase, n)}
	s.order = r.Perm(n) // the order in which they are written is not the order in which they hang together
	for k, i := range s.order {
		for len(s.needs[i]) < 3 && k > 0 && r.IntN(3) > 0 {
			s.needs[i] = append(s.needs[i], s.order[r.IntN(k)])
		}
		s.pipeline.Phases[i] = s.phase(r, i, s.needs[i])
	}
	for i, phase := range s.pipeline.Phases {
		if len(phase.Needs) > 0 && r.IntN(4) == 0 {
			s.pipeline.Phases[i].IfBegan = pick(r, phase.Needs...)
		}
		s.pipeline.Phases[i].AllowFailure = r.IntN(4) == 0
	}
	return s
}

func (s *scenario) phase(r *rand.Rand, i int, needs []int) orchestrator.Phase {
	name := func(i int) string { return fmt.Sprint("p", i) }
	p := orchestrator.Phase{Name: name(i)}
	for _, j := range needs {
		p.Needs = append(p.Needs, name(j))
	}
	failures, permanent, skips := r.IntN(3)*r.IntN(3), r.IntN(6) == 0, r.IntN(6) == 0
	for range 6 {
		s.takes[p.Name] = append(s.takes[p.Name], time.Duration(1+r.Int64N(int64(3*time.Second))))
	}
	p.Run = func(ctx context.Context, in orchestrator.Input) (any, error) {
		s.begins(i, in, needs)
		defer s.begun.Add(-1)
		if elapse, ok := ctx.Value(meanwhile{}).(func()); ok {
			elapse()
		} else {
			_, _ = work(s.takes[p.Name][in.Attempt])(ctx, in)
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
func (s *scenario) begins(i int, in orchestrator.Input, needs []int) {
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
func (s *scenario) checkBegin(i int, in orchestrator.Input, needs []int) {
	complain := func(format string, args ...any) {
		text := fmt.Sprintf("p%d: ", i) + fmt.Sprintf(format, args...)
		s.wrong.Store(&text)
	}
	phase := &s.pipeline.Phases[i]
	inDryRun := func(j int) bool { return s.opts.DryRun && s.pipeline.Phases[j].DryRun == nil }
	for _, j := range needs {
		allowed := s.pipeline.Phases[j].AllowFailure && s.called[j].Load() && !s.skips[j].Load() &&
			!slices.Contains(phase.Uses, s.pipeline.Phases[j].Name)
		if phase.If == orchestrator.OnSuccess && !s.success[j].Load() && !inDryRun(j) && !allowed {
			complain("it began before p%d, which it needs, succeeded", j)
		}
		if s.pipeline.Phases[j].Name == phase.IfBegan && !s.called[j].Load() && !inDryRun(j) && s.stop == 0 {
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
	case in.RunStatus == "", in.RunStatus == success && in.FailedPhase != "":
		complain("it is told that the run is %q, and that %q failed", in.RunStatus, in.FailedPhase)
	case (in.FailedPhase == "") != (in.FailedError == ""):
		complain("it is told that %q failed with %q", in.FailedPhase, in.FailedError)
	case phase.If == orchestrator.OnFailure && !fallback && in.FailedPhase == "":
		complain("it began without a failure")
	}
}

// run runs it in the process, and holds the report against the spans and the event log.
func (s *scenario) run(t *testing.T) orchestrator.Report {
	t.Helper()
	report, err := inBubble(t, func(ctx context.Context) (orchestrator.Report, error) {
		ctx, rec := retrytest.Record(t, ctx)
		log := logEvents(ctx)
		s.release = make(chan struct{})
		runCtx, cancel := s.context(ctx)
		defer cancel()
		report, err := s.pipeline.Run(runCtx, s.opts)
		close(s.release)
		<-time.After(time.Minute) // what a call that was abandoned does in the end changes nothing
		synctest.Wait()
		checkSpans(t, report, rec)
		log.check(t, report)
		return report, err
	})
	equal(t, "error", err == nil, report.Status == success)
	return report
}

// context is the run's, which ends when the scenario says so. It sets the context of what cleans up.
func (s *scenario) context(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.stop == 0 {
		return context.WithCancel(ctx)
	}
	if s.cleanup > 0 {
		cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.stop+s.cleanup)
		s.opts.Cleanup = cleanup
		context.AfterFunc(ctx, cancel)
	}
	if s.deadline {
		return context.WithTimeoutCause(ctx, s.stop, errSignal)
	}
	stopped, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(s.stop, func() { cancel(errSignal) })
	return stopped, func() { timer.Stop(); cancel(nil) }
}

// check holds what must be true of every report.
func (s *scenario) check(t *testing.T, report orchestrator.Report) {
	t.Helper()
	if len(report.Phases) != len(s.pipeline.Phases) {
		t.Fatalf("%d phases are reported, want %d", len(report.Phases), len(s.pipeline.Phases))
	}
	bad := false
	for i, p := range report.Phases {
		equal(t, "phase in the pipeline's order", p.Phase, s.pipeline.Phases[i].Name)
		equal(t, p.Phase+" has a reason unless it is a success", p.Reason != "", p.Status != success)
		equal(t, p.Phase+" succeeded", s.success[i].Load(), p.Status == success)
		if s.skips[i].Load() && p.Status != cancelled && p.Status != failed { // or its time was up meanwhile
			equal(t, p.Phase+" was skipped", p.Reason, "nothing to do")
		}
		equal(t, p.Phase+" was allowed to fail", p.Allowed, p.Allowed && s.pipeline.Phases[i].AllowFailure && p.Status == failed)
		bad = bad || p.Status == cancelled || p.Status == failed && !p.Allowed
		if r := p.Recovery; r != nil {
			equal(t, p.Phase+"'s first error is kept", p.Error != "", true)
			last := r.Attempts[len(r.Attempts)-1]
			equal(t, p.Phase+"'s recovery", r.Success, last.Status == orchestrator.AttemptSuccess)
		}
		if f := p.Fallback; f != nil {
			ended := p.Status == success || p.Status == skipped
			equal(t, p.Phase+" ended as its fallback", ended, f.Status == orchestrator.AttemptSuccess)
			equal(t, p.Phase+" recovered before its fallback", p.Recovery != nil && p.Recovery.Success, false)
		}
	}
	if s.stop == 0 {
		equal(t, "the run failed", report.Status == failed, bad)
	}
	for i := range s.wilds {
		p := report.Phases[i]
		tries := 0
		if p.Status != skipped || s.called[i].Load() {
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
	if most := int(s.most.Load()); s.opts.MaxParallel > 0 && most > s.opts.MaxParallel {
		t.Errorf("%d phases at once, want at most %d", most, s.opts.MaxParallel)
	}
}

// drive runs it on the engine of engine_test.go, with its own clock and nothing but JSON in between.
func (s *scenario) drive(t *testing.T) orchestrator.Report {
	t.Helper()
	e := newEngine(t, s.pipeline)
	e.takes = func(task engine.Task) time.Duration { return s.takes[task.Phase][task.Attempt] }
	if s.stop > 0 {
		e.stopAt(s.stop, engine.Stop{Cause: errSignal.Error()})
	}
	report, err := e.plan.Drive(e, s.opts)
	equal(t, "error", err == nil, report.Status == success)
	checkReplay(t, e, s.pipeline, s.opts, report)
	return report
}

// FuzzRuns makes random graphs whose phases fail at random, are cancelled, skipped, or fall back: whatever happens,
// the report is complete, agrees with the spans, and comes out the same again, in the process as on another engine.
func FuzzRuns(f *testing.F) {
	for seed := range uint64(150) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		first, second, third := newScenario(seed), newScenario(seed), newScenario(seed)
		report := first.run(t)
		first.check(t, report)
		_, want := through(t, report)
		_, again := through(t, second.run(t))
		equal(t, "the same run again", again, want)
		driven := third.drive(t)
		third.check(t, driven)
		_, got := through(t, driven)
		equal(t, "the same run on another engine", got, want)
	})
}

// TestWildRuns makes graphs of up to 12 phases with every field of a policy, timeouts, panics, functions that hang,
// fallbacks, dry runs and cleaning up, which are cancelled or run out of time: report, spans and event log say the same.
func TestWildRuns(t *testing.T) {
	runs := uint64(500)
	if os.Getenv("CI") != "" || os.Getenv("BACKSPAN_FULL") != "" {
		runs = 10_000
	}
	for seed := range runs {
		s := newWildScenario(seed)
		s.check(t, s.run(t))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}
