package telemetry

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"
)

// The keys of details that only runs and phases have.
const (
	KeyDuration         = "duration"          // run_end, phase_end: seconds
	KeyRecoveryMessage  = "recovery_message"  // phase_end: what became of the recovery
	KeyRecoveryAttempts = "recovery_attempts" // phase_end: how many there were
)

// seen is what the event log reads from a span's attributes.
type seen struct {
	kind, session, phase, operation, result, outcome, status, errorType string
	attempt, attempts                                                   int64
	delay, nextDelay                                                    float64
	hasNext                                                             bool
	recovered                                                           bool // a recovery was attempted
	recoveryMessage                                                     string
	recoveryAttempts                                                    int64
}

// uneventful says, in one look at the attributes in the order in which package retry sets them, that a span is one of the
// many about which nothing is written: a first attempt that succeeded, or an operation that was not stopped. Of a span
// that it does not know for one, it says no.
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
		case semconv.OutcomeKey:
			outcome := kv.Value.AsString()
			return kind == semconv.KindOperation && outcome != semconv.OutcomeCancelled && outcome != semconv.OutcomeDeadline
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
	case semconv.ErrorTypeKey:
		s.errorType = kv.Value.AsString()
	case semconv.AttemptKey:
		s.attempt = kv.Value.AsInt64()
	case semconv.AttemptsKey:
		s.attempts = kv.Value.AsInt64()
	case semconv.DelayKey:
		s.delay = kv.Value.AsFloat64()
	case semconv.NextDelayKey:
		s.nextDelay, s.hasNext = kv.Value.AsFloat64(), true
	case semconv.RecoveryAttemptedKey:
		s.recovered = kv.Value.AsBool()
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

// attemptEnded writes failed attempts, successes after failures, and every recovery. A phase's own first try is the
// attempt that belongs to no operation.
func (l *EventLog) attemptEnded(span sdktrace.ReadOnlySpan, s *seen) {
	switch {
	case s.kind == semconv.KindRecovery && span.Name() == semconv.FallbackName:
		l.attempt(span, s, events.TypeRecovery, "Fallback, attempt ", "Fallback successful on attempt ")
	case s.kind == semconv.KindRecovery:
		l.attempt(span, s, events.TypeRecovery, "Recovery attempt ", "Recovery successful on attempt ")
	case s.result == semconv.ResultSuccess && (s.attempt <= 1 || s.operation == ""):
	case s.result == semconv.ResultSuccess:
		l.attempt(span, s, events.TypeRecovered, "", "Autocorrect successful on attempt ")
	case s.operation == "":
		l.attempt(span, s, events.TypePhaseFailed, "Phase attempt ", "")
	default:
		l.attempt(span, s, events.TypeAttempt, "Autocorrect attempt ", "")
	}
}

// attempt writes one attempt. The order of the details is the schema's.
func (l *EventLog) attempt(span sdktrace.ReadOnlySpan, s *seen, kind, failed, succeeded string) {
	d := s.draft(span, kind)
	number := strconv.FormatInt(s.attempt, 10)
	what := cmp.Or(s.operation, s.phase)
	d.add(events.Int(events.KeyAttemptNumber, s.attempt))
	switch s.result {
	case semconv.ResultSuccess:
		d.Message = succeeded + number + ": " + what
		if kind == events.TypeRecovery {
			d.Message = succeeded + number // the words of the phase's result
		}
	default:
		d.Level = events.LevelError
		if s.result == semconv.ResultRetrying {
			d.Level = events.LevelWarning
		}
		var reason string
		d.Message, reason = failure(failed+number+": ", what, span, s)
		d.add(events.String(events.KeyReason, reason))
	}
	d.add(events.String(events.KeyResult, s.result))
	if s.operation != "" {
		d.add(events.String(events.KeyOperation, s.operation))
	}
	d.add(events.Float(events.KeyDelay, s.delay))
	if s.hasNext {
		d.add(events.Float(events.KeyNextDelay, s.nextDelay))
	}
	if s.errorType != "" {
		d.add(events.String(events.KeyErrorType, s.errorType))
	}
	l.write(d)
}

// failure returns "<prefix>Error in <what>: <text>" and, without another allocation, the reason in it.
func failure(prefix, what string, span sdktrace.ReadOnlySpan, s *seen) (message, reason string) {
	text := cmp.Or(span.Status().Description, s.errorType, "unknown error")
	message = prefix + "Error in " + what + ": " + text
	return message, message[len(prefix):]
}

// operationEnded writes an operation that was stopped during a wait: its last attempt said "retrying", and
// nothing else would say that no retry came.
func (l *EventLog) operationEnded(span sdktrace.ReadOnlySpan, s *seen) {
	if s.outcome != semconv.OutcomeCancelled && s.outcome != semconv.OutcomeDeadline {
		return
	}
	if s.attempts == 0 || waits(span) < s.attempts {
		return
	}
	d := s.draft(span, events.TypeStopped)
	d.Level = events.LevelError
	var reason string
	d.Message, reason = failure("Autocorrect stopped: ", s.operation, span, s)
	d.add(events.Int(events.KeyAttemptNumber, s.attempts), events.String(events.KeyReason, reason),
		events.String(events.KeyResult, s.outcome), events.String(events.KeyOperation, s.operation))
	if s.errorType != "" {
		d.add(events.String(events.KeyErrorType, s.errorType))
	}
	l.write(d)
}

// waits counts the waits that an operation began. What the span's limit on events dropped is the oldest, and waits.
func waits(span sdktrace.ReadOnlySpan) int64 {
	n := int64(span.DroppedEvents())
	for _, event := range span.Events() {
		if event.Name == semconv.ScheduledEvent {
			n++
		}
	}
	return n
}

// started writes the start of a run or phase.
func (l *EventLog) started(frame scope.Frame, span sdktrace.ReadWriteSpan) {
	kind, what := events.TypeRunStart, "Run "
	if frame.Starting == semconv.KindPhase {
		kind, what = events.TypePhaseStart, "Phase "
		if hasStatus(span) { // a phase that was skipped never started
			return
		}
	}
	d := newDraft(span, kind)
	d.Time = span.StartTime()
	d.Session = frame.Session
	if frame.Starting == semconv.KindPhase {
		d.Phase = span.Name()
	}
	d.Message = what + span.Name() + " started"
	l.write(d)
}

// hasStatus says whether the span of a phase knows how it ended.
func hasStatus(span sdktrace.ReadOnlySpan) bool {
	return slices.ContainsFunc(span.Attributes(), func(kv attribute.KeyValue) bool { return kv.Key == semconv.PhaseStatusKey })
}

// ended writes the end of a run or phase.
func (l *EventLog) ended(span sdktrace.ReadOnlySpan, s *seen) {
	kind, what := events.TypeRunEnd, "Run "
	if s.kind == semconv.KindPhase {
		kind, what = events.TypePhaseEnd, "Phase "
		s.phase = span.Name()
	}
	status := span.Status()
	if s.status == "" { // its instrumentation did not come to say it
		s.status = semconv.StatusSuccess
		if status.Code == codes.Error {
			s.status = semconv.StatusFailed
		}
	}
	d := s.draft(span, kind)
	d.Message = what + span.Name() + " ended: " + s.status
	if status.Code == codes.Error || s.status == semconv.StatusFailed {
		d.Level = events.LevelError
		more, said := strings.CutPrefix(status.Description, semconv.StatusCancelled+" ")
		switch {
		case said && s.status == semconv.StatusCancelled:
			d.Message += " " + more // "cancelled after 2 attempts: …"
		case status.Description != "":
			d.Message += ": " + status.Description
		}
	}
	d.add(events.String(events.KeyResult, s.status),
		events.Float(KeyDuration, span.EndTime().Sub(span.StartTime()).Round(time.Microsecond).Seconds()))
	if s.errorType != "" {
		d.add(events.String(events.KeyErrorType, s.errorType))
	}
	if s.recovered {
		d.add(events.String(KeyRecoveryMessage, s.recoveryMessage), events.Int(KeyRecoveryAttempts, s.recoveryAttempts))
	}
	l.write(d)
}
