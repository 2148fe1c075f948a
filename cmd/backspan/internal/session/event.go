package session

import (
	"cmp"
	"math"
	"strings"
	"time"

	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/internal/semconv"
)

// An event is what a session needs of one line of an events file.
type event struct {
	time                    time.Time
	session, kind, phase    string
	bad                     bool // its level is error
	trace                   [16]byte
	span                    [8]byte
	pipeline, operation     string
	command                 string // attempts of exec
	failure, errorType      string
	result, outcome         string
	why                     string // runs and phases: why they did not end well
	dryRun                  bool
	recovery                string // phase_end: what became of it
	allowed                 bool   // what failed was allowed to
	fellBack                bool   // phase_end: its result is the fallback's
	parent                  string // the operation around
	number, recoveries      int
	delay, next, took, lost float64 // NaN: not said
	retries, elapsed, depth float64 // attempts: NaN: not said
}

func eventOf(l *events.Line) event {
	text := func(key string) string { return l.Detail(key).Text() }
	number := func(key string) float64 {
		if f, ok := l.Detail(key).Float(); ok {
			return f
		}
		return math.NaN()
	}
	e := event{
		session: l.Session().Text(), kind: l.Type().Text(),
		phase: l.Phase().Text(), bad: l.Level().Is(events.LevelError),
		pipeline: text(events.KeyPipeline), operation: operationOf(l),
		command:   text(events.KeyCommand),
		failure:   cmp.Or(text(events.KeyError), text(events.KeyReason)), // logs of other writers have no error
		errorType: text(events.KeyErrorType), result: text(events.KeyResult), outcome: text(events.KeyOutcome),
		why: text(events.KeyReason), recovery: text(events.KeyRecoveryMessage),
		dryRun: l.Detail(events.KeyDryRun).Is("true"), allowed: l.Detail(events.KeyAllowed).Is("true"),
		fellBack: l.Detail(events.KeyFallback).Is("true"), number: whole(number(events.KeyAttemptNumber)),
		parent: text(events.KeyParentOperation), retries: number(events.KeyMaxRetries), depth: number(events.KeyDepth),
		elapsed:    number(events.KeyMaxElapsed),
		recoveries: whole(number(events.KeyRecoveryAttempts)), delay: number(events.KeyDelay),
		next: number(events.KeyNextDelay), took: number(events.KeyDuration), lost: number(events.KeyCount),
	}
	e.time, _ = l.Time()
	readID(e.trace[:], []byte(l.TraceID().Text()))
	readID(e.span[:], []byte(l.SpanID().Text()))
	return e
}

// ending is how an operation ended whose last attempt failed, so far as r says. Logs of other writers have no outcome.
func (r *event) ending() string {
	if r.outcome == "" && r.errorType == semconv.OutcomeCancelled {
		return semconv.OutcomeCancelled
	}
	return r.outcome
}

// whole is a number of attempts, however strange it is in the file.
func whole(f float64) int {
	if !(f >= 0 && f <= math.MaxInt32) {
		return 0
	}
	return int(f)
}

// operationOf is the operation that an event names. The Python system that this format comes from named it only in the
// message: "Autocorrect attempt 1: Error in data_load: Connection timeout".
func operationOf(l *events.Line) string {
	if name := l.Detail(events.KeyOperation).Text(); name != "" {
		return name
	}
	message := l.Message().Text()
	_, rest, found := strings.Cut(message, "Error in ")
	if !found || !strings.HasPrefix(message, "Autocorrect ") {
		return ""
	}
	name, _, found := strings.Cut(rest, ": ")
	if !found {
		return ""
	}
	return name
}
