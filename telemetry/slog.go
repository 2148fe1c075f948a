package telemetry

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/internal/semconv"
)

// A Slog is a span processor that logs what was retried to a slog.Handler, for programs whose operators read logs:
//
//	t, err := telemetry.Start(ctx, telemetry.Config{
//		Processors: []sdktrace.SpanProcessor{telemetry.NewSlog(slog.Default().Handler(), nil)},
//	})
//
// A failed attempt is DEBUG, what recovered or fell back INFO. What was given up is one WARN, of the outermost loop or
// run; what is given up within it is DEBUG, as it may yet be recovered. What succeeded at once is not logged. Each has
// trace_id and span_id, and its context the span's, so that handlers which look there (otelslog's) find it.
//
// The handler is called on the goroutine that ends the span. Its panics are caught. OpenTelemetry's error handler is
// told of the first panic or error.
type Slog struct {
	handler slog.Handler
	mask    func(string) string
	told    atomic.Bool // of a panic or an error
}

var _ sdktrace.SpanProcessor = (*Slog)(nil)

// NewSlog returns a processor that logs to handler; nil: that of slog.Default. redact changes names and error texts;
// nil: redact.Secrets. Texts of spans that come by Config.Processors are masked before, which does no harm.
func NewSlog(handler slog.Handler, redact func(string) string) *Slog {
	if handler == nil {
		handler = slog.Default().Handler()
	}
	return &Slog{handler: handler, mask: orSecrets(redact)}
}

// OnStart does nothing.
func (l *Slog) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd logs an ended span, if there is something to say about it.
func (l *Slog) OnEnd(span sdktrace.ReadOnlySpan) {
	if !isBackspan(span) {
		return
	}
	defer func() {
		if r := recover(); r != nil {
			l.tell(fmt.Errorf("telemetry: the slog.Handler panicked: %v", r))
		}
	}()
	var s seen
	s.read(span.Attributes())
	level, message := said(span, &s)
	ctx := trace.ContextWithSpanContext(context.Background(), span.SpanContext())
	if message == "" || !l.handler.Enabled(ctx, level) {
		return
	}
	record := slog.NewRecord(span.EndTime(), level, l.mask(message), 0)
	record.AddAttrs(l.attributes(span, &s)...)
	if err := l.handler.Handle(ctx, record); err != nil {
		l.tell(fmt.Errorf("telemetry: the slog.Handler: %w", err))
	}
}

// ForceFlush does nothing: records are handed on as spans end.
func (l *Slog) ForceFlush(context.Context) error { return nil }

// Shutdown does nothing: the handler is the user's.
func (l *Slog) Shutdown(context.Context) error { return nil }

// tell hands the first error to OpenTelemetry's error handler. There may be one for each span.
func (l *Slog) tell(err error) {
	if !l.told.Swap(true) {
		handleError(err)
	}
}

// said is what the log says of an ended span: nothing when it is of no interest.
func said(span sdktrace.ReadOnlySpan, s *seen) (slog.Level, string) {
	switch s.kind {
	case semconv.KindAttempt, semconv.KindRecovery, semconv.KindFallback:
		if s.result != semconv.ResultSuccess {
			return slog.LevelDebug, span.Name() + " of " + cmp.Or(s.operation, "phase "+s.phase) + " failed"
		}
	case semconv.KindOperation:
		switch s.outcome {
		case semconv.OutcomeSuccess:
		case semconv.OutcomeRecovered:
			return slog.LevelInfo, fmt.Sprintf("%s recovered at attempt %d", s.operation, s.attempts)
		case semconv.OutcomeCancelled:
			return slog.LevelDebug, s.operation + " was cancelled"
		default:
			level := slog.LevelWarn
			if s.depth > 0 || s.phase != "" || s.allowed {
				level = slog.LevelDebug // what is around it goes on, or says it
			}
			return level, fmt.Sprintf("%s gave up at attempt %d", s.operation, s.attempts)
		}
	case semconv.KindPhase:
		switch {
		case s.fellBack:
			return slog.LevelInfo, "phase " + span.Name() + " fell back"
		case s.status == semconv.StatusFailed:
			return slog.LevelDebug, "phase " + span.Name() + " failed"
		case s.status == semconv.StatusSuccess && s.recovered:
			return slog.LevelInfo, "phase " + span.Name() + " recovered"
		}
	case semconv.KindRun:
		if s.status == semconv.StatusFailed {
			return slog.LevelWarn, "run " + span.Name() + " failed"
		}
	}
	return 0, ""
}

// attributes have the names of the details of events.jsonl.
func (l *Slog) attributes(span sdktrace.ReadOnlySpan, s *seen) []slog.Attr {
	list := make([]slog.Attr, 0, 14)
	text := func(key, value string) {
		if value != "" {
			list = append(list, slog.String(key, value))
		}
	}
	text(events.KeyOperation, l.mask(s.operation))
	text("phase", l.mask(s.phase))
	if s.attempt > 0 {
		list = append(list, slog.Int64(events.KeyAttemptNumber, s.attempt), slog.Float64(events.KeyDelay, s.delay))
	}
	if s.hasNext {
		list = append(list, slog.Float64(events.KeyNextDelay, s.nextDelay))
	}
	text(events.KeyOutcome, cmp.Or(s.outcome, gaveUp(span)))
	text(events.KeyError, l.mask(span.Status().Description))
	text(events.KeyErrorType, s.errorType)
	if s.dryRun {
		list = append(list, slog.Bool(events.KeyDryRun, true))
	}
	took := span.EndTime().Sub(span.StartTime())
	list = append(list, slog.Float64(events.KeyDuration, took.Seconds()))
	text("session_id", s.session)
	text("trace_id", span.SpanContext().TraceID().String())
	text("span_id", span.SpanContext().SpanID().String())
	return list
}
