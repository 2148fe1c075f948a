package retry_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrytest"
)

// facts prints a span's attributes sorted by key, so that a wrong, missing or extra one shows.
func facts(attributes []attribute.KeyValue) string {
	list := make([]string, 0, len(attributes))
	for _, kv := range attributes {
		list = append(list, fmt.Sprintf("%s=%s", kv.Key, kv.Value.String()))
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

func line(s sdktrace.ReadOnlySpan) string {
	return fmt.Sprintf("%s | %v | %s | %s", s.Name(), s.Status().Code, s.Status().Description, facts(s.Attributes()))
}

func result(s sdktrace.ReadOnlySpan) string {
	for _, kv := range s.Attributes() {
		if kv.Key == semconv.ResultKey {
			return kv.Value.AsString()
		}
	}
	return ""
}

func checkSpans(t *testing.T, got []sdktrace.ReadOnlySpan, want ...string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		g, w := "(none)", "(none)"
		if i < len(got) {
			g = line(got[i])
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Errorf("span %d\ngot  %s\nwant %s", i, g, w)
		}
	}
}

func TestSpansOfARecoveredOperation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := retrytest.Record(t, t.Context())
		f := flaky{failures: 2}
		if err := retry.Do(ctx, "data_load", retry.Policy{}, f.op); err != nil {
			t.Fatal(err)
		}
		spans := rec.Spans()
		checkSpans(t, spans,
			"attempt 1 | Error | connection refused | backspan.kind=attempt error.type=*errors.errorString retry.attempt=1 retry.delay_seconds=0 retry.max_retries=3 retry.next_delay_seconds=1 retry.operation=data_load retry.result=retrying",
			"attempt 2 | Error | connection refused | backspan.kind=attempt error.type=*errors.errorString retry.attempt=2 retry.delay_seconds=1 retry.max_retries=3 retry.next_delay_seconds=2 retry.operation=data_load retry.result=retrying",
			"attempt 3 | Unset |  | backspan.kind=attempt retry.attempt=3 retry.delay_seconds=2 retry.operation=data_load retry.outcome=recovered retry.result=success",
			"data_load | Unset |  | backspan.kind=operation retry.attempts=3 retry.max_retries=3 retry.operation=data_load retry.outcome=recovered retry.retried=true retry.total_delay_seconds=3",
		)
		operation := spans[3]
		for i, wait := range []time.Duration{0, time.Second, 2 * time.Second} {
			attempt := spans[i]
			if attempt.Parent().SpanID() != operation.SpanContext().SpanID() {
				t.Errorf("%s is not a child of its operation", attempt.Name())
			}
			before := operation.StartTime()
			if i > 0 {
				before = spans[i-1].EndTime()
			}
			if gap := attempt.StartTime().Sub(before); gap != wait {
				t.Errorf("%s starts %v after what was before it, want %v: the wait lies between attempts",
					attempt.Name(), gap, wait)
			}
		}
		var events []string
		for _, e := range operation.Events() {
			events = append(events, fmt.Sprintf("%v %s %s", e.Time.Sub(operation.StartTime()), e.Name,
				facts(e.Attributes)))
		}
		want := []string{
			"0s retry.scheduled retry.attempt=1 retry.next_delay_seconds=1 retry.reason=connection refused",
			"1s retry.scheduled retry.attempt=2 retry.next_delay_seconds=2 retry.reason=connection refused",
		}
		if !slices.Equal(events, want) {
			t.Errorf("events\ngot  %q\nwant %q", events, want)
		}
	})
}

func TestSpansOfAFirstSuccess(t *testing.T) {
	ctx, rec := retrytest.Record(t, t.Context())
	if err := retry.Do(ctx, "data_load", retry.Policy{}, func(context.Context) error { return nil }); err != nil {
		t.Fatal(err)
	}
	checkSpans(t, rec.Spans(),
		"attempt 1 | Unset |  | backspan.kind=attempt retry.attempt=1 retry.delay_seconds=0 retry.operation=data_load retry.result=success",
		"data_load | Unset |  | backspan.kind=operation retry.attempts=1 retry.operation=data_load retry.outcome=success",
	)
}

func TestSpansOfEachStop(t *testing.T) {
	cancelAfter := func(d time.Duration) func(context.Context) (context.Context, func()) {
		return func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithCancel(ctx)
			timer := time.AfterFunc(d, cancel)
			return ctx, func() { timer.Stop(); cancel() }
		}
	}
	for name, c := range map[string]struct {
		policy  retry.Policy
		context func(context.Context) (context.Context, func())
		err     error
		results []string // of the attempts
		want    string   // the operation's span
	}{
		"exhausted": {
			retry.Policy{MaxRetries: 1},
			nil, errRefused,
			[]string{"retrying", "failed"},
			"data_load | Error | gave up after 2 attempts: connection refused | backspan.kind=operation error.type=*errors.errorString retry.attempts=2 retry.max_retries=1 retry.operation=data_load retry.outcome=exhausted retry.retried=true retry.total_delay_seconds=1",
		},
		"not retryable": {
			retry.Policy{Retryable: func(error) bool { return false }},
			nil, errRefused,
			[]string{"failed"},
			"data_load | Error | not retryable after 1 attempt: connection refused | backspan.kind=operation error.type=*errors.errorString retry.attempts=1 retry.max_retries=3 retry.operation=data_load retry.outcome=not_retryable retry.retried=false retry.total_delay_seconds=0",
		},
		"told to retry later": {
			retry.Policy{},
			nil, retry.After(time.Hour, errRefused),
			[]string{"failed"},
			"data_load | Error | told to retry later after 1 attempt (waiting 1h would pass MaxAfter 2m): connection refused | backspan.kind=operation error.type=*errors.errorString retry.attempts=1 retry.max_retries=3 retry.operation=data_load retry.outcome=retry_later retry.retried=false retry.total_delay_seconds=0",
		},
		"permanent": {
			retry.Policy{},
			nil, retry.Permanent(errRefused),
			[]string{"failed"},
			"data_load | Error | permanent error after 1 attempt: connection refused | backspan.kind=operation error.type=*errors.errorString retry.attempts=1 retry.max_retries=3 retry.operation=data_load retry.outcome=permanent retry.retried=false retry.total_delay_seconds=0",
		},
		"cancelled in a wait": {
			retry.Policy{MaxRetries: retry.Unlimited},
			cancelAfter(time.Second / 2), errRefused,
			[]string{"retrying"},
			"data_load | Error | cancelled after 1 attempt (context canceled): connection refused | backspan.kind=operation error.type=*errors.errorString retry.attempts=1 retry.max_retries=-1 retry.next_delay_seconds=1 retry.operation=data_load retry.outcome=cancelled retry.retried=false retry.total_delay_seconds=0.5",
		},
		"cancelled before": {
			retry.Policy{MaxRetries: retry.Never},
			func(ctx context.Context) (context.Context, func()) {
				ctx, cancel := context.WithCancel(ctx)
				cancel()
				return ctx, cancel
			}, errRefused,
			nil,
			"data_load | Error | not started: context canceled | backspan.kind=operation error.type=cancelled retry.attempts=0 retry.max_retries=0 retry.operation=data_load retry.outcome=cancelled retry.retried=false retry.total_delay_seconds=0",
		},
		"deadline": {
			retry.Policy{MaxElapsed: time.Second / 2},
			nil, errRefused,
			[]string{"failed"},
			"data_load | Error | out of time after 1 attempt (waiting 1s would pass MaxElapsed 500ms): connection refused | backspan.kind=operation error.type=*errors.errorString retry.attempts=1 retry.max_elapsed_seconds=0.5 retry.max_retries=3 retry.operation=data_load retry.outcome=deadline retry.retried=false retry.total_delay_seconds=0",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, rec := retrytest.Record(t, t.Context())
				if c.context != nil {
					var end func()
					ctx, end = c.context(ctx)
					defer end()
				}
				f := flaky{failures: math.MaxInt, err: c.err}
				if err := retry.Do(ctx, "data_load", c.policy, f.op); err == nil {
					t.Error("no error")
				}
				spans := rec.Spans()
				checkSpans(t, spans[len(spans)-1:], c.want)
				var results []string
				for _, attempt := range spans[:len(spans)-1] {
					results = append(results, result(attempt))
				}
				if !slices.Equal(results, c.results) {
					t.Errorf("results of the attempts %q, want %q", results, c.results)
				}
			})
		})
	}
}

func TestWhatTheOperationCallsNestsBelowItsAttempt(t *testing.T) {
	ctx, rec := retrytest.Record(t, t.Context())
	f := flaky{failures: 1}
	err := retry.Do(retrytest.NoWait(ctx), "outer", retry.Policy{}, func(ctx context.Context) error {
		_, span := trace.SpanFromContext(ctx).TracerProvider().Tracer("somebody").Start(ctx, "GET /rows")
		span.End()
		return retry.Do(ctx, "inner", retry.Policy{}, func(context.Context) error { return retry.Permanent(f.op(ctx)) })
	})
	if !errors.Is(err, retry.ErrPermanent) {
		t.Fatal(err)
	}
	want := `outer: permanent
  attempt 1: failed: inner: permanent error after 1 attempt: connection refused
    GET /rows
    inner: permanent
      attempt 1: failed: connection refused
`
	if got := rec.Tree(); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
	for _, s := range rec.Spans() {
		all := facts(s.Attributes())
		inner := strings.Contains(all, "retry.operation=inner")
		if inner != strings.Contains(all, "retry.depth=1") {
			t.Errorf("%s: %s", s.Name(), all)
		}
		if (inner && s.Name() == "attempt 1") != strings.Contains(all, "retry.parent_operation=outer") {
			t.Errorf("%s: %s", s.Name(), all)
		}
	}
}

func TestSessionAndPhaseComeFromTheContext(t *testing.T) {
	ctx, rec := retrytest.Record(t, t.Context())
	ctx = scope.With(ctx, scope.Frame{Session: "4786a9a2", Phase: "data_phase", Depth: 1})
	if err := retry.Do(ctx, "data_load", retry.Policy{}, func(context.Context) error { return nil }); err != nil {
		t.Fatal(err)
	}
	for _, s := range rec.Spans() {
		if got := facts(s.Attributes()); !strings.Contains(got, "phase.name=data_phase") ||
			!strings.Contains(got, "session.id=4786a9a2") {
			t.Errorf("%s: %s", s.Name(), got)
		}
	}
}

// startWatcher notes what a sampler and OnStart can know of each span: the kind in the frame around Start.
type startWatcher struct {
	sdktrace.SpanProcessor
	seen *[]string
}

func (w startWatcher) OnStart(parent context.Context, s sdktrace.ReadWriteSpan) {
	*w.seen = append(*w.seen, s.Name()+"="+scope.Starting(parent))
}
func (startWatcher) OnEnd(sdktrace.ReadOnlySpan)      {}
func (startWatcher) Shutdown(context.Context) error   { return nil }
func (startWatcher) ForceFlush(context.Context) error { return nil }

func TestOnlyOwnSpansAreMarkedAsStarting(t *testing.T) {
	var seen []string
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(startWatcher{seen: &seen}))
	ctx, root := provider.Tracer("somebody").Start(t.Context(), "root")
	defer root.End()
	p := retry.Policy{AfterAttempt: func(ctx context.Context, _ retry.Attempt) {
		_, span := provider.Tracer("somebody").Start(ctx, "after it")
		span.End()
	}}
	err := retry.Do(ctx, "data_load", p, func(ctx context.Context) error {
		_, span := provider.Tracer("somebody").Start(ctx, "foreign")
		span.End()
		_, span = provider.Tracer("somebody").Start(ctx, "foreign root", trace.WithNewRoot())
		span.End()
		return nil
	})
	want := []string{"root=", "data_load=operation", "attempt 1=attempt", "foreign=", "foreign root=", "after it="}
	if err != nil || !slices.Equal(seen, want) {
		t.Errorf("error %v\ngot  %q\nwant %q", err, seen, want)
	}
}

func TestAPanicEndsTheSpansAndGoesOn(t *testing.T) {
	for name, value := range map[string]any{"text": "out of paper", "error": errRefused} {
		t.Run(name, func(t *testing.T) {
			ctx, rec := retrytest.Record(t, t.Context())
			calls := 0
			func() {
				defer func() {
					if r := recover(); r != value {
						t.Errorf("recovered %v, want %v", r, value)
					}
				}()
				_ = retry.Do(ctx, "print", retry.Policy{}, func(context.Context) error { calls++; panic(value) })
			}()
			if calls != 1 {
				t.Errorf("%d calls, want 1: a panic is not retried", calls)
			}
			text := fmt.Sprintf("panic: %v", value)
			checkSpans(t, rec.Spans(),
				"attempt 1 | Error | "+text+
					" | backspan.kind=attempt error.type=panic retry.attempt=1 retry.delay_seconds=0 retry.max_retries=3 retry.operation=print retry.outcome=panic retry.result=failed",
				"print | Error | "+text+
					" | backspan.kind=operation error.type=panic retry.attempts=1 retry.max_retries=3 retry.operation=print retry.outcome=panic retry.retried=false retry.total_delay_seconds=0",
			)
			events := rec.Spans()[0].Events()
			if len(events) != 1 || events[0].Name != "exception" ||
				!strings.Contains(facts(events[0].Attributes), "TestAPanicEndsTheSpansAndGoesOn") {
				t.Errorf("events %v, want an exception with the stack of the panic", events)
			}
		})
	}
}

func TestGoexitEndsTheSpans(t *testing.T) {
	ctx, rec := retrytest.Record(t, t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = retry.Do(ctx, "leave", retry.Policy{}, func(context.Context) error { runtime.Goexit(); return nil })
	}()
	<-done
	checkSpans(t, rec.Spans(),
		"attempt 1 | Error | the operation called runtime.Goexit | backspan.kind=attempt error.type=goexit retry.attempt=1 retry.delay_seconds=0 retry.max_retries=3 retry.operation=leave retry.outcome=panic retry.result=failed",
		"leave | Error | the operation called runtime.Goexit | backspan.kind=operation error.type=goexit retry.attempts=1 retry.max_retries=3 retry.operation=leave retry.outcome=panic retry.retried=false retry.total_delay_seconds=0",
	)
}

// nilError panics in Error when it is a nil pointer, as careless errors do.
type nilError struct{ text string }

func (e *nilError) Error() string { return e.text }

func TestAnErrorThatCannotBePrintedIsAFailureLikeAnyOther(t *testing.T) {
	ctx, rec := retrytest.Record(t, t.Context())
	var broken *nilError
	err := retry.Do(ctx, "data_load", retry.Policy{MaxRetries: retry.Never}, func(context.Context) error {
		return broken
	})
	if !errors.Is(err, retry.ErrExhausted) || !strings.Contains(err.Error(), "its Error method panicked") {
		t.Errorf("error %v", err)
	}
	if got := rec.Outcomes("data_load"); !slices.Equal(got, []string{semconv.OutcomeExhausted}) {
		t.Errorf("outcomes %q", got)
	}
}

func TestAttemptNamesStayFew(t *testing.T) {
	ctx, rec := retrytest.Record(t, t.Context())
	f := flaky{failures: 11}
	err := retry.Do(ctx, "data_load", retry.Policy{MaxRetries: 20, BaseDelay: retry.NoDelay}, f.op)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range rec.Spans()[7:12] {
		names = append(names, s.Name())
	}
	if want := []string{
		"attempt 8", "attempt 9", "attempt 10+", "attempt 10+", "attempt 10+",
	}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
}

func TestAnUnsampledOperationCostsNoAttemptSpans(t *testing.T) {
	var seen []string
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithSampler(sdktrace.NeverSample()), sdktrace.WithSpanProcessor(startWatcher{seen: &seen}))
	ctx, root := provider.Tracer("somebody").Start(t.Context(), "root")
	defer root.End()
	f := flaky{failures: 1}
	if err := retry.Do(ctx, "data_load", retry.Policy{BaseDelay: retry.NoDelay}, f.op); err != nil || f.calls != 2 {
		t.Errorf("%d calls, error %v", f.calls, err)
	}
	if len(seen) != 0 {
		t.Errorf("spans %q, want none", seen)
	}
}
