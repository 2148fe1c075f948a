package orchestrator_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/orchestrator/engine"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrytest"
)

// Whatever a driver delivers that does not fit ends the run with an error, and never a wrong report.
func TestCompletionsThatDoNotFit(t *testing.T) {
	const (
		doneA   = `0 {"done":{"phase":"a","status":"success"}}`
		retryA  = `0 {"done":{"phase":"a","status":"error","error":"x","decision":{"retry":true,"delay":2000000000}}}`
		spentA  = `0 {"done":{"phase":"a","status":"error","error":"x","decision":{"reason":"exhausted"}}}`
		stopped = `0 {"stop":{"cause":"SIGTERM"}}`
	)
	timer := func(attempt int) string {
		return fmt.Sprintf(`2 {"timer":{"phase":"a","attempt":%d,"delay":2000000000}}`, attempt)
	}
	lastA := func(rest string) []string { return []string{`0 {"done":{"phase":"a","status":"error",` + rest + `}}`} }
	for _, c := range []struct {
		name    string
		history []string
		want    string
	}{
		{
			"an unknown phase",
			[]string{`0 {"done":{"phase":"x","status":"success"}}`},
			`Completion.Done.Phase is "x", want a phase of pipeline "nightly"`,
		},
		{
			"before its phase began",
			[]string{`0 {"done":{"phase":"b","status":"success"}}`},
			`Completion.Done.Attempt is attempt 0 of "b", want nothing of a phase that has not begun`,
		},
		{
			"doubled",
			[]string{doneA, doneA},
			`Completion.Done.Attempt is attempt 0 of "a", want nothing of a phase that has ended`,
		},
		{
			"doubled in the wait",
			[]string{retryA, retryA},
			`Completion.Done.Attempt is attempt 0 of "a", want the end of the wait before attempt 1 of "a"`,
		},
		{
			"another attempt",
			[]string{`0 {"done":{"phase":"a","attempt":2,"status":"success"}}`},
			`Completion.Done.Attempt is attempt 2 of "a", want the end of attempt 0 of "a"`,
		},
		{
			"the try for the fallback",
			[]string{spentA, `0 {"done":{"phase":"a","attempt":1,"status":"success"}}`},
			`Completion.Done.Attempt is attempt 1 of "a", want the end of the fallback of "a"`,
		},
		{
			"no status",
			[]string{`0 {"done":{"phase":"a"}}`},
			`Completion.Done.Status is "" for attempt 0 of "a", want success or error`,
		},
		{
			"retried after a success",
			[]string{
				`0 {"done":{"phase":"a","status":"success","decision":{"retry":true}}}`,
			},
			`Completion.Done.Decision.Retry is true for attempt 0 of "a", want false after a success, a Final, or a task without Recovery`,
		},
		{
			"retried although final",
			[]string{
				`0 {"done":{"phase":"a","status":"error","final":true,"decision":{"retry":true}}}`,
			},
			`Completion.Done.Decision.Retry is true for attempt 0 of "a", want false after a success, a Final, or a task without Recovery`,
		},
		{
			"a failure skipped",
			[]string{`0 {"done":{"phase":"a","status":"error","skipped":"x"}}`},
			`Completion.Done.Skipped is "x" for attempt 0 of "a", want empty after a failure`,
		},
		{
			"a fallback retried",
			[]string{
				spentA,
				`0 {"done":{"phase":"a","attempt":1,"fallback":true,"status":"error","decision":{"retry":true}}}`,
			},
			`Completion.Done.Decision.Retry is true for the fallback of "a", want false after a success, a Final, or a task without Recovery`,
		},
		{
			"a wait of less than nothing",
			[]string{`0 {"done":{"phase":"a","status":"error","decision":{"retry":true,"delay":-1}}}`},
			`Completion.Done.Decision.Delay is -1ns for attempt 0 of "a", want 0 or more`,
		},
		{
			"a wait after the last attempt", lastA(`"error":"x","decision":{"reason":"exhausted","delay":1}`),
			`Completion.Done.Decision.Delay is 1ns for attempt 0 of "a", want 0 when no attempt follows`,
		},
		{
			"no reason", lastA(`"error":"x"`),
			`Completion.Done.Decision.Reason is "" for attempt 0 of "a", want one of ["abandoned" "cancelled" "deadline" "exhausted" "not_retryable" "permanent" "retry_later"]`,
		},
		{
			"an unknown reason", lastA(`"error":"x","decision":{"reason":"budget"}`),
			`Completion.Done.Decision.Reason is "budget" for attempt 0 of "a", want one of ["abandoned" "cancelled" "deadline" "exhausted" "not_retryable" "permanent" "retry_later"]`,
		},
		{
			"a reason to go on", lastA(`"error":"x","decision":{"retry":true,"reason":"exhausted"}`),
			`Completion.Done.Decision.Reason is "exhausted" for attempt 0 of "a", want none unless a failure is the last`,
		},
		{
			"a reason for a success",
			[]string{
				`0 {"done":{"phase":"a","status":"success","decision":{"reason":"exhausted"}}}`,
			},
			`Completion.Done.Decision.Reason is "exhausted" for attempt 0 of "a", want none unless a failure is the last`,
		},
		{
			"cancelled by nobody", lastA(`"error":"x","decision":{"reason":"cancelled"}`),
			`Completion.Done.Decision.Reason is "cancelled" for attempt 0 of "a", want another one as long as the run has not been stopped`,
		},
		{
			"a cause without need", lastA(`"error":"x","decision":{"reason":"exhausted","cause":"y"}`),
			`Completion.Done.Decision.Cause is "y" for attempt 0 of "a", want none for reason "exhausted"`,
		},
		{
			"final without need", lastA(`"error":"x","final":true,"decision":{"reason":"exhausted"}`),
			`Completion.Done.Final is true for attempt 0 of "a", want true exactly when the phase's context has ended or its function was abandoned`,
		},
		{
			"abandoned, and not final", lastA(`"error":"x","decision":{"reason":"abandoned"}`),
			`Completion.Done.Final is false for attempt 0 of "a", want true exactly when the phase's context has ended or its function was abandoned`,
		},
		{
			"no error", lastA(`"decision":{"reason":"exhausted"}`),
			`Completion.Done.Error is "" for attempt 0 of "a", want a text after a failure, and none after a success`,
		},
		{
			"a success with an error",
			[]string{`0 {"done":{"phase":"a","status":"success","error":"x"}}`},
			`Completion.Done.Error is "x" for attempt 0 of "a", want a text after a failure, and none after a success`,
		},
		{
			"a success with a type of error",
			[]string{`0 {"done":{"phase":"a","status":"success","error_type":"x"}}`},
			`Completion.Done.ErrorType is "x" for attempt 0 of "a", want none after a success`,
		},
		{
			"a failure with a result", lastA(`"error":"x","output":1,"decision":{"reason":"exhausted"}`),
			`Completion.Done.Output is 1 bytes for attempt 0 of "a", want none after a failure`,
		},
		{
			"one retry too many",
			[]string{
				retryA, timer(1),
				`2 {"done":{"phase":"a","attempt":1,"status":"error","error":"x","decision":{"retry":true}}}`,
			},
			`Completion.Done.Decision.Retry is true for attempt 1 of "a", want false after the last of the policy's MaxRetries`,
		},
		{
			"a timer of another length", []string{
				retryA, `2 {"timer":{"phase":"a","attempt":1,"delay":-356400000000000}}`,
			}, `Completion.Timer.Delay is -99h0m0s before attempt 1 of "a", want 2s, as decided`,
		},
		{
			"a timer that was never started, of a phase that has ended",
			[]string{
				doneA, timer(1),
			},
			`Completion.Timer.Attempt is attempt 1 of "a", want nothing of a phase that has ended`,
		},
		{
			"a timer of an unknown phase",
			[]string{`0 {"timer":{"phase":"x","attempt":1}}`},
			`Completion.Timer.Phase is "x", want a phase of pipeline "nightly"`,
		},
		{
			"a timer that nobody started",
			[]string{timer(1)},
			`Completion.Timer.Attempt is attempt 1 of "a", want the end of attempt 0 of "a"`,
		},
		{
			"a timer before its phase began",
			[]string{`0 {"timer":{"phase":"b","attempt":1}}`},
			`Completion.Timer.Attempt is attempt 1 of "b", want nothing of a phase that has not begun`,
		},
		{
			"a timer of another wait",
			[]string{retryA, timer(2)},
			`Completion.Timer.Attempt is attempt 2 of "a", want the end of the wait before attempt 1 of "a"`,
		},
		{
			"a doubled timer",
			[]string{retryA, timer(1), timer(1)},
			`Completion.Timer.Attempt is attempt 1 of "a", want the end of attempt 1 of "a"`,
		},
		{
			"a second stop",
			[]string{stopped, stopped},
			`Completion.Stop is "SIGTERM", want one in a run, which there has been`,
		},
		{"nothing", []string{`0 {}`}, `Completion is empty, want exactly one of Done, Timer and Stop`},
		{
			"two at once",
			[]string{`0 {"timer":{"phase":"a","attempt":1},"stop":{"cause":"SIGTERM"}}`},
			`Completion is Timer and Stop, want exactly one of Done, Timer and Stop`,
		},
		{
			"all at once",
			[]string{`0 {"done":{"phase":"a"},"timer":{"phase":"a"},"stop":{}}`},
			`Completion is Done and Timer and Stop, want exactly one of Done, Timer and Stop`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEngine(t, pipeline(
				orchestrator.Phase{Name: "a", Run: ok(1), Fallback: ok(1), Recovery: &retry.Policy{MaxRetries: 1}},
				orchestrator.Phase{Name: "b", Run: ok(1)},
			))
			e.replay = append(c.history, "end")
			report, err := e.plan.Drive(e, orchestrator.Options{RunID: "id", EnableRecovery: true})
			bad, ok := errors.AsType[*orchestrator.FieldError](err)
			if !ok || bad.Error() != "orchestrator: "+c.want {
				t.Errorf("got  %v\nwant orchestrator: %s", err, c.want)
			}
			equal(t, "phases in the report", len(report.Phases), 0)
		})
	}
}

func TestADriverThatFailsEndsTheRun(t *testing.T) {
	e := newEngine(t, pipeline(orchestrator.Phase{Name: "a", Run: ok(1)}))
	e.replay = []string{"end"}
	report, err := e.plan.Drive(e, orchestrator.Options{RunID: "id"})
	equal(t, "error", fmt.Sprint(err), `run "id" of pipeline "nightly" cannot go on: the history ends here`)
	if !errors.Is(err, errHistoryEnds) || report.Status != "" {
		t.Errorf("%v, report %+v", err, report)
	}
}

// The driver is asked whether what cleans up may begin after the end of the run's context.
func TestTheDriverSaysWhetherToCleanUp(t *testing.T) {
	for cleansUp, want := range map[bool]string{true: "a=cancelled z=success", false: "a=cancelled z=skipped"} {
		e := newEngine(t, pipeline(orchestrator.Phase{Name: "a", Run: fails(errRefused)},
			orchestrator.Phase{Name: "z", Run: ok(1), If: orchestrator.Always}))
		e.cleansUp = cleansUp
		e.stopAt(time.Second, engine.Stop{Cause: errSignal.Error()})
		report, _ := e.plan.Drive(e, orchestrator.Options{RunID: "id", EnableRecovery: true})
		equal(t, "statuses", statuses(report), want)
	}
}

// An attempt whose process died counts, and is bounded, like any that failed.
func TestLostAttempts(t *testing.T) {
	noHeartbeat := errors.New("no heartbeat for 30s")
	plan, err := pipeline(
		orchestrator.Phase{Name: "a", Run: ok(1), Recovery: &retry.Policy{MaxRetries: 2, MaxElapsed: time.Minute}},
		orchestrator.Phase{Name: "t", Run: ok(1), Timeout: 5 * time.Second},
		orchestrator.Phase{
			Name: "never", Run: ok(1), Recovery: &retry.Policy{
				Retryable: func(err error) bool { return !errors.Is(err, orchestrator.ErrLost) },
			},
		},
		orchestrator.Phase{
			Name: "sick", Run: ok(1), Recovery: &retry.Policy{Retryable: func(error) bool { panic("oh") }},
		},
	).Plan()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		task engine.Task
		why  error
		want engine.Decision
		text string
	}{
		{
			"the first",
			engine.Task{Phase: "a", Recovery: true},
			noHeartbeat,
			engine.Decision{Retry: true, Delay: 2 * time.Second},
			"attempt lost: no heartbeat for 30s",
		},
		{
			"a later one",
			engine.Task{Phase: "a", Attempt: 1, Recovery: true, Delay: 2 * time.Second},
			nil,
			engine.Decision{Retry: true, Delay: 4 * time.Second},
			"attempt lost",
		},
		{
			"the last",
			engine.Task{Phase: "a", Attempt: 2, Recovery: true},
			noHeartbeat,
			engine.Decision{Reason: engine.ReasonExhausted},
			"attempt lost: no heartbeat for 30s",
		},
		{
			"without recovery",
			engine.Task{Phase: "a"},
			noHeartbeat,
			engine.Decision{Reason: engine.ReasonExhausted},
			"attempt lost: no heartbeat for 30s",
		},
		{
			"a fallback",
			engine.Task{Phase: "a", Attempt: 3, Fallback: true},
			noHeartbeat,
			engine.Decision{Reason: engine.ReasonExhausted},
			"attempt lost: no heartbeat for 30s",
		},
		{
			"too late",
			engine.Task{Phase: "a", Recovery: true, Elapsed: 59 * time.Second},
			noHeartbeat,
			engine.Decision{Reason: engine.ReasonDeadline, Cause: "waiting 2s would pass MaxElapsed 1m"},
			"attempt lost: no heartbeat for 30s",
		},
		{
			"in time",
			engine.Task{Phase: "t", Recovery: true, Elapsed: 2 * time.Second},
			noHeartbeat,
			engine.Decision{Retry: true, Delay: 2 * time.Second},
			"attempt lost: no heartbeat for 30s",
		},
		{
			"out of time",
			engine.Task{Phase: "t", Recovery: true, Elapsed: 5 * time.Second},
			noHeartbeat,
			engine.Decision{Reason: engine.ReasonDeadline, Cause: "phase timeout of 5s"},
			"attempt lost: no heartbeat for 30s",
		},
		{
			"a worker that was cancelled",
			engine.Task{Phase: "a", Recovery: true},
			fmt.Errorf("worker: %w", context.Canceled),
			engine.Decision{Retry: true, Delay: 2 * time.Second},
			"attempt lost: worker: context canceled",
		},
		{
			"not to be retried",
			engine.Task{Phase: "never", Recovery: true},
			noHeartbeat,
			engine.Decision{Reason: engine.ReasonNotRetryable},
			"attempt lost: no heartbeat for 30s",
		},
		{
			"a policy that panics",
			engine.Task{Phase: "sick", Recovery: true},
			noHeartbeat,
			engine.Decision{Reason: engine.ReasonPermanent},
			"attempt lost: no heartbeat for 30s (and a function of its retry.Policy panicked: oh)",
		},
		{
			"another version",
			engine.Task{Phase: "x", Recovery: true},
			noHeartbeat,
			engine.Decision{Reason: engine.ReasonPermanent},
			`pipeline "nightly" has no phase "x"`,
		},
	} {
		done := plan.Lost(c.task, c.why)
		equal(t, c.name+": decision", done.Decision, c.want)
		equal(t, c.name+": error", done.Error, c.text)
		equal(t, c.name+": the task's",
			done.Phase == c.task.Phase && done.Attempt == c.task.Attempt && done.Fallback == c.task.Fallback, true)
		if lost := errors.Is(done.Err, orchestrator.ErrLost); lost != (c.task.Phase != "x") ||
			lost && done.ErrorType != "lost" {
			t.Errorf("%s: error %v of type %s", c.name, done.Err, done.ErrorType)
		}
	}
}

// A phase that kills the process of each of its attempts ends after as many as any other.
func TestAPhaseThatKillsItsProcessIsGivenUp(t *testing.T) {
	e := newEngine(t, pipeline(orchestrator.Phase{Name: "a", Run: ok(1)}))
	e.lost = errors.New("killed")
	report, err := e.plan.Drive(e, orchestrator.Options{RunID: "id", EnableRecovery: true})
	equal(t, "error", fmt.Sprint(err), `pipeline "nightly" failed: a: gave up after 4 attempts: attempt lost: killed`)
	equal(t, "recovery", report.Phases[0].Recovery.Message, "Recovery failed after 3 recovery attempts")
}

// Whatever the cause of a lost attempt wraps, only a Stop ends the run.
func TestALostAttemptIsAFailureWhateverItsCause(t *testing.T) {
	e := newEngine(t, pipeline(orchestrator.Phase{Name: "a", Run: ok(1)}))
	e.lost = fmt.Errorf("worker: %w", context.Canceled)
	report, err := e.plan.Drive(e, orchestrator.Options{RunID: "id", EnableRecovery: true})
	equal(t, "error", fmt.Sprint(err),
		`pipeline "nightly" failed: a: gave up after 4 attempts: attempt lost: worker: context canceled`)
	equal(t, "status", report.Status, orchestrator.Failed)
}

// The text of a failure is bounded, whichever way an engine hands it in.
func TestLongTextsOfEngines(t *testing.T) {
	long := strings.Repeat("page ", 1<<20)
	history := func(done string) []string { return []string{"0 " + done, "end"} }
	for name, c := range map[string]struct {
		lost    error
		history []string
	}{
		"lost": {lost: errors.New(long)},
		"done": {history: history(`{"done":{"phase":"a","status":"error","error":"` + long + `","error_type":"` + long +
			`","decision":{"reason":"deadline","cause":"` + long + `"}}}`)},
		"skipped": {history: history(`{"done":{"phase":"a","status":"success","skipped":"` + long + `"}}`)},
	} {
		e := newEngine(t, pipeline(orchestrator.Phase{Name: "a", Run: ok(1)}))
		e.lost, e.replay = c.lost, c.history
		report, err := e.plan.Drive(e, orchestrator.Options{RunID: "id", EnableRecovery: true})
		text, _ := json.Marshal(report)
		if all := len(fmt.Sprint(err)) + len(text); report.Status == "" || all > 64<<10 {
			t.Errorf("%s: status %q, %d bytes of error and report", name, report.Status, all)
		}
	}
}

func TestWhatAnAttemptIsRefused(t *testing.T) {
	plan, err := pipeline(orchestrator.Phase{Name: "a", Run: func(context.Context, orchestrator.Input) (any, error) {
		t.Error("called")
		return nil, nil
	}}).Plan()
	if err != nil {
		t.Fatal(err)
	}
	parent := trace.ContextWithRemoteSpanContext(t.Context(), elsewhere)
	for _, c := range []struct {
		ctx    context.Context
		limits engine.Limits
		want   string
		task   engine.Task
	}{
		{
			t.Context(),
			engine.Limits{},
			"orchestrator: ctx is without a span, want the phase's span, or its span context (see trace.ContextWithRemoteSpanContext)",
			engine.Task{},
		},
		{nil, engine.Limits{}, "orchestrator: ctx is nil, want a context", engine.Task{}},
		{parent, engine.Limits{Grace: -1}, "orchestrator: Limits.Grace is -1ns, want 0 or more", engine.Task{}},
		{
			parent,
			engine.Limits{MaxResult: -1},
			"orchestrator: Limits.MaxResult is -1, want 0 or more bytes",
			engine.Task{},
		},
		{
			parent,
			engine.Limits{},
			"orchestrator: Task.Attempt is -3, want 0 or more, as the loop counts",
			engine.Task{Attempt: -3},
		},
		{
			parent, engine.Limits{}, fmt.Sprintf("orchestrator: Task.Attempt is %d, want 0 or more, as the loop counts",
				math.MaxInt), engine.Task{Attempt: math.MaxInt},
		},
		{parent, engine.Limits{}, "orchestrator: Task.Delay is -1s, want 0 or more", engine.Task{Delay: -time.Second}},
		{
			parent,
			engine.Limits{},
			"orchestrator: Task.Elapsed is -1s, want 0 or more",
			engine.Task{Elapsed: -time.Second},
		},
	} {
		c.task.Phase = "a"
		_, err := plan.Attempt(c.ctx, c.task, c.limits)
		equal(t, "error", fmt.Sprint(err), c.want)
	}
}

// A bare span context is that of a phase in another process as well, whatever it says of being remote.
func TestAttemptsBelowABareSpanContextHaveSpans(t *testing.T) {
	plan, err := pipeline(orchestrator.Phase{Name: "a", Run: ok(1)}).Plan()
	if err != nil {
		t.Fatal(err)
	}
	for _, remote := range []bool{true, false} {
		ctx, rec := retrytest.Record(t, t.Context())
		ctx = trace.ContextWithSpanContext(ctx, elsewhere.WithRemote(remote))
		if _, err := plan.Attempt(ctx, engine.Task{Phase: "a"}, engine.Limits{}); err != nil {
			t.Error(err)
		}
		if spans := rec.Spans(); len(spans) != 1 || spans[0].Parent().SpanID() != elsewhere.SpanID() {
			t.Errorf("remote %v: spans %v, want one below the phase's", remote, spans)
		}
	}
}

// Whoever reads a span knows that it is of a dry run, in whatever process it was made.
func TestAttemptsOfADryRunSaySo(t *testing.T) {
	plan, err := pipeline(orchestrator.Phase{Name: "a", Run: ok(1), DryRun: ok(2)}).Plan()
	if err != nil {
		t.Fatal(err)
	}
	for _, dry := range []bool{true, false} {
		ctx, rec := retrytest.Record(t, t.Context())
		ctx = trace.ContextWithRemoteSpanContext(ctx, elsewhere)
		if _, err := plan.Attempt(ctx, engine.Task{Phase: "a", DryRun: dry}, engine.Limits{}); err != nil {
			t.Fatal(err)
		}
		equal(t, "run.dry_run", attributeOf(rec.Spans()[0].Attributes(), semconv.RunDryRunKey).AsBool(), dry)
	}
}

// What is too large for an engine fails the phase for good, and says so.
func TestAnEngineBoundsResults(t *testing.T) {
	ctx := trace.ContextWithRemoteSpanContext(t.Context(), elsewhere)
	long := errors.New(strings.Repeat("row failed; ", 100))
	plan, err := pipeline(
		orchestrator.Phase{Name: "large", Run: ok(strings.Repeat("x", 99))},
		orchestrator.Phase{Name: "fits", Run: ok(strings.Repeat("x", 98))},
		orchestrator.Phase{Name: "wordy", Run: fails(long)},
	).Plan()
	if err != nil {
		t.Fatal(err)
	}
	attempt := func(phase string) engine.Done {
		done, err := plan.Attempt(ctx, engine.Task{Phase: phase, Recovery: true}, engine.Limits{MaxResult: 100})
		if err != nil {
			t.Fatal(err)
		}
		return done
	}
	large := attempt("large")
	equal(t, "error", large.Error, "the result is 101 bytes of JSON, and at most 100 can be kept")
	equal(t, "decision", large.Decision, engine.Decision{Reason: engine.ReasonPermanent})
	equal(t, "what fits", len(attempt("fits").Output), 100)
	if wordy := attempt("wordy"); len(wordy.Error) > 100 || !strings.HasPrefix(wordy.Error, "row failed; ") ||
		!strings.HasSuffix(wordy.Error, "(1200 bytes)") {
		t.Errorf("error %q", wordy.Error)
	}
}

// The phase's timeout bounds an attempt elsewhere by what is left of it, and is its cause.
func TestAttemptsElsewhereHaveTheirPhasesTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plan, err := pipeline(orchestrator.Phase{Name: "a", Run: work(time.Hour), Timeout: time.Minute}).Plan()
		if err != nil {
			t.Fatal(err)
		}
		ctx := trace.ContextWithRemoteSpanContext(t.Context(), elsewhere)
		began := time.Now()
		done, err := plan.Attempt(ctx,
			engine.Task{Phase: "a", Recovery: true, Elapsed: 45 * time.Second}, engine.Limits{})
		equal(t, "error", done.Error, "context deadline exceeded (phase timeout of 1m0s)")
		equal(t, "decision", done.Decision, engine.Decision{Reason: engine.ReasonDeadline})
		equal(t, "took", time.Since(began), 15*time.Second)
		if err != nil || !done.Final {
			t.Errorf("%v, final %v", err, done.Final)
		}
	})
}

// The spans that a history gives are those that the run itself would have made.
func TestSpansFromAHistory(t *testing.T) {
	p := pipeline(
		orchestrator.Phase{Name: "a", Run: flaky(1, errRefused)},
		orchestrator.Phase{Name: "b", Run: fails(errRefused), Recovery: &retry.Policy{MaxRetries: 1}},
		orchestrator.Phase{Name: "c", Run: ok(1)},
	)
	opts := orchestrator.Options{EnableRecovery: true, RunID: "4786a9a2-c5bf-41ca-a26e-e1ae5d01f41c"}
	var want string
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := retrytest.Record(t, t.Context())
		_, _ = p.Run(ctx, opts)
		want = withoutTries(rec)
	})

	e := newEngine(t, p)
	report, _ := e.plan.Drive(e, opts)
	ctx, rec := retrytest.Record(t, t.Context())
	history := newEngine(t, p)
	history.replay = append(slices.Clone(e.history), "end")
	again, err := history.plan.WriteSpans(ctx, history, opts)
	_, gotReport := through(t, again)
	_, wantReport := through(t, report)
	equal(t, "report", gotReport, wantReport)
	equal(t, "error", fmt.Sprint(err), `pipeline "nightly" failed: b: gave up after 2 attempts: Connection refused`)
	equal(t, "spans", withoutTries(rec), want)
	equal(t, "start", rec.Spans()[len(rec.Spans())-1].StartTime().Equal(epoch), true)

	ctx, rec = retrytest.Record(t, t.Context())
	history = newEngine(t, p)
	history.replay = append(slices.Clone(e.history[:2]), "end")
	if _, err := history.plan.WriteSpans(ctx, history, opts); !errors.Is(err, errHistoryEnds) || len(rec.Spans()) != 0 {
		t.Errorf("a run that has not ended: %v, %d spans", err, len(rec.Spans()))
	}
}

// An attempt that nobody saw the end of has a span like those that ended.
func TestSpansOfLostAttempts(t *testing.T) {
	p := pipeline(orchestrator.Phase{Name: "a", Run: ok(1), Fallback: ok(2), Recovery: &retry.Policy{MaxRetries: 1}})
	opts := orchestrator.Options{EnableRecovery: true, RunID: "4786a9a2-c5bf-41ca-a26e-e1ae5d01f41c"}
	e := newEngine(t, p)
	e.lost = errors.New("killed")
	e.takes = func(engine.Task) time.Duration { return 5 * time.Second }
	_, _ = e.plan.Drive(e, opts)
	ctx, rec := retrytest.Record(t, t.Context())
	history := newEngine(t, p)
	history.replay = append(slices.Clone(e.history), "end")
	if _, err := history.plan.WriteSpans(ctx, history, opts); err == nil {
		t.Error("the run succeeded")
	}
	tries := map[string]sdktrace.ReadOnlySpan{}
	for _, s := range rec.Spans() {
		tries[s.Name()] = s
	}
	for name, want := range map[string]struct{ from, result string }{
		"attempt 1":  {"0s", "retrying"},
		"recovery 1": {"7s", "failed"},
		"fallback":   {"12s", "failed"},
	} {
		s := tries[name]
		if s == nil {
			t.Fatalf("no span %q among %d", name, len(tries))
		}
		equal(t, name+": start", s.StartTime().Sub(epoch).String(), want.from)
		equal(t, name+": took", s.EndTime().Sub(s.StartTime()), 5*time.Second)
		equal(t, name+": parent", s.Parent().SpanID(), tries["a"].SpanContext().SpanID())
		equal(t, name+": result", attributeOf(s.Attributes(), semconv.ResultKey).AsString(), want.result)
		equal(t, name+": error", s.Status().Description, "attempt lost: killed")
		equal(t, name+": type", attributeOf(s.Attributes(), semconv.ErrorTypeKey).AsString(), "lost")
	}
}

// withoutTries is the tree of the recorded spans of runs and phases.
func withoutTries(rec *retrytest.Recorder) string {
	var list []sdktrace.ReadOnlySpan
	for _, s := range rec.Spans() {
		if !semconv.IsTry(attributeOf(s.Attributes(), semconv.KindKey).AsString()) {
			list = append(list, s)
		}
	}
	return treeOf(list)
}

func TestFingerprint(t *testing.T) {
	of := func(change func(*orchestrator.Pipeline)) string {
		p := pipeline(
			orchestrator.Phase{Name: "a", Run: ok(1)},
			orchestrator.Phase{Name: "b", Run: ok(1), Needs: []string{"a"}},
			orchestrator.Phase{Name: "c", Run: ok(1), Needs: []string{"b"}},
		)
		change(&p)
		plan, err := p.Plan()
		if err != nil {
			t.Fatal(err)
		}
		return plan.Fingerprint()
	}
	same := of(func(*orchestrator.Pipeline) {})
	for _, c := range []struct {
		name   string
		change func(*orchestrator.Pipeline)
		same   bool
	}{
		{"a function", func(p *orchestrator.Pipeline) { p.Phases[0].Run = ok(2) }, true},
		{"a policy", func(p *orchestrator.Pipeline) { p.Phases[0].Recovery = &retry.Policy{MaxRetries: 1} }, true},
		{"a timeout", func(p *orchestrator.Pipeline) { p.Phases[0].Timeout = 1 }, true},
		{"the name", func(p *orchestrator.Pipeline) { p.Name = "daily" }, false},
		{"a phase's name", func(p *orchestrator.Pipeline) { p.Phases[2].Name = "d" }, false},
		{"the order", func(p *orchestrator.Pipeline) { slices.Reverse(p.Phases) }, false},
		{"Needs", func(p *orchestrator.Pipeline) { p.Phases[2].Needs = []string{"a"} }, false},
		{"Uses", func(p *orchestrator.Pipeline) { p.Phases[2].Uses = []string{"a"} }, false},
		{"If", func(p *orchestrator.Pipeline) { p.Phases[2].If = orchestrator.Always }, false},
		{"IfBegan", func(p *orchestrator.Pipeline) { p.Phases[2].IfBegan = "a" }, false},
		{"AllowFailure", func(p *orchestrator.Pipeline) { p.Phases[2].AllowFailure = true }, false},
		{"Uses of what is needed", func(p *orchestrator.Pipeline) { p.Phases[2].Uses = []string{"b"} }, false},
		{"DryRun", func(p *orchestrator.Pipeline) { p.Phases[2].DryRun = ok(1) }, false},
		{"Fallback", func(p *orchestrator.Pipeline) { p.Phases[2].Fallback = ok(1) }, false},
	} {
		equal(t, c.name+": the same plan", of(c.change) == same, c.same)
	}
	equal(t, "length", len(same), 32)
}
