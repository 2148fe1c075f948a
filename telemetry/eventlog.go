package telemetry

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"
)

// SessionVariable is the environment variable that hands the session of a process, a UUID, to its children.
const SessionVariable = "BACKSPAN_SESSION"

// An EventLog is a span processor that mirrors Backspan's spans into events.jsonl. Start makes one by itself; it
// is exported for programs with a TracerProvider of their own:
//
//	w, err := events.Open(events.DefaultPath, events.Options{})
//	provider := sdktrace.NewTracerProvider(
//		sdktrace.WithSampler(telemetry.Sampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(0.01)))),
//		sdktrace.WithSpanProcessor(telemetry.NewEventLog(w, "")), // before processors that may be slow to shut down
//		sdktrace.WithBatcher(telemetry.NewExporter(exporter, nil)),
//	)
//
// It also sets session.id on spans that are in no run. It never panics and writes only to w, which the caller closes
// after the provider's Shutdown. A span of other instrumentation costs it the comparison of a name.
type EventLog struct {
	// Redact changes the texts of records before a RecordWriter other than *events.Writer gets them; see
	// events.Record.Redact. It is called from many goroutines at once, and is set before the first span. Nil:
	// redact.Secrets. redact.Nothing turns redaction off. It does nothing for an *events.Writer.
	Redact func(string) string

	out     RecordWriter
	session sessionStamp
	redacts bool   // out does it
	alone   bool   // false below a mirror, which sets session.id and lets only Backspan's spans through
	tally   *tally // nil: successes are not counted
	closed  atomic.Bool
	told    atomic.Bool // of a panic
}

var _ sdktrace.SpanProcessor = (*EventLog)(nil)

// A RecordWriter takes the records of an EventLog: *events.Writer, most often, which redacts their texts as its Options
// say. Another one gets them redacted; see EventLog.Redact.
type RecordWriter interface {
	// Write is called on the goroutines of the spans, from many at once. The record is the writer's only until it
	// returns.
	Write(r *events.Record)
}

// NewEventLog returns an EventLog that writes to w. session is the UUID of the process's session; empty, it is taken
// from BACKSPAN_SESSION if that is a UUID, and made anew otherwise.
func NewEventLog(w RecordWriter, session string) *EventLog {
	l := newEventLog(w, session, true)
	l.tally = newTally()
	return l
}

func newEventLog(out RecordWriter, session string, alone bool) *EventLog {
	if session == "" {
		session = inheritedSession()
	}
	l := &EventLog{out: out, session: newSessionStamp(session), alone: alone}
	switch out.(type) {
	case *events.Writer, *noEventLog:
		l.redacts = true
	}
	return l
}

// inheritedSession is the session that a parent process handed on, else a new one.
func inheritedSession() string {
	if id, err := uuid.Parse(os.Getenv(SessionVariable)); err == nil {
		return id.String()
	}
	return uuid.NewString()
}

// Session returns the UUID of the process's session.
func (l *EventLog) Session() string { return l.session.id }

// OnStart sets session.id and writes the start of runs and phases.
func (l *EventLog) OnStart(parent context.Context, span sdktrace.ReadWriteSpan) {
	if l.closed.Load() {
		return
	}
	if l.alone {
		if !isBackspan(span) {
			countResend(parent, span)
			return
		}
		l.session.on(parent, span)
	}
	defer l.recovered()
	switch scope.Starting(parent) {
	case semconv.KindRun, semconv.KindPhase:
		l.started(scope.From(parent), span)
	case semconv.KindOperation:
		if l.tally != nil {
			l.tally.nested.enter(parent, span)
		}
	}
}

// OnEnd writes the record of an ended span, if it has one.
func (l *EventLog) OnEnd(span sdktrace.ReadOnlySpan) {
	if l.alone && !isBackspan(span) || l.closed.Load() {
		return
	}
	defer l.recovered()
	attributes := span.Attributes()
	if l.tally != nil {
		l.tally.ended(span, attributes)
	}
	if !uneventful(attributes) {
		l.record(span, attributes)
	}
	if l.tally != nil {
		l.writeTallies(span.EndTime(), false)
	}
}

// record writes the record of an ended span, if it has one.
func (l *EventLog) record(span sdktrace.ReadOnlySpan, attributes []attribute.KeyValue) {
	var s seen
	s.read(attributes)
	switch s.kind {
	case semconv.KindAttempt, semconv.KindRecovery, semconv.KindFallback:
		l.attemptEnded(span, &s)
	case semconv.KindOperation:
		l.operationEnded(span, &s)
	case semconv.KindPhase, semconv.KindRun:
		l.ended(span, &s)
	}
}

// ForceFlush does nothing: lines are written as spans end.
func (l *EventLog) ForceFlush(context.Context) error { return nil }

// Shutdown writes what was counted, and makes the EventLog ignore further spans. It leaves the Writer open: the code
// that opened it closes it, because a provider with a slow processor in front may never shut this one down.
func (l *EventLog) Shutdown(context.Context) error {
	if !l.closed.Swap(true) && l.tally != nil {
		defer l.recovered()
		l.writeTallies(time.Now(), true)
	}
	return nil
}

// recovered keeps a panic, of a redaction for example, from the host, on whose goroutine spans start and end.
func (l *EventLog) recovered() {
	if r := recover(); r != nil && !l.told.Swap(true) {
		handleError(fmt.Errorf("telemetry: the event log panicked: %v", r))
	}
}

// A draft is a record with an array for its details.
type draft struct {
	events.Record
	fields [14]events.Field
}

// drafts are pooled, so that the details are not allocated anew for each line.
var drafts = sync.Pool{New: func() any { return new(draft) }}

func newDraft(span sdktrace.ReadOnlySpan, kind string) *draft {
	d := drafts.Get().(*draft)
	d.Type = kind
	d.Level = events.LevelInfo
	d.TraceID = span.SpanContext().TraceID()
	d.SpanID = span.SpanContext().SpanID()
	d.Details = d.fields[:0]
	return d
}

func (d *draft) add(fields ...events.Field) { d.Details = append(d.Details, fields...) }

func (l *EventLog) write(d *draft) {
	if d.Session == "" {
		d.Session = l.session.id
	}
	if !l.redacts {
		d.Redact(l.Redact)
	}
	l.out.Write(&d.Record)
	*d = draft{}
	drafts.Put(d)
}
