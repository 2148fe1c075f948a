package telemetry

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"
)

// seen is what the event log reads from a span's attributes.
type seen struct {
	kind, session, phase, operation, result, outcome, status, errorType string
	parent, pipeline, why, command                                      string
	attempt, attempts, maxRetries, depth                                int64
	delay, nextDelay, totalDelay, after, maxElapsed                     float64
	budget                                                              string
	tokens                                                              float64
	hasTokens                                                           bool
	hasNext, limited                                                    bool // nextDelay and maxRetries are known
	dryRun                                                              bool
	allowed                                                             bool   // it may fail
	skipped                                                             string // why it had nothing to do
	recovered                                                           bool   // a recovery was attempted
	fellBack                                                            bool   // the result is the fallback's
	recoveryMessage                                                     string
	recoveryAttempts                                                    int64
}

// uneventful reports whether nothing is written about a span: a first attempt that succeeded, or an operation that
// was not stopped. It reads the attributes once, in the order in which package retry sets them; in another order it
// may return false for such a span, which is then read in full.
func uneventful(attributes []attribute.KeyValue) bool {
	var kind string
	var first bool
	for i := range attributes {
		kv := &attributes[i]
		switch kv.Key {
		case semconv.KindKey:
			kind = kv.Value.AsString()
		case semconv.AttemptKey:
			first = kv.Value.AsInt64() == 1
		case semconv.ResultKey:
			return kind == semconv.KindAttempt && first && kv.Value.AsString() == semconv.ResultSuccess
		case semconv.SkippedKey:
			return false
		case semconv.OutcomeKey:
			outcome := kv.Value.AsString()
			return kind == semconv.KindOperation && !mayStop(outcome)
		}
	}
	return false
}

func (s *seen) read(attributes []attribute.KeyValue) {
	for i := range attributes {
		s.attribute(&attributes[i])
	}
}

func (s *seen) attribute(kv *attribute.KeyValue) {
	switch kv.Key {
	case semconv.KindKey:
		s.kind = kv.Value.AsString()
	case semconv.SessionIDKey:
		s.session = kv.Value.AsString()
	case semconv.PhaseNameKey:
		s.phase = kv.Value.AsString()
	case semconv.OperationKey:
		s.operation = kv.Value.AsString()
	case semconv.ResultKey:
		s.result = kv.Value.AsString()
	case semconv.OutcomeKey:
		s.outcome = kv.Value.AsString()
	case semconv.PhaseStatusKey, semconv.RunStatusKey:
		s.status = kv.Value.AsString()
	case semconv.PhaseReasonKey, semconv.RunReasonKey:
		s.why = kv.Value.AsString()
	case semconv.RunNameKey:
		s.pipeline = kv.Value.AsString()
	case semconv.RunDryRunKey:
		s.dryRun = kv.Value.AsBool()
	case semconv.AllowedKey:
		s.allowed = kv.Value.AsBool()
	case semconv.SkippedKey:
		s.skipped = kv.Value.AsString()
	case semconv.ErrorTypeKey:
		s.errorType = kv.Value.AsString()
	case semconv.MaxRetriesKey:
		s.maxRetries, s.limited = kv.Value.AsInt64(), true
	case semconv.MaxElapsedKey:
		s.maxElapsed = kv.Value.AsFloat64()
	case semconv.DepthKey:
		s.depth = kv.Value.AsInt64()
	case semconv.ParentOpKey:
		s.parent = kv.Value.AsString()
	case semconv.ProcessCommandKey:
		s.command = kv.Value.AsString()
	case semconv.AfterKey:
		s.after = kv.Value.AsFloat64()
	case semconv.BudgetNameKey:
		s.budget = kv.Value.AsString()
	case semconv.BudgetTokensKey:
		s.tokens, s.hasTokens = kv.Value.AsFloat64(), true
	case semconv.AttemptKey:
		s.attempt = kv.Value.AsInt64()
	case semconv.TotalDelayKey:
		s.totalDelay = kv.Value.AsFloat64()
	case semconv.AttemptsKey:
		s.attempts = kv.Value.AsInt64()
	case semconv.DelayKey:
		s.delay = kv.Value.AsFloat64()
	case semconv.NextDelayKey:
		s.nextDelay, s.hasNext = kv.Value.AsFloat64(), true
	case semconv.RecoveryAttemptedKey:
		s.recovered = kv.Value.AsBool()
	case semconv.PhaseFallbackKey:
		s.fellBack = kv.Value.AsBool()
	case semconv.RecoveryMessageKey:
		s.recoveryMessage = kv.Value.AsString()
	case semconv.RecoveryAttemptsKey:
		s.recoveryAttempts = kv.Value.AsInt64()
	}
}

// draft begins a record about an ended span.
func (s *seen) draft(span sdktrace.ReadOnlySpan, kind string) *draft {
	d := newDraft(span, kind)
	d.Time = span.EndTime()
	d.Session = s.session
	d.Phase = s.phase
	return d
}

// attemptEnded writes failed attempts, successes after failures, and every recovery attempt and fallback. A phase's
// own first try is the attempt that belongs to no operation.
func (l *EventLog) attemptEnded(span sdktrace.ReadOnlySpan, s *seen) {
	if l.tally != nil && s.kind == semconv.KindAttempt && s.result != semconv.ResultSuccess {
		l.tally.failed(s.operation, span.EndTime())
	}
	number := strconv.FormatInt(s.attempt, 10)
	switch {
	case s.kind == semconv.KindFallback:
		l.attempt(span, s, events.TypeFallback, "Fallback failed: ", "Fallback successful")
	case s.kind == semconv.KindRecovery:
		l.attempt(span, s, events.TypeRecovery,
			"Recovery attempt "+number+": ", "Recovery successful on attempt "+number)
	case s.result != semconv.ResultSuccess && s.operation == "":
		l.attempt(span, s, events.TypePhaseFailed, "Phase attempt "+number+": ", "")
	case s.result != semconv.ResultSuccess:
		l.attempt(span, s, events.TypeAttempt, "Autocorrect attempt "+number+": ", "")
	case s.attempt > 1 && s.operation != "":
		l.attempt(span, s, events.TypeRecovered, "", "Autocorrect successful on attempt "+number+": "+s.operation)
	}
}

// attempt writes one attempt. failed is what its message begins with when it failed, succeeded its whole message
// otherwise. The order of the details is the schema's.
func (l *EventLog) attempt(span sdktrace.ReadOnlySpan, s *seen, kind, failed, succeeded string) {
	d := s.draft(span, kind)
	d.add(events.Int(events.KeyAttemptNumber, s.attempt))
	var text string
	if s.result == semconv.ResultSuccess {
		d.Message = succeeded
	} else {
		d.Level = events.LevelError
		if s.result == semconv.ResultRetrying || s.allowed {
			d.Level = events.LevelWarning
		}
		text = d.failure(failed, cmp.Or(s.operation, s.phase), span, s)
	}
	d.add(events.String(events.KeyResult, s.result))
	d.text(events.KeyOutcome, s.outcome)
	if s.allowed && s.result == semconv.ResultFailed {
		d.add(events.Bool(events.KeyAllowed, true))
	}
	d.text(events.KeyOperation, s.operation)
	d.text(events.KeyError, text)
	d.text(events.KeyErrorType, s.errorType)
	d.add(events.Float(events.KeyDelay, s.delay))
	if s.hasNext {
		d.add(events.Float(events.KeyNextDelay, s.nextDelay))
	}
	d.add(duration(span))
	if s.limited {
		d.add(events.Int(events.KeyMaxRetries, s.maxRetries))
	}
	if s.maxElapsed > 0 {
		d.add(events.Float(events.KeyMaxElapsed, s.maxElapsed))
	}
	if s.depth > 0 {
		d.add(events.Int(events.KeyDepth, s.depth))
	}
	d.text(events.KeyParentOperation, s.parent)
	if s.after > 0 {
		d.add(events.Float(events.KeyAfter, s.after))
	}
	if s.outcome == semconv.OutcomeBudget {
		d.text(events.KeyBudget, s.budget)
	}
	d.text(events.KeyCommand, s.command)
	d.dryRun(s)
	l.write(d)
}

// duration is how long a span took.
func duration(span sdktrace.ReadOnlySpan) events.Field {
	took := span.EndTime().Sub(span.StartTime()).Round(time.Microsecond)
	return events.Float(events.KeyDuration, took.Seconds())
}

// text adds a text unless it is empty.
func (d *draft) text(key, value string) {
	if value != "" {
		d.add(events.String(key, value))
	}
}

// failure sets the message "<prefix>Error in <what>: <text>", adds the reason, which is the message without prefix,
// and returns the text.
func (d *draft) failure(prefix, what string, span sdktrace.ReadOnlySpan, s *seen) (text string) {
	text = cmp.Or(span.Status().Description, s.errorType, "unknown error")
	d.Message = prefix + "Error in " + what + ": " + text
	d.add(events.String(events.KeyReason, d.Message[len(prefix):])) // allocates nothing
	return text
}

// mayStop reports whether an operation may end with outcome after its last attempt had ended: in a wait, or by a panic
// of AfterAttempt.
func mayStop(outcome string) bool {
	switch outcome {
	case semconv.OutcomeCancelled, semconv.OutcomeDeadline, semconv.OutcomePanic:
		return true
	}
	return false
}

// operationEnded writes an operation that ended after its last attempt had: what that says of itself, "retrying" most
// often, is not how the operation ended, and no other record says so.
func (l *EventLog) operationEnded(span sdktrace.ReadOnlySpan, s *seen) {
	if s.skipped != "" {
		l.operationSkipped(span, s)
		return
	}
	result := s.outcome
	switch {
	case !mayStop(s.outcome):
		return
	case s.outcome == semconv.OutcomePanic:
		result = s.result
	case !s.hasNext:
		result = ""
	}
	if result == "" { // its last attempt said that it was the last, or there was none
		return
	}
	d := s.draft(span, events.TypeStopped)
	d.Level = events.LevelError
	d.add(events.Int(events.KeyAttemptNumber, s.attempts))
	text := d.failure("Autocorrect stopped: ", s.operation, span, s)
	d.add(events.String(events.KeyResult, result), events.String(events.KeyOutcome, s.outcome),
		events.String(events.KeyOperation, s.operation))
	d.text(events.KeyError, text)
	d.text(events.KeyErrorType, s.errorType)
	d.dryRun(s)
	l.write(d)
}

// operationSkipped writes an operation that had nothing to do.
func (l *EventLog) operationSkipped(span sdktrace.ReadOnlySpan, s *seen) {
	d := s.draft(span, events.TypeSkipped)
	d.Message = "Operation " + s.operation + " skipped: " + s.skipped
	d.add(events.Int(events.KeyAttemptNumber, s.attempts), events.String(events.KeyReason, s.skipped),
		events.String(events.KeyResult, semconv.StatusSkipped),
		events.String(events.KeyOperation, s.operation), duration(span))
	d.dryRun(s)
	l.write(d)
}

// started writes the start of a run or phase.
func (l *EventLog) started(frame scope.Frame, span sdktrace.ReadWriteSpan) {
	var s seen
	s.read(span.Attributes())
	s.kind = frame.Starting
	if s.kind == semconv.KindPhase && s.status != "" || frame.Resumed { // skipped, or told by the process before
		return
	}
	d := newDraft(span, events.TypeRunStart)
	d.Time = span.StartTime()
	d.Session = frame.Session
	d.about(span, &s, events.TypePhaseStart)
	d.Message += "started"
	l.write(d)
}

// about adds to a record which run or phase it is about. Message then needs only what happened. phaseType is the type
// of the record when that is a phase.
func (d *draft) about(span sdktrace.ReadOnlySpan, s *seen, phaseType string) {
	switch {
	case s.kind == semconv.KindPhase:
		d.Type, d.Phase = phaseType, span.Name()
		d.Message = "Phase " + span.Name() + " "
	case s.dryRun:
		d.Message = "Dry run of " + span.Name() + " "
	default:
		d.Message = "Run " + span.Name() + " "
	}
	if s.kind == semconv.KindRun {
		s.pipeline = cmp.Or(s.pipeline, span.Name())
	}
	d.text(events.KeyPipeline, s.pipeline)
	d.dryRun(s)
}

// dryRun adds that it was a dry run.
func (d *draft) dryRun(s *seen) {
	if s.dryRun {
		d.add(events.Bool(events.KeyDryRun, true))
	}
}

// gaveUp is the outcome of what was given up, as the event at the end of its span says; else empty.
func gaveUp(span sdktrace.ReadOnlySpan) string {
	for _, event := range slices.Backward(span.Events()) {
		if event.Name != semconv.GaveUpEvent {
			continue
		}
		for _, kv := range event.Attributes {
			if kv.Key == semconv.OutcomeKey {
				return kv.Value.AsString()
			}
		}
	}
	return ""
}

// ended writes the end of a run or phase.
func (l *EventLog) ended(span sdktrace.ReadOnlySpan, s *seen) {
	status := span.Status()
	if s.status == "" { // another instrumentation did not set it
		s.status = semconv.StatusSuccess
		if status.Code == codes.Error {
			s.status = semconv.StatusFailed
		}
	}
	d := s.draft(span, events.TypeRunEnd)
	d.about(span, s, events.TypePhaseEnd)
	d.Message += "ended: "
	switch text := cmp.Or(status.Description, s.why); {
	case s.fellBack:
		d.Message += s.status + " by its fallback"
	case text == "":
		d.Message += s.status
	case s.status == semconv.StatusCancelled:
		d.Message += text // "cancelled after 2 attempts: …"
	case s.allowed:
		d.Message += s.status + ", allowed: " + text
	default:
		d.Message += s.status + ": " + text
	}
	switch {
	case s.allowed:
		d.Level = events.LevelWarning
	case status.Code == codes.Error || s.status == semconv.StatusFailed:
		d.Level = events.LevelError
	}
	d.text(events.KeyReason, s.why)
	d.add(events.String(events.KeyResult, s.status))
	d.text(events.KeyOutcome, gaveUp(span))
	if s.allowed {
		d.add(events.Bool(events.KeyAllowed, true))
	}
	d.text(events.KeyError, status.Description)
	d.text(events.KeyErrorType, s.errorType)
	d.add(duration(span))
	if s.recovered {
		d.add(events.String(events.KeyRecoveryMessage, s.recoveryMessage))
		d.add(events.Int(events.KeyRecoveryAttempts, s.recoveryAttempts))
	}
	if s.fellBack {
		d.add(events.Bool(events.KeyFallback, true))
	}
	l.write(d)
}
