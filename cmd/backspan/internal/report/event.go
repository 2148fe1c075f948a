package report

import (
	"cmp"
	"encoding/hex"
	"math"
	"strings"
	"time"

	"github.com/backspan/backspan/events"
)

// An event is what a page needs of one line of an events file.
type event struct {
	time                    time.Time
	session, kind, phase    string
	message                 string
	bad                     bool // its level is error
	trace                   [16]byte
	span                    [8]byte
	operation, reason       string
	result, errorType       string
	recovery                string // phase_end: what became of it
	number, recoveries      int
	fellBack                bool    // phase_end: its result is the fallback's
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
		session: l.Session().Text(), kind: l.Type().Text(), phase: l.Phase().Text(), message: l.Message().Text(),
		bad: l.Level().Is(events.LevelError), operation: text(events.KeyOperation), reason: text(events.KeyReason),
		result: text(events.KeyResult), errorType: text(events.KeyErrorType), recovery: text(events.KeyRecoveryMessage),
		number: whole(number(events.KeyAttemptNumber)), recoveries: whole(number(events.KeyRecoveryAttempts)),
		delay: number(events.KeyDelay), next: number(events.KeyNextDelay), took: number(events.KeyDuration),
		lost: number(events.KeyCount), fellBack: l.Detail(events.KeyFallback).Is("true"),
	}
	e.time, _ = l.Time()
	readID(e.trace[:], l.TraceID().Text())
	readID(e.span[:], l.SpanID().Text())
	if e.operation == "" {
		e.operation = operationIn(e.message)
	}
	e.reason = strings.TrimPrefix(e.reason, "Error in "+cmp.Or(e.operation, e.phase)+": ")
	return e
}

// readID leaves id zero when text is none.
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

// duration is a number of seconds; ok is false when it is none.
func duration(seconds float64) (d time.Duration, ok bool) {
	const century = 100 * 365 * 24 * 3600
	if !(seconds >= 0) {
		return 0, false
	}
	return time.Duration(min(seconds, century) * float64(time.Second)), true
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

// runName is the name in the sentences that say that a run started or ended: events have no other place for it.
func runName(message string) string {
	name := strings.TrimPrefix(message, "Run ")
	if cut, ok := strings.CutSuffix(name, " started"); ok {
		return cut
	}
	name, _, _ = strings.Cut(name, " ended: ")
	return name
}
