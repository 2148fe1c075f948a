package telemetry

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/semconv"
)

// logging is a provider with a Slog, and what it has logged as text without time, ids and durations.
func logging(level slog.Level) (trace.TracerProvider, func() string) {
	var out bytes.Buffer
	without := func(_ []string, a slog.Attr) slog.Attr {
		switch a.Key {
		case slog.TimeKey, "trace_id", "span_id", "duration":
			return slog.Attr{}
		}
		return a
	}
	handler := slog.NewTextHandler(&out, &slog.HandlerOptions{Level: level, ReplaceAttr: without})
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(NewSlog(handler, nil)))
	return tp, func() string { defer out.Reset(); return strings.TrimSpace(out.String()) }
}

func TestWhatSlogIsTold(t *testing.T) {
	for _, c := range []struct {
		name, kind, failure string
		attributes          []attribute.KeyValue
		want                string
	}{
		{"load", semconv.KindOperation, "", ofOperation("load", semconv.OutcomeSuccess, 1), ""},
		{
			"load", semconv.KindOperation, "", ofOperation("load", semconv.OutcomeRecovered, 3),
			`level=INFO msg="load recovered at attempt 3" operation=load outcome=recovered`,
		},
		{
			"load", semconv.KindOperation, "gave up after 4 attempts: password=hunter22",
			ofOperation("load", semconv.OutcomeExhausted, 4, semconv.ErrorTypeKey.String("timeout"),
				semconv.SessionIDKey.String("s")),
			`level=WARN msg="load gave up at attempt 4" operation=load outcome=exhausted ` +
				`error="gave up after 4 attempts: password=***" error_type=timeout session_id=s`,
		},
		{
			"load", semconv.KindOperation, "x",
			ofOperation("load", semconv.OutcomeExhausted, 4, semconv.DepthKey.Int(1)),
			`level=DEBUG msg="load gave up at attempt 4" operation=load outcome=exhausted error=x`,
		},
		{
			"load", semconv.KindOperation, "x",
			ofOperation("load", semconv.OutcomeExhausted, 4, semconv.PhaseNameKey.String("p")),
			`level=DEBUG msg="load gave up at attempt 4" operation=load phase=p outcome=exhausted error=x`,
		},
		{
			"load", semconv.KindOperation, "", ofOperation("load", semconv.OutcomeCancelled, 1),
			`level=DEBUG msg="load was cancelled" operation=load outcome=cancelled`,
		},
		{
			"attempt 2", semconv.KindAttempt, "refused",
			[]attribute.KeyValue{
				semconv.OperationKey.String("load"), semconv.AttemptKey.Int(2), semconv.DelayKey.Float64(1.5),
				semconv.ResultKey.String(semconv.ResultRetrying), semconv.NextDelayKey.Float64(3),
			},
			`level=DEBUG msg="attempt 2 of load failed" ` +
				`operation=load attempt_number=2 delay=1.5 next_delay=3 error=refused`,
		},
		{
			"recovery 1", semconv.KindRecovery, "refused",
			[]attribute.KeyValue{
				semconv.PhaseNameKey.String("p"), semconv.AttemptKey.Int(1),
				semconv.ResultKey.String(semconv.ResultFailed),
				semconv.OutcomeKey.String(semconv.OutcomeExhausted), semconv.RunDryRunKey.Bool(true),
			},
			`level=DEBUG msg="recovery 1 of phase p failed" phase=p attempt_number=1 ` +
				`delay=0 outcome=exhausted error=refused dry_run=true`,
		},
		{
			"p", semconv.KindPhase, "", ofPhase(semconv.StatusSuccess, semconv.RecoveryAttemptedKey.Bool(true)),
			`level=INFO msg="phase p recovered" phase=p`,
		},
		{
			"p", semconv.KindPhase, "", ofPhase(semconv.StatusSuccess, semconv.PhaseFallbackKey.Bool(true)),
			`level=INFO msg="phase p fell back" phase=p`,
		},
		{"p", semconv.KindPhase, "", ofPhase(semconv.StatusSuccess), ""},
		{"p", semconv.KindPhase, "", ofPhase(semconv.StatusSkipped), ""},
		{
			"p", semconv.KindPhase, "x", ofPhase(semconv.StatusFailed),
			`level=DEBUG msg="phase p failed" phase=p error=x`,
		},
		{
			"nightly", semconv.KindRun, "x",
			[]attribute.KeyValue{semconv.RunStatusKey.String(semconv.StatusFailed)},
			`level=WARN msg="run nightly failed" error=x`,
		},
		{"nightly", semconv.KindRun, "", []attribute.KeyValue{semconv.RunStatusKey.String(semconv.StatusSuccess)}, ""},
	} {
		tp, logged := logging(slog.LevelDebug)
		_, span := begin(t.Context(), tp, c.kind, c.name)
		end(span, c.kind, c.failure, c.attributes...)
		if got := logged(); got != c.want {
			t.Errorf("%s %s %v:\n got %s\nwant %s", c.kind, c.name, c.attributes, got, c.want)
		}
	}
}

func ofOperation(name, outcome string, attempts int, more ...attribute.KeyValue) []attribute.KeyValue {
	return append(more, semconv.OperationKey.String(name), semconv.OutcomeKey.String(outcome),
		semconv.AttemptsKey.Int(attempts))
}

func ofPhase(status string, more ...attribute.KeyValue) []attribute.KeyValue {
	return append(more, semconv.PhaseNameKey.String("p"), semconv.PhaseStatusKey.String(status))
}

// keeper is a handler that keeps what it is called with.
type keeper struct {
	slog.Handler
	ctx    context.Context
	record slog.Record
	fail   func() error
}

func (k *keeper) Enabled(context.Context, slog.Level) bool { return true }

func (k *keeper) Handle(ctx context.Context, r slog.Record) error {
	k.ctx, k.record = ctx, r
	return k.fail()
}

// A log record leads to its span: by its attributes, by its context, and by its time.
func TestSlogLeadsToTheSpan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keeper{fail: func() error { return nil }}
		tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(NewSlog(k, nil)))
		_, span := begin(t.Context(), tp, semconv.KindOperation, "load")
		time.Sleep(3 * time.Second)
		end(span, semconv.KindOperation, "", ofOperation("load", semconv.OutcomeRecovered, 2)...)
		if got := trace.SpanContextFromContext(k.ctx); !got.Equal(span.SpanContext()) {
			t.Errorf("the context's span is %v", got)
		}
		if !k.record.Time.Equal(time.Now()) {
			t.Errorf("time %v, want that of the span's end", k.record.Time)
		}
		found := map[string]string{}
		k.record.Attrs(func(a slog.Attr) bool { found[a.Key] = a.Value.String(); return true })
		if found["trace_id"] != span.SpanContext().TraceID().String() ||
			found["span_id"] != span.SpanContext().SpanID().String() || found["duration"] != "3" {
			t.Errorf("attributes %v", found)
		}
	})
}

func TestSlogSparesTheProgram(t *testing.T) {
	told := collectErrors(t)
	for _, fail := range []func() error{
		func() error { panic("no disk") }, func() error { return errors.New("no disk") },
	} {
		tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(NewSlog(&keeper{fail: fail}, nil)))
		for range 3 {
			_, span := begin(t.Context(), tp, semconv.KindOperation, "load")
			end(span, semconv.KindOperation, "", ofOperation("load", semconv.OutcomeRecovered, 2)...)
		}
	}
	got := told.errs
	if len(got) != 2 || !strings.Contains(got[0].Error(), "panicked: no disk") ||
		!strings.Contains(got[1].Error(), "no disk") {
		t.Errorf("told %q, want one error of each handler", got)
	}
}

// What a handler does not want costs nothing but the question.
func TestSlogAsksFirst(t *testing.T) {
	tp, logged := logging(slog.LevelWarn)
	attempt(t.Context(), tp, "load", 1, semconv.ResultRetrying, "refused")
	_, span := begin(t.Context(), tp, semconv.KindOperation, "load")
	end(span, semconv.KindOperation, "", ofOperation("load", semconv.OutcomeRecovered, 2)...)
	if got := logged(); got != "" {
		t.Errorf("logged %s", got)
	}
}
