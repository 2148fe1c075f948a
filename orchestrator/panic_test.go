package orchestrator_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrytest"
)

type angry struct{}

func (angry) MarshalJSON() ([]byte, error) { panic("will not be marshalled") }

type nilError struct{ text string }

func (e *nilError) Error() string { return e.text } // panics for a nil pointer

func deepPanic(context.Context, orchestrator.Input) (any, error) {
	panic(fmt.Errorf("row 7: %w", io.ErrUnexpectedEOF))
}

// Whatever a phase function does to end its goroutine or to spoil its result ends its phase and nothing else.
func TestPhasesThatEndBadly(t *testing.T) {
	type node struct{ Next *node }
	cycle := &node{}
	cycle.Next = cycle
	var none *nilError
	for _, c := range []struct {
		name      string
		run       orchestrator.PhaseFunc
		error     string
		errorType string
		is        error
		permanent bool
	}{
		{
			"panic", func(context.Context, orchestrator.Input) (any, error) { panic("a bug") }, "panic: a bug",
			"panic", nil, true,
		},
		{"panic with an error", deepPanic, "panic: row 7: unexpected EOF", "panic", io.ErrUnexpectedEOF, true},
		{"out of range", func(_ context.Context, in orchestrator.Input) (any, error) {
			return []int{}[in.Attempt], nil
		}, "panic: runtime error: index out of range [0] with length 0", "panic", nil, true},
		{
			"goexit", func(context.Context, orchestrator.Input) (any, error) { runtime.Goexit(); return nil, nil },
			"the phase called runtime.Goexit", "goexit", nil, true,
		},
		{
			"error whose method panics", fails(none), "*orchestrator_test.nilError (its Error method panicked",
			"*orchestrator_test.nilError", nil, false,
		},
		{
			"empty error", fails(errors.New("")), "*errors.errorString without a message",
			"*errors.errorString", nil, false,
		},
		{"not UTF-8", fails(errors.New("a\xffb")), "a\uFFFDb", "*errors.errorString", nil, false},
		{
			"NaN", ok(math.NaN()), "the result does not marshal to JSON: json: unsupported value: NaN",
			"*json.UnsupportedValueError", nil, true,
		},
		{
			"chan", ok(make(chan int)), "the result does not marshal to JSON: json: unsupported type: chan int",
			"*json.UnsupportedTypeError", nil, true,
		},
		{
			"func in a map", ok(map[string]any{"f": func() {}}),
			"the result does not marshal to JSON: json: unsupported type: func()",
			"*json.UnsupportedTypeError", nil, true,
		},
		{
			"cycle", ok(cycle), "the result does not marshal to JSON: json: unsupported value: encountered a cycle",
			"*json.UnsupportedValueError", nil, true,
		},
		{"marshaller panics", ok(angry{}), "panic: will not be marshalled", "panic", nil, true},
		{
			"bad raw message", ok(json.RawMessage("{")),
			"the result does not marshal to JSON: json: error calling MarshalJSON", "*json.MarshalerError", nil, true,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, rec := retrytest.Record(t, t.Context())
			p := pipeline(orchestrator.Phase{Name: "a", Run: c.run, Recovery: &retry.Policy{MaxRetries: 1}},
				orchestrator.Phase{Name: "b", Run: ok(1)})
			report, err := p.Run(retrytest.NoWait(ctx),
				orchestrator.Options{EnableRecovery: true, ContinueOnError: true})
			equal(t, "statuses", statuses(report), "a=failed b=success")
			equal(t, "recovery was tried", report.Phases[0].Recovery != nil, !c.permanent)
			if got := report.Phases[0].Error; !strings.HasPrefix(got, c.error) {
				t.Errorf("error: got %q, want %q", got, c.error)
			}
			if err == nil || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("error %v, want %v", err, c.is)
			}
			for _, s := range rec.Spans() {
				if s.Name() == "attempt 1" && s.Status().Description != "" {
					if got := attributeOf(s.Attributes(), semconv.ErrorTypeKey).AsString(); got != c.errorType {
						t.Errorf("error.type: got %q, want %q", got, c.errorType)
					}
				}
				if s.Name() == "a" {
					equal(t, "the phase's error.type",
						attributeOf(s.Attributes(), semconv.ErrorTypeKey).AsString(), c.errorType)
				}
			}
			checkSpans(t, report, rec)
		})
	}
}

func attributeOf(list []attribute.KeyValue, key attribute.Key) attribute.Value {
	for _, kv := range list {
		if kv.Key == key {
			return kv.Value
		}
	}
	return attribute.Value{}
}

func TestPanicIsPermanentUnlessThePolicyThinksOtherwise(t *testing.T) {
	for _, c := range []struct {
		name      string
		retryable func(error) bool
		calls     int
		status    orchestrator.Status
		is        error
	}{
		{"no Retryable", nil, 1, failed, retry.ErrPermanent},
		{"retryable", func(err error) bool { return strings.HasPrefix(err.Error(), "panic: ") }, 3, success, nil},
		{"not retryable", func(error) bool { return false }, 1, failed, retry.ErrNotRetryable},
	} {
		t.Run(c.name, func(t *testing.T) {
			calls := 0
			p := pipeline(orchestrator.Phase{
				Name: "a", Recovery: &retry.Policy{Retryable: c.retryable},
				Run: func(_ context.Context, in orchestrator.Input) (any, error) {
					if calls++; in.Attempt < 2 {
						panic("not yet")
					}
					return nil, nil
				},
			})
			report, err := p.Run(retrytest.NoWait(t.Context()), recovering)
			equal(t, "calls", calls, c.calls)
			equal(t, "status", report.Status, c.status)
			if !errors.Is(err, c.is) {
				t.Errorf("error %v, want %v", err, c.is)
			}
		})
	}
}

func TestStackIsOnTheSpan(t *testing.T) {
	ctx, rec := retrytest.Record(t, t.Context())
	if _, err := pipeline(orchestrator.Phase{Name: "a", Run: deepPanic}).Run(ctx, recovering); err == nil {
		t.Error("no error")
	}
	for _, s := range rec.Spans() {
		if s.Name() != "attempt 1" {
			continue
		}
		if len(s.Events()) != 1 || s.Events()[0].Name != semconv.ExceptionEvent {
			t.Fatalf("events %v, want an exception", s.Events())
		}
		list := s.Events()[0].Attributes
		equal(t, "type", attributeOf(list, semconv.ExceptionTypeKey).AsString(), "*fmt.wrapError")
		equal(t, "message", attributeOf(list, semconv.ExceptionMessageKey).AsString(), "panic: row 7: unexpected EOF")
		stack := attributeOf(list, semconv.ExceptionStacktraceKey).AsString()
		if !strings.Contains(stack, "deepPanic") {
			t.Errorf("the stack does not show where it panicked:\n%s", stack)
		}
		return
	}
	t.Error("no span of the attempt")
}

// The functions of a policy are the user's too.
func TestRetryableThatPanics(t *testing.T) {
	p := pipeline(orchestrator.Phase{
		Name: "a", Run: fails(errRefused), Recovery: &retry.Policy{Retryable: func(error) bool { panic("oh") }},
	})
	report, err := p.Run(t.Context(), recovering)
	equal(t, "error", report.Phases[0].Error, "Connection refused (and a function of its retry.Policy panicked: oh)")
	if !errors.Is(err, errRefused) || !errors.Is(err, retry.ErrPermanent) {
		t.Errorf("error %v, want %v and %v", err, errRefused, retry.ErrPermanent)
	}
}

// What was decided is on the attempt's span when AfterAttempt is called, so it stands.
func TestAfterAttemptThatPanicsChangesNothing(t *testing.T) {
	for name, leave := range map[string]func(){"panic": func() { panic("oh") }, "goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			var told []string
			before := otel.GetErrorHandler()
			otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { told = append(told, err.Error()) }))
			defer otel.SetErrorHandler(before)
			ctx, rec := retrytest.Record(t, retrytest.NoWait(t.Context()))
			hook := func(context.Context, retry.Attempt) { leave() }
			p := pipeline(orchestrator.Phase{
				Name: "a", Run: flaky(1, errRefused), Recovery: &retry.Policy{AfterAttempt: hook},
			})
			report, err := p.Run(ctx, recovering)
			if err != nil || !report.Phases[0].Recovery.Success {
				t.Errorf("error %v, report %+v", err, report)
			}
			checkSpans(t, report, rec)
			const want = `orchestrator: phase "a": panic in AfterAttempt: oh`
			if name == "panic" && !slices.Equal(told, []string{want, want}) {
				t.Errorf("told %q, want %q twice", told, want)
			}
		})
	}
}

// sick is a span processor that panics when a span of one name starts or ends.
type sick struct {
	sdktrace.SpanProcessor
	start, end string
}

func (s sick) OnStart(_ context.Context, span sdktrace.ReadWriteSpan) {
	if span.Name() == s.start {
		panic("sick")
	}
}

func (s sick) OnEnd(span sdktrace.ReadOnlySpan) {
	if span.Name() == s.end {
		panic("sick")
	}
}

// A panic while tracing would end the process, as nobody can catch it on an attempt's goroutine.
func TestSickSpanProcessor(t *testing.T) {
	var told atomic.Int32
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) { told.Add(1) }))
	defer otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
	for _, name := range []string{"nightly", "a", "attempt 1", "recovery 1", "c"} {
		for _, processor := range []sick{{start: name}, {end: name}} {
			told.Store(0)
			provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(processor))
			ctx, parent := provider.Tracer("test").Start(t.Context(), "parent")
			p := pipeline(
				orchestrator.Phase{Name: "a", Run: flaky(1, errRefused)},
				orchestrator.Phase{Name: "b", Run: fails(errRefused)},
				orchestrator.Phase{Name: "c", Run: ok(1), Uses: []string{"b"}},
			)
			report, err := p.Run(retrytest.NoWait(ctx), recovering)
			if !errors.Is(err, errRefused) {
				t.Error(err)
			}
			equal(t, "statuses", statuses(report), "a=success b=failed c=skipped")
			if told.Load() == 0 {
				t.Errorf("nobody was told of %+v", processor)
			}
			parent.End()
		}
	}
}
