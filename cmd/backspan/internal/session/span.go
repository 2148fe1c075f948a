package session

import (
	"cmp"
	"math"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/semconv"
)

// A Span is one span, whatever it was read from.
type Span struct {
	Kind     string // a semconv.Kind constant; empty for a span that is not Backspan's
	Name     string
	TraceID  trace.TraceID
	SpanID   trace.SpanID
	ParentID trace.SpanID // zero: it has no parent
	Start    time.Time    // zero: not known
	End      time.Time    // zero: it has not ended, or its end was not recorded
	Unbegun  bool         // its beginning was not recorded; Start is the first time known of it

	Status     codes.Code
	StatusText string // with codes.Error: what went wrong

	Attributes []attribute.KeyValue
	Events     []Event
}

// An Event is something that happened at one time of a span.
type Event struct {
	Name       string
	Time       time.Time
	Attributes []attribute.KeyValue
}

// FromSDK copies what s holds now; s may still be running.
func FromSDK(s sdktrace.ReadOnlySpan) Span {
	status, sc := s.Status(), s.SpanContext()
	span := Span{
		Name:       s.Name(),
		TraceID:    sc.TraceID(),
		SpanID:     sc.SpanID(),
		ParentID:   s.Parent().SpanID(),
		Start:      s.StartTime(),
		End:        s.EndTime(),
		Status:     status.Code,
		StatusText: status.Description,
		Attributes: s.Attributes(),
	}
	for _, e := range s.Events() {
		span.Events = append(span.Events, Event{e.Name, e.Time, e.Attributes})
	}
	span.Kind = span.Text(semconv.KindKey)
	return span
}

func (s *Span) get(key attribute.Key) (v attribute.Value) {
	for i := range s.Attributes {
		if s.Attributes[i].Key == key {
			return s.Attributes[i].Value
		}
	}
	return v
}

// Text is a text attribute; "" when it is missing or of another type.
func (s *Span) Text(key attribute.Key) string {
	if v := s.get(key); v.Type() == attribute.STRING {
		return v.AsString()
	}
	return ""
}

// Number is a whole-number attribute; ok is false when it is missing or something else. A float counts when it is
// whole, because other writers of JSON make no difference.
func (s *Span) Number(key attribute.Key) (n int, ok bool) {
	switch v := s.get(key); v.Type() {
	case attribute.INT64:
		return int(v.AsInt64()), true
	case attribute.FLOAT64:
		if f := v.AsFloat64(); f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			return int(f), true
		}
	}
	return 0, false
}

// Seconds is an attribute in seconds, as a duration from 0 to a century, which all that is longer counts as; ok is
// false when it is missing, negative or no number.
func (s *Span) Seconds(key attribute.Key) (d time.Duration, ok bool) {
	switch v := s.get(key); v.Type() {
	case attribute.INT64:
		return seconds(float64(v.AsInt64()))
	case attribute.FLOAT64:
		return seconds(v.AsFloat64())
	}
	return 0, false
}

// seconds is f seconds as Span.Seconds returns them.
func seconds(f float64) (time.Duration, bool) {
	const century = 100 * 365 * 24 * time.Hour
	if !(f >= 0) { // NaN too
		return 0, false
	}
	return time.Duration(math.Round(min(f, century.Seconds()) * float64(time.Second))), true
}

// Flag is a bool attribute; false when it is missing or of another type.
func (s *Span) Flag(key attribute.Key) bool {
	v := s.get(key)
	return v.Type() == attribute.BOOL && v.AsBool()
}

// Ours reports whether Backspan started s.
func Ours(s sdktrace.ReadOnlySpan) bool { return s.InstrumentationScope().Name == semconv.ScopeName }

// A Key tells spans apart.
type Key struct {
	Trace trace.TraceID
	Span  trace.SpanID
}

// KeyOf is the key of a span that runs here.
func KeyOf(sc trace.SpanContext) Key { return Key{sc.TraceID(), sc.SpanID()} }

// Key is the key of s.
func (s *Span) Key() Key { return Key{s.TraceID, s.SpanID} }

// IsTry reports whether s is one call: an attempt of an operation, or a try of a phase.
func (s *Span) IsTry() bool { return semconv.IsTry(s.Kind) }

// CanRetry reports whether s is made of tries: an operation or a phase.
func (s *Span) CanRetry() bool { return s.Kind == semconv.KindOperation || s.Kind == semconv.KindPhase }

// Failed reports whether s ended badly.
func (s *Span) Failed() bool { return s.Status == codes.Error }

// Failure says why s failed; "" when it did not, or does not say. It is not made safe to show.
func (s *Span) Failure() string {
	if !s.Failed() {
		return ""
	}
	return cmp.Or(s.StatusText, s.Text(semconv.ErrorTypeKey))
}

// Label names s. It tells the tenth attempt from the eleventh, whose spans share one name. It is not made safe to show.
func (s *Span) Label() string {
	if s.Kind == semconv.KindAttempt || s.Kind == semconv.KindRecovery {
		if number, ok := s.Number(semconv.AttemptKey); ok {
			return s.Kind + " " + strconv.Itoa(number)
		}
	}
	return s.Name
}
