package orchestrator

import (
	"encoding/json"
	"fmt"
	"slices"
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
	for _, rule := range l.rules(i, d) {
		if !rule.holds {
			value := fmt.Sprintf("%v for %s", rule.value, attemptOf(d.Phase, d.Attempt, d.Fallback))
			return misfit("Done."+rule.field, value, rule.want)
		}
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

// A rule is what must hold for a field of a Done.
type rule struct {
	field string
	value any
	want  string
	holds bool
}

// rules are those for d, which ends the attempt of phase i that is under way: it says nothing that no attempt says.
func (l *loop) rules(i int, d *engine.Done) []rule {
	next, reason := &d.Decision, fmt.Sprintf("%q", d.Decision.Reason)
	succeeded, failed := d.Status == AttemptSuccess, d.Status == AttemptError
	last := failed && !next.Retry
	retries := decide.RetriesLeft(l.plan.policies[i].MaxRetries, d.Attempt+1)
	known := engine.Reasons()
	cancellable := l.stop != nil || l.plan.pipeline.Phases[i].If == Always // which may have a context of its own
	stopped := next.Reason == engine.ReasonCancelled || next.Reason == engine.ReasonDeadline
	abandoned := next.Reason == engine.ReasonAbandoned
	caused := stopped || next.Reason == engine.ReasonRetryLater
	return []rule{
		{"Status", fmt.Sprintf("%q", d.Status), AttemptSuccess + " or " + AttemptError, succeeded || failed},
		{"Skipped", fmt.Sprintf("%q", d.Skipped), "empty after a failure", succeeded || d.Skipped == ""},
		{
			"Decision.Retry", next.Retry, "false after a success, a Final, or a task without Recovery",
			!next.Retry || failed && !d.Final && l.phases[i].task.Recovery,
		},
		{"Decision.Retry", next.Retry, "false after the last of the policy's MaxRetries", !next.Retry || retries != 0},
		{"Decision.Delay", next.Delay, "0 or more", next.Delay >= 0},
		{"Decision.Delay", next.Delay, "0 when no attempt follows", next.Retry || next.Delay == 0},
		{"Decision.Reason", reason, "none unless a failure is the last", last || next.Reason == ""},
		{"Decision.Reason", reason, fmt.Sprintf("one of %q", known), !last || slices.Contains(known, next.Reason)},
		{
			"Decision.Reason", reason, "another one as long as the run has not been stopped",
			next.Reason != engine.ReasonCancelled || cancellable,
		},
		{"Decision.Cause", fmt.Sprintf("%q", next.Cause), "none for reason " + reason, caused || next.Cause == ""},
		{
			"Final", d.Final, "true exactly when the phase's context has ended or its function was abandoned",
			succeeded || stopped || d.Final == abandoned,
		},
		{
			"Error", fmt.Sprintf("%q", d.Error), "a text after a failure, and none after a success",
			failed == (d.Error != ""),
		},
		{"ErrorType", fmt.Sprintf("%q", d.ErrorType), "none after a success", failed || d.ErrorType == ""},
		{"Output", fmt.Sprintf("%d bytes", len(d.Output)), "none after a failure", succeeded || d.Output == nil},
		{"Output", fmt.Sprintf("%d bytes", len(d.Output)), "none with Skipped", d.Skipped == "" || d.Output == nil},
		{"Output", fmt.Sprintf("%d bytes", len(d.Output)), "JSON", d.Output == nil || json.Valid(d.Output)},
	}
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
