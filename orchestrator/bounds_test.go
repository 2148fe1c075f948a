package orchestrator_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/backspan/backspan/internal/boundtext"
	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrytest"
)

// deep calls f below n frames.
func deep(n int, f func()) int {
	if n == 0 {
		f()
		return 0
	}
	return 1 + deep(n-1, f)
}

// textsOf are the texts of a span by what they are.
func textsOf(s sdktrace.ReadOnlySpan) map[string]string {
	texts := map[string]string{"name": s.Name(), "status": s.Status().Description}
	add := func(prefix string, list []attribute.KeyValue) {
		for _, kv := range list {
			if kv.Value.Type() == attribute.STRING {
				texts[prefix+string(kv.Key)] = kv.Value.AsString()
			}
		}
	}
	add("", s.Attributes())
	for _, e := range s.Events() {
		add(e.Name+" ", e.Attributes)
	}
	return texts
}

// A collector refuses the whole batch of a span that is too large, or has one byte that is not UTF-8.
func TestTextsOnSpansAreBoundedAndValid(t *testing.T) {
	page := strings.Repeat("<p>torn \xc3 sorry</p>\n", 100_000) // 2 MB
	long := fmt.Errorf("502 %s: %w", page, errRefused)
	limits := map[string]int{
		"name": boundtext.MaxName, "status": boundtext.MaxRun,
		semconv.ScheduledEvent + " retry.reason": boundtext.MaxEventReason,
		semconv.GaveUpEvent + " retry.reason":    boundtext.MaxEventReason, "phase.reason": boundtext.MaxPhaseReason,
		"run.reason": boundtext.MaxPhaseReason, "recovery.message": boundtext.MaxRecoveryMessage,
		"recovery.result": boundtext.MaxRecoveryResult, "error.type": boundtext.MaxErrorType,
		"exception exception.message": boundtext.MaxException, "exception exception.stacktrace": boundtext.MaxStack,
		"phase.name": boundtext.MaxName, "run.name": boundtext.MaxName,
	}
	name := strings.Repeat("data load ", 100)
	ctx, rec := retrytest.Record(t, retrytest.NoWait(t.Context()))
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	report, err := orchestrator.Pipeline{Name: name, Phases: []orchestrator.Phase{
		{Name: name + "a", Run: fails(long), Recovery: &retry.Policy{MaxRetries: 40}},
		{
			Name: name + "b", Run: func(context.Context, orchestrator.Input) (any, error) {
				return deep(50, func() { panic(long) }), nil
			},
		},
		{Name: name + "c", Run: func(ctx context.Context, _ orchestrator.Input) (any, error) {
			cancel(long)
			return nil, ctx.Err()
		}},
		{Name: name + "d", Run: ok(1)},
	}}.Run(ctx, orchestrator.Options{EnableRecovery: true, ContinueOnError: true})
	if !errors.Is(err, errRefused) || len(report.Phases[0].Error) < len(page) {
		t.Error("the report and the error have the whole text")
	}
	seen := map[string]bool{}
	for _, s := range rec.Spans() {
		kind := attributeOf(s.Attributes(), semconv.KindKey).AsString()
		for what, text := range textsOf(s) {
			limit, known := limits[what]
			if what == "status" && kind == semconv.KindPhase {
				limit = boundtext.MaxOperation
			}
			seen[what] = seen[what] || len(text) > limit/2
			if known && len(text) > limit || !utf8.ValidString(text) {
				t.Errorf("%s of %s: %d bytes of at most %d, valid: %v",
					what, kind, len(text), limit, utf8.ValidString(text))
			}
		}
		for what, text := range map[string]string{
			"status": s.Status().Description, "reason": textsOf(s)[semconv.ScheduledEvent+" retry.reason"],
			"last": textsOf(s)[semconv.GaveUpEvent+" retry.reason"],
		} {
			cancelled := strings.HasPrefix(text, "context canceled") // the innermost error of the last phase
			if kind != semconv.KindRun && text != "" && !cancelled && !strings.Contains(text, "Connection refused") {
				t.Errorf("the %s of a %s was cut before its cause: %.200q", what, kind, text)
			}
		}
	}
	for what := range limits {
		if !seen[what] && what != "recovery.message" && what != "error.type" {
			t.Errorf("no long %q was made", what)
		}
	}
}

func TestPhasesTellOfTheirFirstWaits(t *testing.T) {
	ctx, rec := retrytest.Record(t, retrytest.NoWait(t.Context()))
	_, err := pipeline(orchestrator.Phase{
		Name: "a", Run: fails(errRefused), Recovery: &retry.Policy{MaxRetries: 20},
	}).Run(ctx, recovering)
	if err == nil {
		t.Error("no error")
	}
	for _, s := range rec.Spans() {
		if s.Name() == "a" {
			equal(t, "events", len(s.Events()), 2+1)
			last := s.Events()[2]
			equal(t, "the last event", last.Name, semconv.GaveUpEvent)
			equal(t, "its kind", attributeOf(last.Attributes, semconv.KindKey).AsString(), semconv.KindRecovery)
			equal(t, "its attempt", attributeOf(last.Attributes, semconv.AttemptKey).AsInt64(), 20)
			equal(t, "its outcome", attributeOf(last.Attributes, semconv.OutcomeKey).AsString(), "exhausted")
		}
	}
}

// recovery.result is JSON of a bounded size, with the first and the last attempts of a long list.
func TestRecoveryResultsAreBounded(t *testing.T) {
	for _, c := range []struct {
		name             string
		attempts, shown  int
		text             string
		output           any
		contains, misses string
	}{
		{"all that fits", 5, 5, "Connection refused", 1, `"result":1`, "omitted"},
		{"many", 100, 20, "Connection refused", 1, `"result":1`, ""},
		{"thousands", 5000, 20, "Connection refused", 1, `"attempt":5000`, ""},
		{"long errors", 5, 4, strings.Repeat("row failed; ", 1000), 1, "(12000 bytes)", ""},
		{"what JSON escapes", 3, 2, strings.Repeat("\x01<&> ", 1000), 1, "", ""},
		{"a large result", 2, 2, "Connection refused", strings.Repeat("x", 5000), `"result":{"size":5002}`, "xxx"},
		{
			"a result beside a long list", 100, 20, "Connection refused", strings.Repeat("x", 300),
			`"result":{"size":302}`, "xxx",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, rec := retrytest.Record(t, retrytest.NoWait(t.Context()))
			_, err := pipeline(orchestrator.Phase{
				Name: "a", Recovery: &retry.Policy{MaxRetries: retry.Unlimited},
				Run: func(_ context.Context, in orchestrator.Input) (any, error) {
					if in.Attempt < c.attempts {
						return nil, errors.New(c.text)
					}
					return c.output, nil
				},
			}).Run(ctx, recovering)
			if err != nil {
				t.Fatal(err)
			}
			spans := rec.Spans()
			text := textsOf(spans[len(spans)-2])["recovery.result"]
			var got struct {
				Attempted, Success bool
				Attempts           []orchestrator.RecoveryAttempt
				Omitted            int
			}
			if err := json.Unmarshal([]byte(text), &got); err != nil || len(text) > boundtext.MaxRecoveryResult {
				t.Fatalf("%d bytes: %v\n%s", len(text), err, text)
			}
			n := len(got.Attempts)
			if n < c.shown || n+got.Omitted != c.attempts || got.Attempts[0].Attempt != 1 ||
				got.Attempts[n-1].Attempt != c.attempts {
				t.Errorf("%d attempts shown, %d omitted of %d\n%s", n, got.Omitted, c.attempts, text)
			}
			for i := 1; i < n; i++ {
				if step := got.Attempts[i].Attempt - got.Attempts[i-1].Attempt; step != 1 && step != 1+got.Omitted {
					t.Errorf("attempt %d follows %d", got.Attempts[i].Attempt, got.Attempts[i-1].Attempt)
				}
			}
			if !strings.Contains(text, c.contains) || c.misses != "" && strings.Contains(text, c.misses) {
				t.Errorf("want %q and not %q in\n%s", c.contains, c.misses, text)
			}
		})
	}
}

// The JSON of a report has a large result once, and reads back.
func TestALargeResultIsInTheReportOnce(t *testing.T) {
	large := strings.Repeat("x", 1<<20)
	for _, fallback := range []bool{true, false} {
		phase := orchestrator.Phase{Name: "a", Run: func(_ context.Context, in orchestrator.Input) (any, error) {
			if in.Attempt == 0 || fallback {
				return nil, errRefused
			}
			return large, nil
		}}
		if fallback {
			phase.Fallback = ok(large)
		}
		report, err := pipeline(phase).Run(retrytest.NoWait(t.Context()), recovering)
		if err != nil {
			t.Fatal(err)
		}
		back, text := through(t, report)
		if len(text) > len(large)+2000 {
			t.Errorf("fallback %v: %d bytes", fallback, len(text))
		}
		var got string
		if err := back.Phases[0].Output(&got); err != nil || got != large {
			t.Errorf("fallback %v: %v, %d bytes", fallback, err, len(got))
		}
	}
}

// What an abandoned phase says of itself is that, and not that its error is permanent.
func TestAnAbandonedPhaseSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := retrytest.Record(t, t.Context())
		release := make(chan struct{})
		p := pipeline(orchestrator.Phase{
			Name: "a", Recovery: &retry.Policy{AttemptTimeout: time.Second},
			Run: func(context.Context, orchestrator.Input) (any, error) { <-release; return nil, nil },
		})
		report, err := p.Run(ctx, recovering)
		equal(t, "reason", report.Phases[0].Reason, "phase abandoned")
		equal(t, "error", fmt.Sprint(err), `pipeline "nightly" failed: a: gave up after 1 attempt: `+
			`abandoned: still running 5s after its context ended (attempt timeout of 1s)`)
		if !errors.Is(err, orchestrator.ErrAbandoned) || !errors.Is(err, retry.ErrPermanent) {
			t.Errorf("error %v: a loop around it must know that it may still be running", err)
		}
		for _, s := range rec.Spans() {
			if kind := attributeOf(s.Attributes(), semconv.KindKey).AsString(); kind == semconv.KindAttempt {
				equal(t, "retry.outcome", attributeOf(s.Attributes(), semconv.OutcomeKey).AsString(), "abandoned")
				equal(t, "error.type", attributeOf(s.Attributes(), semconv.ErrorTypeKey).AsString(), "abandoned")
			}
		}
		checkSpans(t, report, rec)
		close(release)
		synctest.Wait()
	})
}

// What a phase uses it needs, also when a phase between them begins in any case.
func TestAPhaseWhoseInputFailedIsSkipped(t *testing.T) {
	for _, again := range []bool{true, false} {
		p := pipeline(
			orchestrator.Phase{Name: "a", Run: flaky(1, errRefused)},
			orchestrator.Phase{Name: "b", Run: ok(1), Needs: []string{"a"}, If: orchestrator.Always},
			orchestrator.Phase{Name: "c", Run: ok(1), Needs: []string{"b"}, Uses: []string{"a"}},
			orchestrator.Phase{
				Name: "d", Run: ok(1), Needs: []string{"b"}, Uses: []string{"a"}, If: orchestrator.OnFailure,
			},
		)
		report, _ := p.Run(retrytest.NoWait(t.Context()),
			orchestrator.Options{ContinueOnError: true, EnableRecovery: again})
		want := "a=failed b=success c=skipped d=success"
		if again {
			want = "a=success b=success c=success d=skipped"
		} else {
			equal(t, "reason", report.Phases[2].Reason, `it needs "a", which failed`)
		}
		equal(t, "statuses", statuses(report), want)
	}
}
