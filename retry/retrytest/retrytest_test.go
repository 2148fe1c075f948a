package retrytest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errRefused = errors.New("connection refused")

func TestTreeShowsEveryKindOfSpan(t *testing.T) {
	ctx, rec := retrytest.Record(t, t.Context())
	calls := 0
	err := retry.Do(retrytest.NoWait(ctx), "data_load", retry.Policy{MaxRetries: 1}, func(ctx context.Context) error {
		calls++
		_, span := trace.SpanFromContext(ctx).TracerProvider().Tracer("somebody").Start(ctx,
			fmt.Sprintf("GET /%d", calls))
		span.End()
		return errRefused
	})
	if !errors.Is(err, retry.ErrExhausted) {
		t.Fatal(err)
	}
	if err := retry.Do(ctx, "check", retry.Policy{}, func(context.Context) error { return nil }); err != nil {
		t.Fatal(err)
	}
	want := `data_load: exhausted after 2 attempts
  attempt 1: retrying in 1s: connection refused
    GET /1
  attempt 2: failed: connection refused
    GET /2
check: success
  attempt 1: success
`
	if got := rec.Tree(); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
	if n := rec.Attempts("data_load"); n != 2 {
		t.Errorf("Attempts = %d, want 2", n)
	}
	if got := rec.Outcomes("data_load"); !slices.Equal(got, []string{"exhausted"}) {
		t.Errorf("Outcomes = %q, want exhausted", got)
	}
	if rec.Attempts("unknown") != 0 || rec.Outcomes("unknown") != nil {
		t.Error("something was recorded of an operation that never ran")
	}
}

// Whatever an error's text holds, a span stays one line, and a line of an error is no span.
func TestTreeOfErrorsWithSeveralLines(t *testing.T) {
	ctx, rec := retrytest.Record(t, t.Context())
	err := retry.Do(ctx, "build", retry.Policy{MaxRetries: retry.Never}, func(context.Context) error {
		return errors.New("exit code 1:\n  attempt 2: success\r\n\tline 3\n")
	})
	if !errors.Is(err, retry.ErrExhausted) {
		t.Fatal(err)
	}
	want := "build: exhausted\n  attempt 1: failed: exit code 1: attempt 2: success line 3\n"
	if got := rec.Tree(); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

func TestRecordersAreApart(t *testing.T) {
	for _, name := range []string{"one", "two", "three"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, rec := retrytest.Record(t, t.Context())
			for range 50 {
				if err := retry.Do(ctx, name, retry.Policy{}, func(context.Context) error { return nil }); err != nil {
					t.Fatal(err)
				}
			}
			if n := len(rec.Spans()); n != 100 || rec.Attempts(name) != 50 {
				t.Errorf("%d spans, %d attempts, want 100 and 50", n, rec.Attempts(name))
			}
		})
	}
}

// The code under test, or a library that it uses, starts spans with the global tracer. An assertion that counts
// attempts must not pass because none was recorded, and the tree is the same whether an SDK is behind that tracer or
// not.
func TestRetriesBelowASpanOfTheGlobalTracerAreRecorded(t *testing.T) {
	t.Run("without an SDK", testGlobalTracer)
	before := otel.GetTracerProvider()
	defer otel.SetTracerProvider(before)
	otel.SetTracerProvider(sdktrace.NewTracerProvider())
	t.Run("with an SDK", testGlobalTracer)
}

func testGlobalTracer(t *testing.T) {
	ctx, rec := retrytest.Record(t, retrytest.NoWait(t.Context()))
	serve := func(ctx context.Context) error {
		ctx, span := otel.Tracer("svc").Start(ctx, "GET /rows")
		defer span.End()
		return retry.Do(ctx, "data_load", retry.Policy{MaxRetries: 1}, func(ctx context.Context) error {
			ctx, span := otel.Tracer("svc").Start(ctx, "query")
			defer span.End()
			inner := retry.Policy{MaxRetries: retry.Never}
			// NoWait adds a layer to the context below the foreign span.
			_ = retry.Do(retrytest.NoWait(ctx), "inner", inner, func(context.Context) error { return errRefused })
			return errRefused
		})
	}
	if err := serve(ctx); !errors.Is(err, retry.ErrExhausted) {
		t.Fatal(err)
	}
	want := `data_load: exhausted after 2 attempts
  attempt 1: retrying in 1s: connection refused
    inner: exhausted
      attempt 1: failed: connection refused
  attempt 2: failed: connection refused
    inner: exhausted
      attempt 1: failed: connection refused
`
	if got := rec.Tree(); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

func TestNoWaitReachesNestedRetries(t *testing.T) {
	ctx, rec := retrytest.Record(t, t.Context())
	start := time.Now()
	hourly := retry.Policy{BaseDelay: time.Hour, MaxDelay: time.Hour, MaxRetries: 1}
	_ = retry.Do(retrytest.NoWait(ctx), "outer", hourly, func(ctx context.Context) error {
		return retry.Do(ctx, "inner", hourly, func(context.Context) error { return errRefused })
	})
	if rec.Attempts("inner") != 4 || time.Since(start) > time.Minute {
		t.Errorf("%d attempts in %v, want 4 at once", rec.Attempts("inner"), time.Since(start))
	}
}
