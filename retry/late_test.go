package retry_test

import (
	"context"
	"errors"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrytest"
)

var late = retry.Policy{Spans: retry.FromFirstFailure}

func TestFromFirstFailureASuccessIsOneSpan(t *testing.T) {
	ctx, rec := retrytest.Record(t, t.Context())
	err := retry.Do(ctx, "data_load", late, func(ctx context.Context) error {
		_, span := trace.SpanFromContext(ctx).TracerProvider().Tracer("somebody").Start(ctx, "GET /rows")
		span.End()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	spans := rec.Spans()
	checkSpans(t, spans,
		"GET /rows | Unset |  | ",
		"data_load | Unset |  | backspan.kind=operation retry.attempts=1 retry.operation=data_load retry.outcome=success",
	)
	if spans[0].Parent().SpanID() != spans[1].SpanContext().SpanID() {
		t.Error("what the first attempt calls does not hang below the operation")
	}
}

// What failed must look the same whether its span was written in time or late: names, attributes, status, parents and
// times, for everything that reads spans.
func TestFromFirstFailureAFailureLooksAsEver(t *testing.T) {
	slowly := func(f *flaky) func(context.Context) error {
		return func(ctx context.Context) error {
			<-time.After(300 * time.Millisecond)
			return f.op(ctx)
		}
	}
	for name, c := range map[string]struct {
		policy retry.Policy
		flaky  flaky
	}{
		"recovered":     {retry.Policy{}, flaky{failures: 2}},
		"exhausted":     {retry.Policy{MaxRetries: 2}, flaky{failures: math.MaxInt}},
		"never retried": {retry.Policy{MaxRetries: retry.Never}, flaky{failures: math.MaxInt}},
		"permanent":     {retry.Policy{}, flaky{failures: math.MaxInt, err: retry.Permanent(errRefused)}},
		"out of time":   {retry.Policy{MaxElapsed: time.Second}, flaky{failures: math.MaxInt}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var seen [2][]string
				for i, spans := range []retry.Spans{retry.EveryAttempt, retry.FromFirstFailure} {
					ctx, rec := retrytest.Record(t, t.Context())
					p, f := c.policy, c.flaky
					p.Spans = spans
					_ = retry.Do(ctx, "data_load", p, slowly(&f))
					ended := rec.Spans()
					operation := ended[len(ended)-1]
					for _, s := range ended {
						below := s.Parent().SpanID() == operation.SpanContext().SpanID()
						seen[i] = append(seen[i], line(s),
							s.StartTime().Sub(operation.StartTime()).String(),
							s.EndTime().Sub(operation.StartTime()).String())
						if below != (s != operation) {
							t.Errorf("%v: %s below the operation: %v", spans, s.Name(), below)
						}
					}
				}
				if !slices.Equal(seen[0], seen[1]) {
					t.Errorf("every attempt:          %q\nfrom the first failure: %q", seen[0], seen[1])
				}
				if len(seen[1]) < 6 || seen[1][1] != "0s" || seen[1][2] != "300ms" {
					t.Errorf("attempt 1 ran from 0s to 300ms, its span says %q", seen[1])
				}
			})
		})
	}
}

func TestFromFirstFailureAPanicInTheFirstAttemptIsAFailure(t *testing.T) {
	for name, c := range map[string]struct {
		leave             func()
		text, kind, event string
	}{
		"panic": {
			func() { panic("out of paper") }, "panic: out of paper", "panic",
			"TestFromFirstFailureAPanicInTheFirstAttempt",
		},
		"goexit": {runtime.Goexit, "the operation called runtime.Goexit", "goexit", "goexit"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, rec := retrytest.Record(t, t.Context())
				done := make(chan any)
				go func() {
					defer func() { done <- recover() }()
					_ = retry.Do(ctx, "print", late, func(context.Context) error {
						<-time.After(time.Second)
						c.leave()
						return nil
					})
				}()
				if r := <-done; (r != nil) != (name == "panic") {
					t.Errorf("recovered %v", r)
				}
				spans := rec.Spans()
				checkSpans(t, spans,
					"attempt 1 | Error | "+c.text+" | backspan.kind=attempt error.type="+c.kind+
						" retry.attempt=1 retry.delay_seconds=0 retry.max_retries=3 retry.operation=print retry.outcome=panic retry.result=failed",
					"print | Error | "+c.text+" | backspan.kind=operation error.type="+c.kind+
						" retry.attempts=1 retry.max_retries=3 retry.operation=print retry.outcome=panic retry.retried=false retry.total_delay_seconds=0",
				)
				if took := spans[0].EndTime().Sub(spans[0].StartTime()); took != time.Second ||
					!spans[0].StartTime().Equal(spans[1].StartTime()) {
					t.Errorf("the attempt took %v from %v, want 1s from %v",
						took, spans[0].StartTime(), spans[1].StartTime())
				}
				if events := spans[0].Events(); len(events) != 1 ||
					!strings.Contains(strings.ToLower(facts(events[0].Attributes)), strings.ToLower(c.event)) {
					t.Errorf("events %v, want one that shows %s", events, c.event)
				}
			})
		})
	}
}

func TestFromFirstFailureAPanicInAfterAttemptComesAfterTheAttempt(t *testing.T) {
	ctx, rec := retrytest.Record(t, t.Context())
	p := late
	p.AfterAttempt = func(context.Context, retry.Attempt) { panic("hook") }
	func() {
		defer func() { _ = recover() }()
		_ = retry.Do(ctx, "data_load", p, func(context.Context) error { return errRefused })
	}()
	if got := rec.Outcomes("data_load"); !slices.Equal(got, []string{"panic"}) || rec.Attempts("data_load") != 1 {
		t.Errorf("outcomes %q, %d attempts", got, rec.Attempts("data_load"))
	}
	// On a real clock: a child that seems to start before its parent is taken for a wrong clock by viewers.
	if spans := rec.Spans(); spans[0].StartTime().Before(spans[1].StartTime()) {
		t.Errorf("the attempt starts at %v, before its operation at %v", spans[0].StartTime(), spans[1].StartTime())
	}
}

func TestFromFirstFailureTheOperationKnowsItsAttempt(t *testing.T) {
	ctx, _ := retrytest.Record(t, t.Context())
	var seen []retry.Attempt
	err := retry.Do(retrytest.NoWait(ctx), "data_load", late, func(ctx context.Context) error {
		a, ok := retry.AttemptFromContext(ctx)
		if !ok {
			t.Error("no attempt in the operation's context")
		}
		if seen = append(seen, a); len(seen) < 2 {
			return errRefused
		}
		return nil
	})
	want := []retry.Attempt{
		{Operation: "data_load", Number: 1, RetriesLeft: 3},
		{Operation: "data_load", Number: 2, RetriesLeft: 2, Delay: time.Second},
	}
	if err != nil || !slices.Equal(seen, want) {
		t.Errorf("error %v\ngot  %+v\nwant %+v", err, seen, want)
	}
}

// A sampler and a span processor know a late span for one of ours too, and nothing that the operation starts.
func TestFromFirstFailureOnlyOwnSpansAreMarkedAsStarting(t *testing.T) {
	var seen []string
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(startWatcher{seen: &seen}))
	ctx, root := provider.Tracer("somebody").Start(t.Context(), "root")
	defer root.End()
	p := late
	p.BaseDelay = retry.NoDelay
	var kept []context.Context
	err := retry.Do(ctx, "data_load", p, func(ctx context.Context) error {
		kept = append(kept, ctx)
		_, span := provider.Tracer("somebody").Start(ctx, "foreign")
		span.End()
		if len(kept) < 2 {
			return errRefused
		}
		return nil
	})
	want := []string{"root=", "data_load=operation", "foreign=", "attempt 1=attempt", "attempt 2=attempt", "foreign="}
	if err != nil || !slices.Equal(seen, want) {
		t.Errorf("error %v\ngot  %q\nwant %q", err, seen, want)
	}
	for _, ctx := range kept { // the operation may have handed its context on
		if kind := scope.Starting(ctx); kind != "" {
			t.Errorf("after the attempt its context is marked as starting %q", kind)
		}
	}
}

func TestFromFirstFailureAnUnsampledOperationHasNoSpans(t *testing.T) {
	var seen []string
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithSampler(sdktrace.NeverSample()), sdktrace.WithSpanProcessor(startWatcher{seen: &seen}))
	ctx, root := provider.Tracer("somebody").Start(t.Context(), "root")
	defer root.End()
	f := flaky{failures: math.MaxInt}
	if err := retry.Do(retrytest.NoWait(ctx), "data_load", late, f.op); !errors.Is(err, retry.ErrExhausted) ||
		len(seen) != 0 {
		t.Errorf("error %v, spans %q, want none", err, seen)
	}
}

// endWatcher calls a function when an attempt has ended, with the running span of its operation.
type endWatcher struct {
	startWatcher
	operation sdktrace.ReadOnlySpan
	ended     func(operation sdktrace.ReadOnlySpan)
}

func (w *endWatcher) OnStart(parent context.Context, s sdktrace.ReadWriteSpan) {
	if scope.Starting(parent) == semconv.KindOperation {
		w.operation = s
	}
}

func (w *endWatcher) OnEnd(s sdktrace.ReadOnlySpan) {
	if strings.HasPrefix(s.Name(), "attempt") {
		w.ended(w.operation)
	}
}

// A live view says "attempt 1/4 failed" while the operation runs.
func TestWhoWatchesAnOperationThatFailedKnowsItsPolicy(t *testing.T) {
	var seen []string
	w := &endWatcher{
		ended: func(operation sdktrace.ReadOnlySpan) { seen = append(seen, facts(operation.Attributes())) },
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(w))
	ctx, root := provider.Tracer("somebody").Start(t.Context(), "root")
	defer root.End()
	f := flaky{failures: 1}
	if err := retry.Do(retrytest.NoWait(ctx), "data_load", retry.Policy{}, f.op); err != nil {
		t.Fatal(err)
	}
	known := "backspan.kind=operation retry.max_retries=3 retry.operation=data_load"
	if want := []string{known, known}; !slices.Equal(seen, want) {
		t.Errorf("at the end of each attempt:\ngot  %q\nwant %q", seen, want)
	}
}
