package waterfall

import (
	"math"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/semconv"
)

// A Span is one span as the waterfall needs it, whatever it was read from.
type Span struct {
	Kind     string // a semconv.Kind constant; empty for a span that is not Backspan's
	Name     string
	TraceID  trace.TraceID
	SpanID   trace.SpanID
	ParentID trace.SpanID // zero: it has no parent
	Start    time.Time
	End      time.Time // zero: it has not ended, or nobody saw it end

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

// fromSDK copies what s holds now; s may still be running.
func fromSDK(s sdktrace.ReadOnlySpan) Span {
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

func (s *Span) get(key attribute.Key) (attribute.Value, bool) { return find(s.Attributes, key) }

func find(list []attribute.KeyValue, key attribute.Key) (attribute.Value, bool) {
	for _, kv := range list {
		if kv.Key == key {
			return kv.Value, true
		}
	}
	return attribute.Value{}, false
}

// Text is a text attribute; "" when it is missing or of another type.
func (s *Span) Text(key attribute.Key) string {
	v, _ := s.get(key)
	return asText(v)
}

func asText(v attribute.Value) string {
	if v.Type() != attribute.STRING {
		return ""
	}
	return v.AsString()
}

// Number is a whole-number attribute; ok is false when it is missing or something else.
func (s *Span) Number(key attribute.Key) (n int, ok bool) {
	v, _ := s.get(key)
	return asNumber(v)
}

// asNumber takes floats too: other writers of JSON make no difference.
func asNumber(v attribute.Value) (int, bool) {
	switch v.Type() {
	case attribute.INT64:
		return int(v.AsInt64()), true
	case attribute.FLOAT64:
		if f := v.AsFloat64(); f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			return int(f), true
		}
	}
	return 0, false
}

// Seconds is an attribute in seconds, as a duration from 0 to a century, which all that is longer counts as; ok is false
// when it is missing, negative or no number.
func (s *Span) Seconds(key attribute.Key) (d time.Duration, ok bool) {
	v, _ := s.get(key)
	return asSeconds(v)
}

func asSeconds(v attribute.Value) (time.Duration, bool) {
	const century = 100 * 365 * 24 * time.Hour
	var f float64
	switch v.Type() {
	case attribute.INT64:
		f = float64(v.AsInt64())
	case attribute.FLOAT64:
		f = v.AsFloat64()
	default:
		return 0, false
	}
	if !(f >= 0) { // NaN too
		return 0, false
	}
	return time.Duration(math.Round(min(f, century.Seconds()) * float64(time.Second))), true
}

// Flag is a bool attribute; false when it is missing or of another type.
func (s *Span) Flag(key attribute.Key) bool {
	v, _ := s.get(key)
	return v.Type() == attribute.BOOL && v.AsBool()
}

// IsTry reports whether it is one call: an attempt of an operation, or a try of a phase.
func (s *Span) IsTry() bool {
	return semconv.IsTry(s.Kind)
}

// Failed reports whether it ended badly.
func (s *Span) Failed() bool { return s.Status == codes.Error }
