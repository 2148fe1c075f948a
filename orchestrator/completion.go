package orchestrator

import (
	"fmt"

	"github.com/backspan/backspan/orchestrator/engine"
)

// handle does what follows from c. A completion that does not fit what is under way is an error: what it says would
// be credited to another attempt than it is about, and the report would be wrong.
func (l *loop) handle(c engine.Completion) error {
	switch {
	case c.Stop != nil && c.Timer == nil && c.Done == nil:
		return l.stopped(c.Stop)
	case c.Timer != nil && c.Stop == nil && c.Done == nil:
		return l.timer(c.Timer)
	case c.Done != nil && c.Stop == nil && c.Timer == nil:
		return l.done(c.Done)
	}
	return misfit("", fmt.Sprintf("%+v", c), "exactly one of Done, Timer and Stop")
}

// misfit is the error for a field of a Completion.
func misfit(field, value, want string) error {
	if field != "" {
		field = "." + field
	}
	return &FieldError{Field: "Completion" + field, Value: value, Want: want}
}

func (l *loop) timer(w *engine.Wait) error {
	i, known := l.plan.index[w.Phase]
	switch s := &l.phases[i]; {
	case !known:
		return l.noPhase("Timer", w.Phase)
	case s.state == ended: // the timer was started before
		return nil
	case s.state != waiting || s.task.Attempt != w.Attempt:
		return misfit("Timer.Attempt", attemptOf(w.Phase, w.Attempt, false), l.expected(i))
	}
	l.try(i, w.Attempt, w.Delay)
	return nil
}

func (l *loop) done(d *engine.Done) error {
	i, known := l.plan.index[d.Phase]
	switch s, value := &l.phases[i], attemptOf(d.Phase, d.Attempt, d.Fallback); {
	case !known:
		return l.noPhase("Done", d.Phase)
	case s.state != trying || s.task.Attempt != d.Attempt || s.task.Fallback != d.Fallback:
		return misfit("Done.Attempt", value, l.expected(i))
	case d.Status != AttemptSuccess && d.Status != AttemptError:
		return misfit("Done.Status", fmt.Sprintf("%q for %s", d.Status, value), AttemptSuccess+" or "+AttemptError)
	case d.Status != AttemptSuccess && d.Skipped != "":
		return misfit("Done.Skipped", fmt.Sprintf("%q for %s", d.Skipped, value), "empty after a failure")
	case d.Decision.Retry && (d.Status == AttemptSuccess || d.Final || !s.task.Recovery):
		const want = "false after a success, a Final, or a task without Recovery"
		return misfit("Done.Decision.Retry", "true for "+value, want)
	case d.Decision.Delay < 0:
		return misfit("Done.Decision.Delay", fmt.Sprintf("%v for %s", d.Decision.Delay, value), "0 or more")
	}
	l.attempted(i, d)
	return nil
}

func (l *loop) noPhase(field, name string) error {
	return misfit(field+".Phase", fmt.Sprintf("%q", name), fmt.Sprintf("a phase of pipeline %q", l.plan.pipeline.Name))
}

// expected says what of phase i may come next.
func (l *loop) expected(i int) string {
	s := &l.phases[i]
	switch s.state {
	case trying:
		return "the end of " + attemptOf(l.name(i), s.task.Attempt, s.task.Fallback)
	case waiting:
		return "the end of the wait before " + attemptOf(l.name(i), s.task.Attempt, false)
	case ended:
		return "nothing of a phase that has ended"
	default:
		return "nothing of a phase that has not begun"
	}
}

func attemptOf(phase string, attempt int, fallback bool) string {
	if fallback {
		return fmt.Sprintf("the fallback of %q", phase)
	}
	return fmt.Sprintf("attempt %d of %q", attempt, phase)
}
