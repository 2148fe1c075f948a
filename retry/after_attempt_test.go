package retry_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/decide"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrytest"
)

func TestAfterAttemptIsCalledForEachOne(t *testing.T) {
	leave := func(how func()) func(context.Context) error {
		return func(context.Context) error { <-time.After(time.Second); how(); return nil }
	}
	for name, c := range map[string]struct {
		op   func(context.Context) error
		want []string
	}{
		"success": {then(nil), []string{"0s: 1, 2 left, took 0s, waited 0s, waits 0s: <nil>, stop <nil>"}},
		"recovered": {then(errRefused, nil), []string{
			"0s: 1, 2 left, took 0s, waited 0s, waits 1s: connection refused, stop <nil>",
			"1s: 2, 1 left, took 0s, waited 1s, waits 0s: <nil>, stop <nil>",
		}},
		"exhausted": {
			func(context.Context) error { <-time.After(time.Second); return errRefused }, []string{
				"1s: 1, 2 left, took 1s, waited 0s, waits 1s: connection refused, stop <nil>",
				"3s: 2, 1 left, took 1s, waited 1s, waits 2s: connection refused, stop <nil>",
				"6s: 3, 0 left, took 1s, waited 2s, waits 0s: connection refused, stop retries exhausted",
			},
		},
		"permanent": {
			then(retry.Permanent(errRefused)),
			[]string{"0s: 1, 2 left, took 0s, waited 0s, waits 0s: connection refused, stop permanent error"},
		},
		"panic": {
			leave(func() { panic("out of paper") }),
			[]string{"1s: 1, 2 left, took 1s, waited 0s, waits 0s: panic: out of paper, stop panic"},
		},
		"goexit": {
			leave(runtime.Goexit), []string{
				"1s: 1, 2 left, took 1s, waited 0s, waits 0s: the operation called runtime.Goexit, stop panic",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				var seen []string
				p := retry.Policy{MaxRetries: 2, AfterAttempt: func(_ context.Context, a retry.Attempt) {
					seen = append(seen, fmt.Sprintf("%v: %d, %d left, took %v, waited %v, waits %v: %v, stop %v",
						time.Since(start), a.Number, a.RetriesLeft, a.Duration, a.Delay, a.NextDelay, a.Err, a.Stop))
				}}
				done := make(chan struct{})
				go func() {
					defer close(done)
					defer func() { _ = recover() }()
					_ = retry.Do(t.Context(), "data_load", p, c.op)
				}()
				<-done
				if !slices.Equal(seen, c.want) {
					t.Errorf("got  %q\nwant %q", seen, c.want)
				}
			})
		})
	}
}

type requestKey struct{}

// A log written in the hook belongs to the operation: its trace, its request.
func TestAfterAttemptGetsTheOperationsContext(t *testing.T) {
	ctx, rec := retrytest.Record(t, context.WithValue(retrytest.NoWait(t.Context()), requestKey{}, "r-17"))
	var operations []trace.SpanID
	p := retry.Policy{MaxRetries: 1, AfterAttempt: func(ctx context.Context, a retry.Attempt) {
		operations = append(operations, trace.SpanContextFromContext(ctx).SpanID())
		if ctx.Value(requestKey{}) != "r-17" || a.Operation != "data_load" {
			t.Errorf("request %v, operation %q", ctx.Value(requestKey{}), a.Operation)
		}
		if n := rec.Attempts("data_load"); n != a.Number {
			t.Errorf("attempt %d: %d spans of attempts have ended", a.Number, n)
		}
	}}
	if err := retry.Do(ctx, "data_load", p, then(errRefused)); !errors.Is(err, retry.ErrExhausted) {
		t.Fatal(err)
	}
	want := rec.Spans()[2].SpanContext().SpanID()
	if !slices.Equal(operations, []trace.SpanID{want, want}) {
		t.Errorf("spans %v, want %v twice", operations, want)
	}
}

func TestAfterAttemptIsNotCalledForAStopInAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		time.AfterFunc(time.Second/2, cancel)
		calls := 0
		p := retry.Policy{AfterAttempt: func(context.Context, retry.Attempt) { calls++ }}
		if err := retry.Do(ctx, "data_load", p, then(errRefused)); !errors.Is(err, retry.ErrCancelled) || calls != 1 {
			t.Errorf("error %v, %d calls, want 1", err, calls)
		}
	})
}

func TestAfterAttemptKnowsTheDepth(t *testing.T) {
	ctx := retrytest.NoWait(t.Context())
	var seen []int
	p := retry.Policy{
		MaxRetries: 1, AfterAttempt: func(_ context.Context, a retry.Attempt) { seen = append(seen, a.Depth) },
	}
	_ = retry.Do(ctx, "outer", p, func(ctx context.Context) error {
		return retry.Do(ctx, "inner", p, func(context.Context) error { return errRefused })
	})
	if want := []int{1, 1, 0, 1, 1, 0}; !slices.Equal(seen, want) {
		t.Errorf("depths %v, want %v", seen, want)
	}
}

// What the hook panics with ends the operation, and its span says so. The attempt has ended before, and no wait began.
func TestAPanicInAfterAttemptEndsTheOperation(t *testing.T) {
	const text = "panic after attempt %d had ended: hook"
	for name, c := range map[string]struct {
		retries, failures, panicIn int
		result                     string
	}{
		"a retry was to follow":   {3, 9, 1, "retrying"},
		"likewise, later":         {3, 9, 2, "retrying"},
		"the last one had failed": {1, 9, 2, "failed"},
		"it had succeeded":        {3, 0, 1, "success"},
		"it had recovered":        {3, 1, 2, "success"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, rec := retrytest.Record(t, retrytest.NoWait(t.Context()))
			func() {
				defer func() {
					if r := recover(); r != "hook" {
						t.Errorf("recovered %v, want the hook's panic", r)
					}
				}()
				p := retry.Policy{MaxRetries: c.retries, AfterAttempt: func(_ context.Context, a retry.Attempt) {
					if a.Number == c.panicIn {
						panic("hook")
					}
				}}
				_ = retry.Do(ctx, "data_load", p, (&flaky{failures: c.failures}).op)
			}()
			if got := rec.Outcomes("data_load"); !slices.Equal(got, []string{"panic"}) ||
				rec.Attempts("data_load") != c.panicIn {
				t.Errorf("outcomes %q, %d attempts", got, rec.Attempts("data_load"))
			}
			spans := rec.Spans()
			operation := spans[len(spans)-1]
			said := facts(operation.Attributes())
			if !strings.Contains(said+" ", "retry.result="+c.result+" ") ||
				strings.Contains(said, "retry.next_delay_seconds") {
				t.Errorf("the operation says %s, want retry.result=%s and no wait", said, c.result)
			}
			if got, want := operation.Status().Description, fmt.Sprintf(text, c.panicIn); got != want {
				t.Errorf("got  %q\nwant %q", got, want)
			}
			last := operation.Events()[len(operation.Events())-1]
			if last.Name != "exception" ||
				!strings.Contains(facts(last.Attributes), "TestAPanicInAfterAttemptEndsTheOperation") {
				t.Errorf("the last event is %v, want an exception with the stack of the hook", last)
			}
		})
	}
}

// The panic of the operation is what its spans tell, also when the hook panics over it.
func TestAPanicInAfterAttemptOfAPanic(t *testing.T) {
	ctx, rec := retrytest.Record(t, t.Context())
	func() {
		defer func() {
			if r := recover(); r != "hook" {
				t.Errorf("recovered %v, want the hook's panic", r)
			}
		}()
		p := retry.Policy{AfterAttempt: func(context.Context, retry.Attempt) { panic("hook") }}
		_ = retry.Do(ctx, "data_load", p, func(context.Context) error { panic("out of paper") })
	}()
	want := "data_load: panic\n  attempt 1: failed: panic: out of paper\n"
	if got := rec.Tree(); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

// What Retryable panics with is the attempt's end.
func TestAPanicInRetryableEndsTheSpans(t *testing.T) {
	ctx, rec := retrytest.Record(t, t.Context())
	func() {
		defer func() { _ = recover() }()
		_ = retry.Do(ctx, "data_load", retry.Policy{Retryable: func(error) bool { panic("rule") }}, then(errRefused))
	}()
	want := "data_load: panic\n  attempt 1: failed: panic: rule\n"
	if got := rec.Tree(); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

// retryhttp drains a response before the wait, and neither before the attempt's span has ended nor when it is the last.
func TestRetryingIsToldThatAnotherAttemptFollows(t *testing.T) {
	for name, c := range map[string]struct {
		op   func(context.Context) error
		want string
	}{
		"success":   {then(nil), "after 1"},
		"recovered": {then(errRefused, nil), "retrying with 1 ended, after 1, after 2"},
		"exhausted": {
			then(errRefused, errRefused, errRefused),
			"retrying with 1 ended, after 1, retrying with 2 ended, after 2, after 3",
		},
		"permanent": {then(errRefused, retry.Permanent(errRefused)), "retrying with 1 ended, after 1, after 2"},
	} {
		ctx, rec := retrytest.Record(t, t.Context())
		var seen []string
		p := &retry.Policy{
			MaxRetries: 2, BaseDelay: retry.NoDelay,
			AfterAttempt: func(_ context.Context, a retry.Attempt) {
				seen = append(seen, fmt.Sprintf("after %d", a.Number))
			},
		}
		_ = decide.Do(ctx, "data_load", p, c.op, func() {
			seen = append(seen, fmt.Sprintf("retrying with %d ended", len(rec.Spans())))
		})
		if got := strings.Join(seen, ", "); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}
