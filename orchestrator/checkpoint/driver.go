package checkpoint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/orchestrator/engine"
	"github.com/backspan/backspan/retry"
)

// A driver is the Driver of a run with a journal. It plays back what happened in the processes before, and then goes on
// with a local driver.
type driver struct {
	*history

	plan    *orchestrator.Plan
	local   *orchestrator.Local // nil for a run that has ended
	journal *keeper

	spanBegan time.Time     // of the run's span, in a process before; zero when it begins now
	worked    time.Duration // how long the processes before had the run
	alive     time.Time     // the last that is known of them
	since     time.Time     // when this process took the run over

	past   []record  // to be played back
	at     time.Time // in the past
	live   bool      // all of it has been played back
	told   bool      // the loop knows when the run began
	ended  bool      // the end of the run's context was delivered
	phases map[string]*phase
	order  []string                 // of the phases that began in the past
	ends   []orchestrator.PastPhase // those that ended there, and whose spans are not recorded
	known  []engine.Completion      // of phases whose results are kept
	failed []engine.Completion      // of attempts that were cut off, and have failed by that
}

// A phase is one that has begun and not ended.
type phase struct {
	began  time.Time
	worked time.Duration // how long processes had had the run then
	kept   bool          // it has a result from before the plan was changed
	late   bool          // it began after the end of the run's context

	// In the past: its waits, and what is under way.
	waits []orchestrator.PastWait
	task  *engine.Task
	wait  *orchestrator.PastWait
}

func newDriver(plan *orchestrator.Plan, h *history, journal *keeper) *driver {
	return &driver{
		history: h, plan: plan, journal: journal, past: h.happened, at: h.planned, phases: map[string]*phase{},
	}
}

// sinceBegin is how long processes have had the run.
func (d *driver) sinceBegin() time.Duration {
	if d.live {
		return d.worked + time.Since(d.since)
	}
	return d.had.until(d.at)
}

// Now is part of engine.Driver.
func (d *driver) Now() time.Time {
	switch {
	case !d.told: // the loop asks first when the run began
		d.told = true
		return d.began
	case d.live:
		return d.local.Now()
	}
	return d.at
}

// Stopped is part of engine.Driver. Nothing that is played back comes after the end of a context: see stop.
func (d *driver) Stopped() *engine.Stop {
	if !d.live {
		return nil
	}
	s := d.local.Stopped()
	if s != nil {
		d.stop(s)
	}
	return s
}

// CleansUp is part of engine.Driver. It is asked only after a Stop.
func (d *driver) CleansUp() bool { return d.local.CleansUp() }

// stop notes the end of the run's context. A process that goes on with the run does so as if that had not been: what
// follows is kept only where it holds without the Stop too.
func (d *driver) stop(s *engine.Stop) {
	d.ended = true
	d.journal.write(record{Stopped: &stop{*s, spanOf(trace.SpanContextFromContext(d.local.Context()))}})
}

// BeginPhase is part of engine.Driver.
func (d *driver) BeginPhase(name string) {
	began := d.at
	if d.live {
		began = now()
	}
	p := &phase{began: began, worked: d.sinceBegin(), late: d.ended}
	_, p.kept = d.kept[name]
	d.phases[name] = p
	switch {
	case p.kept: // it makes no attempt, and has a span when it ends, unless it had one before
	case d.live:
		if p.late {
			d.journal.write(record{Cleaned: name})
		}
		d.local.BeginPhase(name)
	default:
		d.order = append(d.order, name)
	}
}

// StartAttempt is part of engine.Driver.
func (d *driver) StartAttempt(task engine.Task) {
	p := d.phases[task.Phase]
	switch {
	case p.kept:
		d.known = append(d.known, engine.Completion{Done: &engine.Done{
			Phase: task.Phase, Status: orchestrator.AttemptSuccess, Output: d.kept[task.Phase],
		}})
	case d.live:
		d.start(p, task)
	default:
		p.task = &task
	}
}

// start makes an attempt now.
func (d *driver) start(p *phase, task engine.Task) {
	task.Elapsed = d.sinceBegin() - p.worked
	if !p.late {
		d.journal.write(record{Started: attemptOf(task)})
	}
	d.local.StartAttempt(task)
}

// StartTimer is part of engine.Driver.
func (d *driver) StartTimer(wait engine.Wait) {
	if d.live {
		d.local.StartTimer(wait)
		return
	}
	p := d.phases[wait.Phase]
	p.wait = &orchestrator.PastWait{Wait: wait, At: d.at}
	if len(p.waits) < semconv.MaxScheduled {
		p.waits = append(p.waits, *p.wait)
	}
}

// EndPhase is part of engine.Driver.
func (d *driver) EndPhase(result orchestrator.PhaseResult, failure *retry.Error) {
	p := d.phases[result.Phase]
	delete(d.phases, result.Phase)
	if d.live && (p == nil || !p.kept) {
		if d.final(p, result) {
			d.journal.write(record{Recorded: &result.Phase})
		}
		d.local.EndPhase(result, failure)
		return
	}
	if d.recorded[result.Phase] {
		return
	}
	past := orchestrator.PastPhase{Name: result.Phase, Ended: d.at, Result: result, Failure: failure}
	if d.live {
		past.Ended = now()
	}
	if p != nil {
		past.Began, past.Waits = d.spanOfPhase(p, result.Phase), p.waits
	}
	if d.live {
		d.record(past)
	} else {
		d.ends = append(d.ends, past)
	}
}

// final reports whether a phase ends in this process for good: after the end of the run's context only those do that
// succeeded, or had nothing to do, and would have begun without it.
func (d *driver) final(p *phase, result orchestrator.PhaseResult) bool {
	began := p != nil && !p.late
	return !d.ended || began && (result.Status == orchestrator.Success || result.Status == orchestrator.Skipped)
}

// spanOfPhase is when the span of a phase began.
func (d *driver) spanOfPhase(p *phase, name string) time.Time {
	if at := d.begun[name]; !at.IsZero() {
		return at
	}
	return p.began
}

// record writes the span of a phase that ended in the past. First it is noted: a span is written once at most.
func (d *driver) record(past orchestrator.PastPhase) {
	d.journal.write(record{Recorded: &past.Name})
	d.local.Resume(past)
}

// Next is part of engine.Driver. What is known of the past comes in the same order however often it is played back.
func (d *driver) Next() (engine.Completion, error) {
	if c, ok := pop(&d.known); ok {
		return c, nil
	}
	if !d.live {
		if r, ok := pop(&d.past); ok {
			return d.playBack(r), nil
		}
		if d.local == nil {
			return engine.Completion{}, errors.New("its journal ends before the run has ended")
		}
		d.catchUp()
	}
	if c, ok := pop(&d.failed); ok {
		return c, nil
	}
	c, err := d.local.Next()
	switch {
	case err != nil:
	case c.Stop != nil:
		d.stop(c.Stop)
	case c.Done != nil:
		d.done(c.Done)
	case c.Timer != nil && !d.ended:
		d.journal.write(record{Timer: c.Timer})
	}
	return c, err
}

func pop[T any](list *[]T) (first T, ok bool) {
	if len(*list) == 0 {
		return first, false
	}
	first = (*list)[0]
	*list = (*list)[1:]
	return first, true
}

// count counts a wait, or the part of it that has passed, as time in which processes had the run: it passes without
// any. had is how much of it they had.
func (p *phase) count(passed, had time.Duration) { p.worked -= max(0, passed-had) }

// playBack is the next thing that happened in the past.
func (d *driver) playBack(r record) engine.Completion {
	d.at = r.At
	if r.Done != nil {
		if p := d.phases[r.Done.Phase]; p != nil { // else the loop refuses it
			p.task = nil
		}
	} else if p := d.phases[r.Timer.Phase]; p != nil && p.wait != nil {
		p.count(p.wait.Delay, d.had.until(r.At)-d.had.until(p.wait.At))
		p.wait = nil
	}
	return engine.Completion{Done: r.Done, Timer: r.Timer}
}

// done notes the end of an attempt. After the end of the run's context a failure is not the attempt's own: the next
// process makes it again.
func (d *driver) done(done *engine.Done) {
	switch p := d.phases[done.Phase]; {
	case p.late:
	case d.ended && done.Status != orchestrator.AttemptSuccess:
		d.journal.write(record{Cut: &attempt{done.Phase, done.Attempt, done.Fallback}})
	default:
		d.journal.write(record{Done: done})
	}
}

// catchUp goes on where the processes before were.
func (d *driver) catchUp() {
	if d.live {
		return
	}
	d.live = true
	for _, past := range d.ends {
		d.record(past)
	}
	for _, name := range d.order { // before anything of them runs
		if p := d.phases[name]; p != nil {
			d.takeUp(name, p)
		}
	}
	for _, name := range d.order {
		switch p := d.phases[name]; {
		case p == nil:
		case p.task != nil:
			d.again(p, *p.task)
		case p.wait != nil:
			d.local.ResumeTimer(p.wait.Wait, max(0, p.wait.Delay-now().Sub(p.wait.At)))
		}
	}
}

// takeUp hands a phase of the past to the local driver.
func (d *driver) takeUp(name string, p *phase) {
	if p.wait != nil {
		p.count(min(p.wait.Delay, now().Sub(p.wait.At)), d.sinceBegin()-d.had.until(p.wait.At))
	}
	past := orchestrator.PastPhase{
		Name: name, Began: d.spanOfPhase(p, name), Waits: p.waits, Used: d.sinceBegin() - p.worked,
	}
	if part, known := d.parts[name]; !known || part != d.part {
		past.Began, past.Waits, past.Again = now(), nil, true
	}
	d.local.Resume(past)
}

// again makes an attempt that was under way, or was to be started, when the process before ended.
func (d *driver) again(p *phase, task engine.Task) {
	started, cutOff := d.open[task.Phase]
	if !cutOff {
		d.start(p, task)
		return
	}
	times := d.lost[task.Phase] + 1
	why := "its process ended before it did"
	if times > 1 {
		why = fmt.Sprintf("%s, as %d times in this phase", why, times)
	}
	asked := task
	asked.Attempt, asked.Elapsed = times-1, d.sinceBegin()-p.worked
	done := d.plan.Lost(asked, errors.New(why))
	done.Attempt, done.Fallback = task.Attempt, task.Fallback
	once := times == 1 && !done.Final &&
		(done.Decision.Reason == engine.ReasonExhausted || done.Decision.Reason == engine.ReasonDeadline)
	if once || done.Decision.Retry {
		d.journal.write(record{Lost: attemptOf(task)})
		done.Decision = engine.Decision{Retry: true}
		d.local.ResumeLost(task, done, started.At, d.alive)
		d.start(p, task)
		return
	}
	d.journal.write(record{Done: &done})
	d.local.ResumeLost(task, done, started.At, d.alive)
	d.failed = append(d.failed, engine.Completion{Done: &done})
}

func (d *driver) opts() *Options { return d.journal.opts }

// run drives the run to its end.
func (d *driver) run(ctx context.Context, opts orchestrator.Options) (orchestrator.Report, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	d.journal.begin(cancel)
	d.opts().Notes.begin(d.journal)
	defer d.opts().Notes.begin(nil)
	d.since = time.Now()
	if d.finished == nil {
		local, err := d.plan.Local(ctx, opts, d.spanBegan, d.part)
		if err != nil {
			return orchestrator.Report{}, errors.Join(err, d.journal.close())
		}
		d.local = local
	}
	report, err := d.plan.Drive(d, opts)
	if report.Status == "" {
		err = fmt.Errorf("run %q: its journal does not fit: %w", d.RunID, err)
	}
	switch {
	case d.local == nil:
		report.Ended = d.last
	case report.Status != "":
		d.catchUp()
		if !d.ended {
			d.journal.write(record{Finished: &report.Status})
		}
		d.local.End(report, err)
		if lost := d.journal.whyLost(); lost != nil && !d.ended && d.opts().Required {
			d.opts().tell(lost) // too late to stop the run
		}
	}
	return report, errors.Join(err, d.journal.close())
}

// A keeper writes the records of a run.
type keeper struct {
	mu      sync.Mutex // notes come from other goroutines
	history *history
	store   Store
	opts    *Options
	journal Journal // nil when there is none any more
	cancel  context.CancelCauseFunc
	lost    error // why there is none any more

	failing sync.Mutex
	failed  bool
}

// add writes a record and takes it into the history.
func (k *keeper) add(r record) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.history.finished != nil { // a note of a call that was abandoned
		return nil
	}
	r.At = now()
	text, err := json.Marshal(r)
	if err == nil && k.journal != nil {
		err = k.journal.Append(text)
	}
	if err != nil {
		return err
	}
	return k.history.add(r)
}

// write is add for a run that has begun: a failure ends the journal, or the run.
func (k *keeper) write(r record) {
	if err := k.add(r); err != nil {
		k.fail(err)
	}
}

// begin says how the run is stopped.
func (k *keeper) begin(cancel context.CancelCauseFunc) {
	k.cancel = cancel
	if k.lost != nil {
		k.fail(k.lost)
	}
}

// fail does what was asked for when the journal cannot be written.
func (k *keeper) fail(err error) {
	k.failing.Lock()
	defer k.failing.Unlock()
	if k.failed {
		return
	}
	k.failed = true
	err = fmt.Errorf("the journal of run %q cannot be written: %w", k.history.RunID, err)
	closed := k.close()
	if k.opts.Required {
		k.lost = errors.Join(err, closed)
		k.cancel(k.lost)
		return
	}
	// What stands in it would be taken for where the run is.
	removed := k.store.Remove(context.Background(), k.history.RunID)
	k.opts.tell(errors.Join(fmt.Errorf("%w; the run goes on without, and cannot be resumed", err), closed, removed))
}

func (k *keeper) whyLost() error {
	k.failing.Lock()
	defer k.failing.Unlock()
	return k.lost
}

func (k *keeper) close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.journal == nil {
		return nil
	}
	err := k.journal.Close()
	k.journal = nil
	return err
}
