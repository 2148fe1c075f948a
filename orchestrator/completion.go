package orchestrator

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/backspan/backspan/internal/boundtext"
	"github.com/backspan/backspan/internal/decide"
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
	return misfit("", said(c), "exactly one of Done, Timer and Stop")
}

// said names what c is about. The fields are pointers, whose addresses would differ from one replay to the next.
func said(c engine.Completion) string {
	var fields []string
	if c.Done != nil {
		fields = append(fields, "Done")
	}
	if c.Timer != nil {
		fields = append(fields, "Timer")
	}
	if c.Stop != nil {
		fields = append(fields, "Stop")
	}
	if fields == nil {
		return "empty"
	}
	return strings.Join(fields, " and ")
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
	case s.late && s.state == ended: // the end of the run cut the wait short
		s.late = false
		return nil
	case s.state != waiting || s.task.Attempt != w.Attempt:
		return misfit("Timer.Attempt", attemptOf(w.Phase, w.Attempt, false), l.expected(i))
	case s.task.Delay != w.Delay:
		value := fmt.Sprintf("%v before %s", w.Delay, attemptOf(w.Phase, w.Attempt, false))
		return misfit("Timer.Delay", value, fmt.Sprintf("%v, as decided", s.task.Delay))
	}
	l.try(i, w.Attempt, w.Delay)
	return nil
}

func (l *loop) done(d *engine.Done) error {
	i, known := l.plan.index[d.Phase]
	switch s := &l.phases[i]; {
	case !known:
		return l.noPhase("Done", d.Phase)
	case s.state != trying || s.task.Attempt != d.Attempt || s.task.Fallback != d.Fallback:
		return misfit("Done.Attempt", attemptOf(d.Phase, d.Attempt, d.Fallback), l.expected(i))
	}
	if field, value, want := l.unsayable(i, d); field != "" {
		return misfit("Done."+field, fmt.Sprintf("%v for %s", value, attemptOf(d.Phase, d.Attempt, d.Fallback)), want)
	}
	l.attempted(i, bounded(d))
	return nil
}

// maxEngineError is what is kept, in bytes, of the error that an engine delivers.
const maxEngineError = 8 << 10

// bounded is d with texts of bounded length: an engine's may have any. They are cut and not refused, because a refusal
// would end the run. A local run has the error itself, and keeps all of its text.
func bounded(d *engine.Done) *engine.Done {
	if d.Err != nil {
		return d
	}
	b := *d
	b.Error = boundtext.Of(d.Error, nil, maxEngineError)
	b.ErrorType = boundtext.Of(d.ErrorType, nil, boundtext.MaxErrorType)
	b.Skipped = boundtext.Of(d.Skipped, nil, boundtext.MaxPhaseReason)
	b.Decision.Cause = boundtext.Of(d.Decision.Cause, nil, boundtext.MaxAttempt)
	return &b
}

// unsayable returns the first field of d, which ends the attempt of phase i that is under way, that no attempt says so,
// with its value and what would be right; an empty field if there is none. Texts are made for that one only: every
// attempt of every run comes here.
func (l *loop) unsayable(i int, d *engine.Done) (field string, value any, want string) {
	next := &d.Decision
	succeeded, failed := d.Status == AttemptSuccess, d.Status == AttemptError
	last := failed && !next.Retry
	cancellable := l.stop != nil || l.plan.pipeline.Phases[i].If == Always // which may have a context of its own
	stopped := next.Reason == engine.ReasonCancelled || next.Reason == engine.ReasonDeadline
	caused := stopped || next.Reason == engine.ReasonRetryLater
	size := func() string { return fmt.Sprintf("%d bytes", len(d.Output)) }
	switch {
	case !succeeded && !failed:
		return "Status", quoted(d.Status), AttemptSuccess + " or " + AttemptError
	case failed && d.Skipped != "":
		return "Skipped", quoted(d.Skipped), "empty after a failure"
	case next.Retry && (succeeded || d.Final || !l.phases[i].task.Recovery):
		return "Decision.Retry", true, "false after a success, a Final, or a task without Recovery"
	case next.Retry && decide.RetriesLeft(l.plan.policies[i].MaxRetries, d.Attempt+1) == 0:
		return "Decision.Retry", true, "false after the last of the policy's MaxRetries"
	case next.Delay < 0:
		return "Decision.Delay", next.Delay, "0 or more"
	case !next.Retry && next.Delay != 0:
		return "Decision.Delay", next.Delay, "0 when no attempt follows"
	case !last && next.Reason != "":
		return "Decision.Reason", quoted(next.Reason), "none unless a failure is the last"
	case last && next.Reason.Err() == nil:
		return "Decision.Reason", quoted(next.Reason), fmt.Sprintf("one of %q", engine.Reasons())
	case next.Reason == engine.ReasonCancelled && !cancellable:
		return "Decision.Reason", quoted(next.Reason), "another one as long as the run has not been stopped"
	case !caused && next.Cause != "":
		return "Decision.Cause", quoted(next.Cause), "none for reason " + quoted(next.Reason)
	case failed && !stopped && d.Final != (next.Reason == engine.ReasonAbandoned):
		return "Final", d.Final, "true exactly when the phase's context has ended or its function was abandoned"
	case failed != (d.Error != ""):
		return "Error", quoted(d.Error), "a text after a failure, and none after a success"
	case succeeded && d.ErrorType != "":
		return "ErrorType", quoted(d.ErrorType), "none after a success"
	case failed && d.Output != nil:
		return "Output", size(), "none after a failure"
	case d.Skipped != "" && d.Output != nil:
		return "Output", size(), "none with Skipped"
	case d.Output != nil && !json.Valid(d.Output):
		return "Output", size(), "JSON"
	}
	return "", nil, ""
}

func quoted[T ~string](text T) string { return strconv.Quote(string(text)) }

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
