package retry_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrytest"
)

// eventLines are the events of a span, one a line, in the order in which their attributes were set.
func eventLines(s sdktrace.ReadOnlySpan) (lines []string) {
	for _, e := range s.Events() {
		line := e.Name
		for _, kv := range e.Attributes {
			line += fmt.Sprintf(" %s=%s", kv.Key, kv.Value.String())
		}
		lines = append(lines, line)
	}
	return lines
}

// Who opens an operation in a viewer sees each failure in its log, the last one too, and the reason first.
func TestTheOperationSaysWhatItGaveUpFor(t *testing.T) {
	panics := func(context.Context) error { panic("out of paper") }
	for name, c := range map[string]struct {
		policy retry.Policy
		op     func(context.Context) error
		want   []string
	}{
		"exhausted": {retry.Policy{MaxRetries: 1}, (&flaky{failures: 9}).op, []string{
			"retry.scheduled retry.attempt=1 retry.next_delay_seconds=1 retry.reason=connection refused",
			"retry.gave_up retry.reason=connection refused retry.attempt=2 retry.outcome=exhausted",
		}},
		"permanent": {retry.Policy{}, (&flaky{failures: 9, err: retry.Permanent(errRefused)}).op, []string{
			"retry.gave_up retry.reason=connection refused retry.attempt=1 retry.outcome=permanent",
		}},
		"panic": {
			retry.Policy{}, panics, []string{
				"retry.gave_up retry.reason=panic: out of paper retry.attempt=1 retry.outcome=panic",
			},
		},
		"recovered": {
			retry.Policy{},
			(&flaky{failures: 1}).op,
			[]string{"retry.scheduled retry.attempt=1 retry.next_delay_seconds=1 retry.reason=connection refused"},
		},
		"first success": {retry.Policy{}, (&flaky{}).op, nil},
	} {
		ctx, rec := retrytest.Record(t, retrytest.NoWait(t.Context()))
		func() {
			defer func() { _ = recover() }()
			_ = retry.Do(ctx, "data_load", c.policy, c.op)
		}()
		spans := rec.Spans()
		if got := eventLines(spans[len(spans)-1]); !slices.Equal(got, c.want) {
			t.Errorf("%s:\ngot  %q\nwant %q", name, got, c.want)
		}
	}
}

func TestOnlyTheFirstWaitsAreEvents(t *testing.T) {
	ctx, rec := retrytest.Record(t, t.Context())
	f := flaky{failures: math.MaxInt}
	_ = retry.Do(ctx, "data_load", retry.Policy{MaxRetries: 200, BaseDelay: retry.NoDelay}, f.op)
	spans := rec.Spans()
	events := eventLines(spans[len(spans)-1])
	if len(events) != 3 || !strings.HasPrefix(events[1], "retry.scheduled retry.attempt=2 ") ||
		!strings.HasPrefix(events[2], "retry.gave_up ") || !strings.Contains(events[2], "retry.attempt=201") {
		t.Errorf("got %q, want 2 waits and the end", events)
	}
}

// The wait is on the operation's span only when it stopped there: no reader has to count events for that.
func TestAnOperationThatStoppedInAWaitSaysWhich(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			cancelled time.Duration
			want      bool
		}{{2500 * time.Millisecond, true}, {4 * time.Second, false}} {
			ctx, rec := retrytest.Record(t, t.Context())
			ctx, cancel := context.WithTimeout(ctx, time.Hour)
			time.AfterFunc(c.cancelled, cancel)
			f := flaky{}
			err := retry.Do(ctx, "data_load", retry.Policy{}, func(ctx context.Context) error {
				if f.calls++; f.calls == 3 { // at 3s
					<-ctx.Done()
				}
				return errRefused
			})
			if !errors.Is(err, retry.ErrCancelled) {
				t.Fatal(err)
			}
			spans := rec.Spans()
			got := strings.Contains(facts(spans[len(spans)-1].Attributes()), "retry.next_delay_seconds=2")
			if got != c.want {
				t.Errorf("cancelled after %v: %s", c.cancelled, facts(spans[len(spans)-1].Attributes()))
			}
		}
	})
}

func TestTheAttemptSaysWhatTheServerAskedFor(t *testing.T) {
	ctx, rec := retrytest.Record(t, retrytest.NoWait(t.Context()))
	f := flaky{failures: 1, err: retry.After(7*time.Second, errRefused)}
	if err := retry.Do(ctx, "data_load", retry.Policy{}, f.op); err != nil {
		t.Fatal(err)
	}
	checkSpans(t, rec.Spans()[:1],
		"attempt 1 | Error | connection refused | backspan.kind=attempt error.type=*errors.errorString "+
			"retry.after_seconds=7 retry.attempt=1 retry.delay_seconds=0 retry.max_retries=3 retry.next_delay_seconds=7 retry.operation=data_load retry.result=retrying")
}

// The event log sees an attempt before its operation.
func TestTheLastAttemptSaysTheOutcome(t *testing.T) {
	for _, c := range []struct {
		op   func(context.Context) error
		want []string // of each attempt
	}{
		{(&flaky{}).op, []string{""}},
		{(&flaky{failures: 1}).op, []string{"", semconv.OutcomeRecovered}},
		{(&flaky{failures: 9}).op, []string{"", "", semconv.OutcomeExhausted}},
		{(&flaky{failures: 9, err: retry.Permanent(errRefused)}).op, []string{semconv.OutcomePermanent}},
	} {
		ctx, rec := retrytest.Record(t, t.Context())
		_ = retry.Do(ctx, "data_load", retry.Policy{MaxRetries: 2, BaseDelay: retry.NoDelay}, c.op)
		var got []string
		for _, s := range rec.Spans()[:len(rec.Spans())-1] {
			outcome := ""
			for _, kv := range s.Attributes() {
				if kv.Key == semconv.OutcomeKey {
					outcome = kv.Value.AsString()
				}
			}
			got = append(got, outcome)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
