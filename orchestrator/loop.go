package orchestrator

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/backspan/backspan/internal/boundtext"
	"github.com/backspan/backspan/orchestrator/engine"
	"github.com/backspan/backspan/retry"
)

// Drive runs the plan on d: it decides what begins, how long to wait, and what the report says. It is for engines.
// It is deterministic: the same plan, options and answers of d give the same calls to d and the same report. It uses
// opts.RunID, EnableRecovery, DryRun, MaxParallel and ContinueOnError; the other options are the driver's.
//
// The errors are those of Pipeline.Run, and two of drivers that fail, both with an empty report: the error of d.Next,
// and a *FieldError for a completion that does not fit what is under way.
func (p *Plan) Drive(d engine.Driver[PhaseResult], opts Options) (Report, error) {
	if err := opts.Validate(); err != nil {
		return Report{}, err
	}
	l := &loop{plan: p, driver: d, opts: opts, phases: make([]progress, len(p.order))}
	started := d.Now()
	l.ready = make([]int, 0, len(p.order))
	for i, n := range p.waits {
		l.phases[i].waits = n
		if n == 0 {
			l.ready = append(l.ready, i)
		}
	}
	for {
		if err := l.begin(); err != nil {
			return Report{}, err
		}
		if l.active == 0 {
			return l.report(started)
		}
		c, err := d.Next()
		if err != nil {
			return Report{}, fmt.Errorf("run %q of pipeline %q cannot go on: %w", opts.RunID, p.pipeline.Name, err)
		}
		if err := l.handle(c); err != nil {
			return Report{}, err
		}
	}
}

// loop is the state of a run.
type loop struct {
	plan   *Plan
	driver engine.Driver[PhaseResult]
	opts   Options

	phases []progress   // by index
	ready  []int        // phases that wait for nothing any more; the first begins next
	active int          // phases that have begun and not ended
	failed []int        // phases that failed or were cancelled, in the order of their ends, without allowed failures
	stop   *engine.Stop // set once the run's context has ended
}

// progress is the state of one phase.
type progress struct {
	state   state
	task    engine.Task // under way, or what follows the wait: its Attempt, Fallback and Recovery
	waits   int         // for how many phases it still waits
	started time.Time
	tries   tries // until it ends
	late    bool  // it ended in a wait, whose timer may still come
	began   bool
	idle    bool // it was skipped without anything having failed that is not allowed to
	result  PhaseResult
	err     *retry.Error // nil unless it failed or was cancelled
}

type state uint8

const (
	pending state = iota
	trying        // an attempt is under way
	waiting       // a timer is
	ended         // it has a result
)

// begin begins the phases that may begin now, and skips those that never can.
func (l *loop) begin() error {
	for len(l.ready) > 0 {
		if stop := l.driver.Stopped(); stop != nil {
			if err := l.stopped(stop); err != nil {
				return err
			}
		}
		i := l.ready[0]
		if reason, skip := l.skip(i); skip {
			l.ready = l.ready[1:]
			l.phases[i].idle = l.idle(i, reason)
			l.end(i, PhaseResult{Status: Skipped, Reason: reason}, nil)
			continue
		}
		if l.opts.MaxParallel > 0 && l.active >= l.opts.MaxParallel {
			return nil
		}
		l.ready = l.ready[1:]
		l.active++
		s := &l.phases[i]
		s.began, s.started = true, l.driver.Now()
		l.driver.BeginPhase(l.name(i))
		l.try(i, 0, 0)
	}
	return nil
}

// The reasons of skipped phases that are no failure of the run.
const (
	inDryRun      = "dry run" // phases that need this one begin all the same
	nothingFailed = "nothing failed"
)

// skip reports whether phase i, which waits for nothing any more, is skipped, and why.
func (l *loop) skip(i int) (reason string, skip bool) {
	phase := &l.plan.pipeline.Phases[i]
	if phase.If == OnSuccess {
		for _, needed := range l.plan.needs[i] {
			if r := &l.phases[needed].result; !l.meets(i, needed) {
				return fmt.Sprintf("it needs %q, which %s", r.Phase, was[r.Status]), true
			}
		}
	}
	switch {
	case l.stop != nil && !l.cleansUp(i):
		return l.stop.String(), true
	case l.held(i):
		return fmt.Sprintf("%q did not begin", phase.IfBegan), true
	case phase.If == OnFailure && !l.failedBefore(i):
		return nothingFailed, true
	case phase.If == OnSuccess && len(l.failed) > 0 && !l.opts.ContinueOnError:
		return l.firstFailure() + " before it began", true
	case l.opts.DryRun && phase.DryRun == nil:
		return inDryRun, true
	}
	return "", false
}

// meets reports whether the end of phase j, which phase i needs, lets i begin.
func (l *loop) meets(i, j int) bool {
	r := &l.phases[j].result
	return r.Status == Success || r.Reason == inDryRun || r.Allowed && !slices.Contains(l.plan.uses[i], j)
}

// held reports whether phase i may not begin because the phase of its IfBegan did not.
func (l *loop) held(i int) bool {
	j := l.plan.began[i]
	return j >= 0 && !l.phases[j].began && l.phases[j].result.Reason != inDryRun
}

// firstFailure names the phase that failed first and says how: `"load" failed`.
func (l *loop) firstFailure() string {
	i := l.failed[0]
	return fmt.Sprintf("%q %s", l.name(i), was[l.phases[i].result.Status])
}

// cleansUp reports whether phase i may begin although the run's context has ended.
func (l *loop) cleansUp(i int) bool {
	return l.plan.pipeline.Phases[i].If == Always && l.driver.CleansUp()
}

// failedBefore reports whether something that phase i needs, directly or through other phases, failed. For a phase
// without needs it reports whether anything has failed so far.
func (l *loop) failedBefore(i int) bool {
	if len(l.plan.needs[i]) == 0 {
		return len(l.failed) > 0
	}
	return slices.ContainsFunc(l.plan.needs[i], func(j int) bool { return !l.phases[j].well() })
}

// well reports whether a phase that has ended is no failure of the run.
func (s *progress) well() bool { return s.result.Status == Success || s.idle || s.result.Allowed }

// idle reports whether phase i was skipped without anything having failed that is not allowed to: in a dry run, because
// nothing failed before, or because no phase that held it up was a failure itself.
func (l *loop) idle(i int, reason string) (idle bool) {
	if reason == inDryRun || reason == nothingFailed {
		return true
	}
	if l.plan.pipeline.Phases[i].If == OnSuccess {
		for _, j := range l.plan.needs[i] {
			switch {
			case l.meets(i, j): // it did not hold phase i up
			case !l.phases[j].well():
				return false
			default:
				idle = true
			}
		}
	}
	return idle || l.held(i) && l.phases[l.plan.began[i]].well()
}

var was = map[Status]string{Failed: "failed", Skipped: "was skipped", Cancelled: "was cancelled"}

// try starts attempt n of phase i, delay after the one before.
func (l *loop) try(i, n int, delay time.Duration) {
	l.phases[i].tries.delay = delay
	l.start(i, engine.Task{Attempt: n, Delay: delay, Recovery: l.opts.EnableRecovery && l.stop == nil})
}

func (l *loop) start(i int, task engine.Task) {
	s := &l.phases[i]
	s.state = trying
	task.RunID, task.Phase, task.DryRun = l.opts.RunID, l.name(i), l.opts.DryRun
	task.Elapsed = max(0, l.driver.Now().Sub(s.started)) // a clock may be set back
	s.task = task
	task.Inputs = l.inputs(i)
	l.tellFailure(i, &task)
	l.driver.StartAttempt(task)
}

// tellFailure tells a fallback, and a phase that begins also after failures, what failed.
func (l *loop) tellFailure(i int, task *engine.Task) {
	if !task.Fallback && l.plan.pipeline.Phases[i].If == OnSuccess {
		return
	}
	status := Success
	switch {
	case l.stop != nil && !l.stop.Deadline:
		status = Cancelled
	case l.stop != nil || len(l.failed) > 0 || task.Fallback:
		status = Failed
	}
	task.RunStatus = string(status)
	var err error
	switch {
	case task.Fallback:
		task.FailedPhase, err = task.Phase, l.phases[i].tries.err
	case len(l.failed) > 0:
		j := l.failureFor(i)
		task.FailedPhase, err = l.name(j), l.phases[j].err.Err
	default:
		return
	}
	task.FailedError = boundtext.Of(errorText(err), err, boundtext.MaxOperation)
}

// failureFor is the failure that phase i is told of: the first one of those that it waits for, also through others, or
// else the first one of all.
func (l *loop) failureFor(i int) int {
	before := map[int]bool{}
	for open := slices.Clone(l.plan.needs[i]); len(open) > 0; {
		j := open[len(open)-1]
		if open = open[:len(open)-1]; !before[j] {
			before[j] = true
			open = append(open, l.plan.needs[j]...)
		}
	}
	if at := slices.IndexFunc(l.failed, func(j int) bool { return before[j] }); at >= 0 {
		return l.failed[at]
	}
	return l.failed[0]
}

// inputs collects the outputs that phase i reads.
func (l *loop) inputs(i int) map[string]json.RawMessage {
	reads := l.plan.reads[i]
	if len(reads) == 0 {
		return nil
	}
	inputs := make(map[string]json.RawMessage, len(reads))
	for _, j := range reads {
		if r := &l.phases[j].result; r.Status == Success {
			inputs[r.Phase] = r.Result
		}
	}
	return inputs
}

// stopped ends the phases that wait. Those with an attempt under way end when that does.
func (l *loop) stopped(stop *engine.Stop) error {
	if l.stop != nil {
		return misfit("Stop", fmt.Sprintf("%q", stop.Cause), "one in a run, which there has been")
	}
	l.stop = stop
	for i := range l.phases {
		if l.phases[i].state == waiting {
			l.giveUp(i)
		}
	}
	return nil
}

// attempted records the end of an attempt of phase i and does what was decided after it.
func (l *loop) attempted(i int, d *engine.Done) {
	s, next := &l.phases[i], d.Attempt+1
	s.tries.add(d)
	switch {
	case d.Skipped != "":
		s.idle = true
		l.end(i, s.tries.result(Skipped, d.Skipped, nil), nil)
	case d.Status == AttemptSuccess:
		l.end(i, s.tries.result(Success, "", d.Output), nil)
	case l.stop == nil && d.Decision.Retry:
		s.state, s.task.Attempt, s.task.Delay = waiting, next, d.Decision.Delay
		reason := boundtext.Of(d.Error, errorOf(d), boundtext.MaxEventReason)
		l.driver.StartTimer(engine.Wait{Phase: l.name(i), Attempt: next, Delay: d.Decision.Delay, Reason: reason})
	case l.fallsBack(i, d):
		l.start(i, engine.Task{Attempt: next, Fallback: true})
	default:
		l.giveUp(i)
	}
}

// fallsBack reports whether the fallback of phase i is called after d.
func (l *loop) fallsBack(i int, d *engine.Done) bool {
	return l.plan.pipeline.Phases[i].Fallback != nil && l.opts.EnableRecovery && !l.opts.DryRun &&
		l.stop == nil && !d.Final && !d.Fallback
}

// giveUp ends phase i, which failed or is interrupted by the end of the run.
func (l *loop) giveUp(i int) {
	s := &l.phases[i]
	err := s.tries.failure(l.name(i), l.driver.Now().Sub(s.started), l.stop)
	status, reason := Failed, s.tries.reason(l.stop)
	if reason == engine.ReasonCancelled {
		status = Cancelled
	}
	result := s.tries.result(status, s.tries.why(l.opts.EnableRecovery, l.stop), nil)
	result.Allowed = status == Failed && l.plan.pipeline.Phases[i].AllowFailure && !endedBy(l.stop, reason)
	l.end(i, result, err)
}

// end records the result of phase i and readies the phases that waited for it alone.
func (l *loop) end(i int, result PhaseResult, err *retry.Error) {
	s := &l.phases[i]
	if s.state != pending {
		l.active--
	}
	result.Phase = l.name(i)
	s.late = s.state == waiting
	s.state, s.task, s.tries, s.result, s.err = ended, engine.Task{}, tries{}, result, err
	if err != nil && !result.Allowed {
		l.failed = append(l.failed, i)
	}
	l.driver.EndPhase(result, err)
	for _, j := range l.plan.next[i] {
		if l.phases[j].waits--; l.phases[j].waits == 0 {
			l.ready = append(l.ready, j)
		}
	}
}

func (l *loop) report(started time.Time) (Report, error) {
	r := Report{
		SessionID: l.opts.RunID,
		Pipeline:  l.plan.pipeline.Name,
		DryRun:    l.opts.DryRun,
		Started:   wallClock(started),
		Ended:     wallClock(l.driver.Now()),
		Phases:    make([]PhaseResult, len(l.phases)),
	}
	failure := &Error{Pipeline: r.Pipeline, RunID: r.SessionID}
	well := true
	for i := range l.phases {
		s := &l.phases[i]
		r.Phases[i] = s.result
		well = well && s.well()
		if s.err != nil && !s.result.Allowed {
			failure.Phases = append(failure.Phases, s.err)
		}
	}
	if well { // also when the run was stopped after all the work was done
		r.Status = Success
		return r, nil
	}
	r.Status = Failed
	if len(l.failed) > 0 {
		r.Reason = l.firstFailure()
	}
	if l.stop != nil {
		failure.Cause = causeOf(l.stop)
		r.Reason = l.stop.String()
		if !l.stop.Deadline {
			r.Status = Cancelled
		}
	}
	failure.Status = r.Status
	return r, failure
}

// wallClock is t without what does not survive JSON: the zone and the monotonic reading.
func wallClock(t time.Time) time.Time { return t.UTC().Round(0) }

func (l *loop) name(i int) string { return l.plan.pipeline.Phases[i].Name }
