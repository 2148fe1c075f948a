package session

import (
	"cmp"
	"encoding/hex"
	"math"
	"strings"
	"time"

	"github.com/backspan/backspan/events"
)

// An event is what a session needs of one line of an events file.
type event struct {
	time                    time.Time
	session, kind, phase    string
	bad                     bool // its level is error
	trace                   [16]byte
	span                    [8]byte
	pipeline, operation     string
	failure, errorType      string
	result, outcome         string
	why                     string // runs and phases: why they did not end well
	dryRun                  bool
	recovery                string // phase_end: what became of it
	fellBack                bool   // phase_end: its result is the fallback's
	number, recoveries      int
	delay, next, took, lost float64 // NaN: not said
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
		session: l.Session().Text(), kind: l.Type().Text(), phase: l.Phase().Text(), bad: l.Level().Is(events.LevelError),
		pipeline: text(events.KeyPipeline), operation: text(events.KeyOperation),
		failure:   cmp.Or(text(events.KeyError), text(events.KeyReason)), // logs of other writers have no error
		errorType: text(events.KeyErrorType), result: text(events.KeyResult), outcome: text(events.KeyOutcome),
		why: text(events.KeyReason), dryRun: l.Detail(events.KeyDryRun).Is("true"), recovery: text(events.KeyRecoveryMessage),
		fellBack: l.Detail(events.KeyFallback).Is("true"), number: whole(number(events.KeyAttemptNumber)),
		recoveries: whole(number(events.KeyRecoveryAttempts)), delay: number(events.KeyDelay),
		next: number(events.KeyNextDelay), took: number(events.KeyDuration), lost: number(events.KeyCount),
	}
	e.time, _ = l.Time()
	readID(e.trace[:], l.TraceID().Text())
	readID(e.span[:], l.SpanID().Text())
	if e.operation == "" {
		e.operation = operationIn(l.Message().Text())
	}
	return e
}

// readID leaves id zero when text is no id.
func readID(id []byte, text string) {
	if b, err := hex.DecodeString(text); err == nil && len(b) == len(id) {
		copy(id, b)
	}
}

// whole is a number of attempts, however strange it is in the file.
func whole(f float64) int {
	if !(f >= 0 && f <= math.MaxInt32) {
		return 0
	}
	return int(f)
}

// operationIn is the operation in the message of an event whose details have none, as the Python system wrote them that
// this format comes from: "Autocorrect attempt 1: Error in data_load: Connection timeout".
func operationIn(message string) string {
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
