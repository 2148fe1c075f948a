package orchestrator_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/boundtext"
	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrytest"
)

// checkSpans holds the report of the only run that rec recorded against its spans: they must tell the same.
func checkSpans(t *testing.T, report orchestrator.Report, rec *retrytest.Recorder) {
	t.Helper()
	children := map[trace.SpanID][]sdktrace.ReadOnlySpan{}
	phases := map[string]sdktrace.ReadOnlySpan{}
	var runs []sdktrace.ReadOnlySpan
	for _, s := range rec.Spans() {
		equal(t, s.Name()+"'s session", attributeOf(s.Attributes(), semconv.SessionIDKey).AsString(), report.SessionID)
		equal(t, s.Name()+"'s scope", s.InstrumentationScope().Name, semconv.ScopeName)
		children[s.Parent().SpanID()] = append(children[s.Parent().SpanID()], s)
		switch attributeOf(s.Attributes(), semconv.KindKey).AsString() {
		case semconv.KindRun:
			runs = append(runs, s)
		case semconv.KindPhase:
			if phases[s.Name()] != nil {
				t.Errorf("phase %q has two spans", s.Name())
			}
			phases[s.Name()] = s
		}
	}
	if len(runs) != 1 {
		t.Fatalf("%d spans of runs, want 1", len(runs))
	}
	run := runs[0]
	equal(t, "name of the run's span", run.Name(), report.Pipeline)
	equal(t, "run.status", attributeOf(run.Attributes(), semconv.RunStatusKey).AsString(), string(report.Status))
	equal(t, "run.reason", attributeOf(run.Attributes(), semconv.RunReasonKey).AsString(), report.Reason)
	equal(t, "run.name", attributeOf(run.Attributes(), semconv.RunNameKey).AsString(), report.Pipeline)
	equal(t, "status of the run's span", run.Status().Code == codes.Error, report.Status != success)
	equal(t, "spans of phases", len(phases), len(report.Phases))
	for _, p := range report.Phases {
		s := phases[p.Phase]
		if s == nil {
			t.Errorf("phase %q has no span", p.Phase)
			continue
		}
		equal(t, p.Phase+"'s parent", s.Parent().SpanID(), run.SpanContext().SpanID())
		for _, s := range []sdktrace.ReadOnlySpan{run, s} {
			equal(t, s.Name()+"'s run.dry_run",
				attributeOf(s.Attributes(), semconv.RunDryRunKey).AsBool(), report.DryRun)
		}
		checkPhaseSpan(t, p, s, children[s.SpanContext().SpanID()])
	}
}

func checkPhaseSpan(t *testing.T, p orchestrator.PhaseResult, s sdktrace.ReadOnlySpan, tries []sdktrace.ReadOnlySpan) {
	t.Helper()
	attribute := func(s sdktrace.ReadOnlySpan, key string) any {
		for _, kv := range s.Attributes() {
			if string(kv.Key) == key {
				return kv.Value.AsInterface()
			}
		}
		return nil
	}
	equal(t, p.Phase+"'s phase.status", attribute(s, "phase.status"), any(string(p.Status)))
	equal(t, p.Phase+"'s phase.name", attribute(s, "phase.name"), any(p.Phase))
	bad := p.Status == failed || p.Status == cancelled
	reason := any(p.Reason)
	if p.Reason == "" {
		reason = nil
	}
	equal(t, p.Phase+"'s phase.reason", attribute(s, "phase.reason"), reason)
	gaveUp := slices.ContainsFunc(s.Events(), func(e sdktrace.Event) bool { return e.Name == semconv.GaveUpEvent })
	equal(t, p.Phase+" has retry.gave_up", gaveUp, bad)
	equal(t, p.Phase+" is an error", s.Status().Code == codes.Error, bad)
	equal(t, p.Phase+" has an error.type", attribute(s, "error.type") != nil, bad)
	equal(t, p.Phase+"'s recovery.attempted", attribute(s, "recovery.attempted"), any(p.Recovery != nil))
	want := 0
	if len(tries) == 0 {
		equal(t, p.Phase+" took no time", s.EndTime(), s.StartTime())
	}
	if p.Status != skipped || len(tries) > 0 { // a skipped phase may have begun
		want = 1
	}
	if p.Allowed {
		equal(t, p.Phase+"'s status when its failure is allowed", p.Status, failed)
	}
	equal(t, p.Phase+"'s backspan.allowed", attribute(s, "backspan.allowed") == any(true), p.Allowed)
	fellBack := any(nil)
	if p.Fallback != nil {
		want++
		if p.Status == success {
			fellBack = true
		}
	}
	equal(t, p.Phase+"'s phase.fallback", attribute(s, "phase.fallback"), fellBack)
	if r := p.Recovery; r != nil {
		want += len(r.Attempts)
		equal(t, p.Phase+"'s recovery.success", attribute(s, "recovery.success"), any(r.Success))
		equal(t, p.Phase+"'s recovery.message", attribute(s, "recovery.message"), any(r.Message))
		equal(t, p.Phase+"'s recovery.attempts", attribute(s, "recovery.attempts"), any(int64(len(r.Attempts))))
		text, err := json.Marshal(r)
		if err != nil {
			t.Error(err)
		}
		got, _ := attribute(s, "recovery.result").(string)
		if size := fmt.Sprintf(`"result":{"size":%d}`, len(p.Result)); r.Success && len(p.Result) > 512 {
			equal(t, p.Phase+"'s recovery.result has the size of its result", strings.Contains(got, size), true)
		} else if len(text) <= boundtext.MaxRecoveryResult {
			equal(t, p.Phase+"'s recovery.result", got, string(text))
		}
		equal(t, p.Phase+"'s recovery.result is bounded", len(got) <= boundtext.MaxRecoveryResult, true)
	}
	equal(t, p.Phase+"'s attempts", len(tries), want)
	kinds := map[any]int{}
	for _, try := range tries {
		kinds[attribute(try, "backspan.kind")]++
		equal(t, try.Name()+"'s phase.name", attribute(try, "phase.name"), any(p.Phase))
		equal(t, try.Name()+" is an error", try.Status().Code == codes.Error,
			attribute(try, "retry.result") != any("success"))
		if p.Recovery == nil || !strings.HasPrefix(try.Name(), "recovery ") {
			continue
		}
		a := p.Recovery.Attempts[attribute(try, "retry.attempt").(int64)-1]
		equal(t, try.Name()+"'s delay", attribute(try, "retry.delay_seconds"), any(a.Delay.Seconds()))
		equal(t, try.Name()+"'s error", try.Status().Description, a.Error)
	}
	equal(t, p.Phase+"'s first tries", kinds["attempt"], min(want, 1))
	equal(t, p.Phase+"'s fallback", kinds["fallback"] == 1, p.Fallback != nil)
	if p.Recovery != nil {
		equal(t, p.Phase+"'s recoveries", kinds["recovery"], len(p.Recovery.Attempts))
	}
}

// The whole picture of a run, every attribute of it.
func TestSpans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := retrytest.Record(t, t.Context())
		p := pipeline(
			orchestrator.Phase{Name: "data_preparation", Run: flaky(2, errRefused)},
			orchestrator.Phase{Name: "analysis", Run: fails(retry.Permanent(errors.New("bad schema")))},
			orchestrator.Phase{Name: "report", Run: ok(nil)},
		)
		report, err := p.Run(ctx, recovering)
		if err == nil {
			t.Error("no error")
		}
		want := `nightly 0s+6s ERROR "analysis: permanent error after 1 attempt: bad schema" backspan.kind=run run.name=nightly run.status=failed run.reason="analysis" failed error.type=*errors.errorString
  data_preparation 0s+6s backspan.kind=phase phase.name=data_preparation run.name=nightly phase.status=success recovery.attempted=true recovery.success=true recovery.message=Recovery successful on attempt 2 recovery.attempts=2 recovery.result={"attempted":true,"success":true,"message":"Recovery successful on attempt 2","attempts":[{"attempt":1,"delay":2,"status":"error","error":"Connection refused"},{"attempt":2,"delay":4,"status":"success","result":{"status":"success"}}]}
    * retry.scheduled 0s backspan.kind=attempt retry.attempt=1 retry.next_delay_seconds=2 retry.reason=Connection refused
    * retry.scheduled 2s backspan.kind=recovery retry.attempt=1 retry.next_delay_seconds=4 retry.reason=Connection refused
    attempt 1 0s+0s ERROR "Connection refused" backspan.kind=attempt phase.name=data_preparation retry.attempt=1 retry.delay_seconds=0 retry.result=retrying retry.next_delay_seconds=2 retry.max_retries=3 error.type=*errors.errorString
    recovery 1 2s+0s ERROR "Connection refused" backspan.kind=recovery phase.name=data_preparation retry.attempt=1 retry.delay_seconds=2 retry.result=retrying retry.next_delay_seconds=4 retry.max_retries=3 error.type=*errors.errorString
    recovery 2 6s+0s backspan.kind=recovery phase.name=data_preparation retry.attempt=2 retry.delay_seconds=4 retry.result=success retry.outcome=recovered
  analysis 6s+0s ERROR "permanent error after 1 attempt: bad schema" backspan.kind=phase phase.name=analysis run.name=nightly phase.status=failed phase.reason=permanent error recovery.attempted=false error.type=*errors.errorString
    * retry.gave_up 6s retry.reason=bad schema backspan.kind=attempt retry.attempt=1 retry.outcome=permanent
    attempt 1 6s+0s ERROR "bad schema" backspan.kind=attempt phase.name=analysis retry.attempt=1 retry.delay_seconds=0 retry.result=failed retry.outcome=permanent retry.max_retries=3 error.type=*errors.errorString
  report 6s+0s backspan.kind=phase phase.name=report run.name=nightly phase.status=skipped phase.reason="analysis" failed before it began recovery.attempted=false
`
		if got := spanTree(rec); got != want {
			t.Errorf("got:\n%s\nwant:\n%s", got, want)
		}
		checkSpans(t, report, rec)
	})
}

func TestFallbackHasASpan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := retrytest.Record(t, t.Context())
		p := pipeline(orchestrator.Phase{
			Name: "a", Run: fails(errRefused), Fallback: ok("stale"), Recovery: &retry.Policy{MaxRetries: 1},
		})
		report, err := p.Run(ctx, recovering)
		if err != nil {
			t.Fatal(err)
		}
		last := rec.Spans()[2]
		equal(t, "name", last.Name(), "fallback")
		equal(t, "kind", attributeOf(last.Attributes(), semconv.KindKey).AsString(), semconv.KindFallback)
		equal(t, "attempt", attributeOf(last.Attributes(), semconv.AttemptKey).AsInt64(), 2)
		equal(t, "status", last.Status().Code, codes.Unset)
		checkSpans(t, report, rec)
	})
}

func TestLargeOutputsBecomeTheirSizeOnTheSpan(t *testing.T) {
	large := strings.Repeat("x", 5000)
	ctx, rec := retrytest.Record(t, t.Context())
	p := pipeline(orchestrator.Phase{Name: "a", Run: func(_ context.Context, in orchestrator.Input) (any, error) {
		if in.Attempt == 0 {
			return nil, errRefused
		}
		return large, nil
	}})
	report, err := p.Run(retrytest.NoWait(ctx), recovering)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "size in the report", len(report.Phases[0].Result), 5002)
	equal(t, "once", len(report.Phases[0].Recovery.Attempts[0].Result), 0)
	for _, s := range rec.Spans() {
		if s.Name() == "a" {
			equal(t, "recovery.result", attributeOf(s.Attributes(), semconv.RecoveryResultKey).AsString(),
				`{"attempted":true,"success":true,"message":"Recovery successful on attempt 1",`+
					`"attempts":[{"attempt":1,"delay":2,"status":"success","result":{"size":5002}}]}`)
		}
	}
}

// What a phase does itself hangs below its attempt, and says whose it is.
func TestWhatPhasesCallHangsBelowTheirAttempts(t *testing.T) {
	ctx, rec := retrytest.Record(t, t.Context())
	p := pipeline(orchestrator.Phase{Name: "a", Run: func(ctx context.Context, in orchestrator.Input) (any, error) {
		frame := scope.From(ctx)
		provider := trace.SpanFromContext(ctx).TracerProvider()
		equal(t, "frame", frame, scope.Frame{Session: in.RunID, Phase: "a", Depth: 1, Provider: provider, NoWait: true})
		return nil, retry.Do(ctx, "data_load", retry.Policy{MaxRetries: 1}, func(context.Context) error { return nil })
	}})
	report, err := p.Run(retrytest.NoWait(ctx),
		orchestrator.Options{EnableRecovery: true, RunID: "4786a9a2-c5bf-41ca-a26e-e1ae5d01f41c"})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "session", report.SessionID, "4786a9a2-c5bf-41ca-a26e-e1ae5d01f41c")
	checkSpans(t, report, rec)
	byName := map[string]sdktrace.ReadOnlySpan{}
	for _, s := range rec.Spans() {
		if attributeOf(s.Attributes(), semconv.KindKey).AsString() != semconv.KindAttempt ||
			attributeOf(s.Attributes(), semconv.OperationKey).AsString() == "" {
			byName[s.Name()] = s
		}
	}
	equal(t, "the operation's parent", byName["data_load"].Parent().SpanID(),
		byName["attempt 1"].SpanContext().SpanID())
	equal(t, "the operation's phase",
		attributeOf(byName["data_load"].Attributes(), semconv.PhaseNameKey).AsString(), "a")
}

// Libraries start spans with the global tracer. The run's spans went elsewhere, and what is retried below goes there
// too.
func TestASpanOfTheGlobalTracerBetweenTakesNothingAway(t *testing.T) {
	ctx, rec := retrytest.Record(t, t.Context())
	inner := pipeline(orchestrator.Phase{Name: "b", Run: ok(1)})
	p := pipeline(orchestrator.Phase{Name: "a", Run: func(ctx context.Context, _ orchestrator.Input) (any, error) {
		ctx, span := otel.Tracer("library").Start(ctx, "handler")
		defer span.End()
		if err := retry.Do(ctx, "data_load", retry.Policy{}, func(context.Context) error { return nil }); err != nil {
			return nil, err
		}
		_, err := inner.Run(ctx, recovering)
		return nil, err
	}})
	if _, err := p.Run(ctx, recovering); err != nil {
		t.Fatal(err)
	}
	equal(t, "attempts", rec.Attempts("data_load"), 1)
	equal(t, "spans", len(rec.Spans()), 8)
}

// startedKinds keeps what a span processor can know of our spans when they start.
type startedKinds struct {
	sdktrace.SpanProcessor
	got map[string]scope.Frame
}

func (p *startedKinds) OnStart(parent context.Context, s sdktrace.ReadWriteSpan) {
	p.got[s.Name()] = scope.From(parent)
}
func (p *startedKinds) OnEnd(sdktrace.ReadOnlySpan) {}

func TestProcessorsKnowOurSpansFromTheFirst(t *testing.T) {
	processor := &startedKinds{got: map[string]scope.Frame{}}
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(processor))
	ctx, parent := provider.Tracer("test").Start(t.Context(), "parent")
	defer parent.End()
	p := pipeline(orchestrator.Phase{
		Name: "a", Run: flaky(1, errRefused), Recovery: &retry.Policy{BaseDelay: retry.NoDelay},
	})
	if _, err := p.Run(ctx, orchestrator.Options{EnableRecovery: true, RunID: "id"}); err != nil {
		t.Fatal(err)
	}
	want := map[string]scope.Frame{
		"parent":    {},
		"nightly":   {Session: "id", Provider: provider, Starting: semconv.KindRun},
		"a":         {Session: "id", Phase: "a", Provider: provider, Starting: semconv.KindPhase},
		"attempt 1": {Session: "id", Phase: "a", Depth: 1, Provider: provider, Starting: semconv.KindAttempt},
		"recovery 1": {
			Session: "id", Phase: "a", Depth: 1, Retries: 1, Provider: provider, Starting: semconv.KindRecovery,
		},
	}
	if !reflect.DeepEqual(processor.got, want) {
		t.Errorf("got  %v\nwant %v", processor.got, want)
	}
}

// A run that is not sampled starts no spans below its own, and hands its trace on all the same.
func TestRunThatIsNotRecorded(t *testing.T) {
	provider := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))
	ctx, parent := provider.Tracer("test").Start(t.Context(), "parent")
	defer parent.End()
	p := pipeline(orchestrator.Phase{Name: "a", Run: func(ctx context.Context, _ orchestrator.Input) (any, error) {
		equal(t, "trace", trace.SpanContextFromContext(ctx).TraceID(), parent.SpanContext().TraceID())
		return nil, nil
	}})
	if _, err := p.Run(ctx, recovering); err != nil {
		t.Fatal(err)
	}
}

// A run within a phase is a session of its own; that its root belongs to the phase around is still to be seen.
func TestRunWithinAPhase(t *testing.T) {
	ctx, rec := retrytest.Record(t, t.Context())
	var inner orchestrator.Report
	outer, err := pipeline(orchestrator.Phase{
		Name: "a",
		Run: func(ctx context.Context, _ orchestrator.Input) (any, error) {
			var err error
			inner, err = orchestrator.Pipeline{
				Name: "inner", Phases: []orchestrator.Phase{{Name: "b", Run: ok(1)}},
			}.Run(ctx, recovering)
			return inner, err
		},
	}).Run(ctx, recovering)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][2]string{
		"nightly": {outer.SessionID, ""}, "a": {outer.SessionID, "a"},
		"inner": {inner.SessionID, "a"}, "b": {inner.SessionID, "b"},
	}
	if outer.SessionID == inner.SessionID {
		t.Error("both runs have one session")
	}
	for _, s := range rec.Spans() {
		if names, known := want[s.Name()]; known {
			equal(t, s.Name(), [2]string{
				attributeOf(s.Attributes(), semconv.SessionIDKey).AsString(),
				attributeOf(s.Attributes(), semconv.PhaseNameKey).AsString(),
			}, names)
			delete(want, s.Name())
		}
	}
	equal(t, "spans not seen", len(want), 0)
}
