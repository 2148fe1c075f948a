package temporal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	common "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	workflows "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/orchestrator/engine/enginetest"
	"github.com/backspan/backspan/retry"
)

var errRefused = errors.New("connection refused")

func one(run orchestrator.PhaseFunc, more ...orchestrator.Phase) orchestrator.Pipeline {
	return orchestrator.Pipeline{
		Name: "nightly", Phases: append([]orchestrator.Phase{{Name: "load", Run: run}}, more...),
	}
}

func ok(context.Context, orchestrator.Input) (any, error) { return "rows", nil }

// waitsFor takes d in its first attempt, and heeds its context.
func waitsFor(d time.Duration) orchestrator.PhaseFunc {
	return func(ctx context.Context, in orchestrator.Input) (any, error) {
		if in.Attempt > 0 {
			return "rows", nil
		}
		select {
		case <-time.After(d):
			return "rows", nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

var recovering = orchestrator.Options{RunID: "monday", EnableRecovery: true}

func TestBadInput(t *testing.T) {
	good := func() *Engine { return NewEngine(&environment{}, "nightly") }
	for _, c := range []struct {
		ctx      context.Context
		engine   *Engine
		pipeline orchestrator.Pipeline
		opts     orchestrator.Options
		want     string
	}{
		{nil, good(), one(ok), recovering, "orchestrator: ctx is nil, want a context"},
		{
			t.Context(), NewEngine(nil, "q"), one(ok), recovering,
			"orchestrator: NewEngine's client is nil, want a client of Temporal",
		},
		{
			t.Context(), NewEngine(&environment{}, ""), one(ok), recovering,
			`orchestrator: NewEngine's queue is "", want the task queue of the workers`,
		},
		{
			t.Context(), good(),
			orchestrator.Pipeline{},
			recovering,
			`orchestrator: Pipeline.Name is "", want a name, for example nightly`,
		},
		{
			t.Context(), good(), one(ok),
			orchestrator.Options{MaxParallel: -1},
			"orchestrator: Options.MaxParallel is -1, want 0 or more",
		},
		{
			t.Context(), &Engine{Heartbeat: time.Millisecond, client: good().client, queue: "q"}, one(ok), recovering,
			"orchestrator: Engine.Heartbeat is 1ms, want 1s or more, or 0",
		},
		{
			t.Context(), &Engine{Patience: -1, client: good().client, queue: "q"}, one(ok), recovering,
			"orchestrator: Engine.Patience is -1ns, want 1s or more, or 0",
		},
		{
			t.Context(), &Engine{MaxResult: -1, client: good().client, queue: "q"}, one(ok), recovering,
			"orchestrator: Engine.MaxResult is -1, want 0 or more bytes",
		},
		{
			t.Context(), &Engine{MaxReport: -1, client: good().client, queue: "q"}, one(ok), recovering,
			"orchestrator: Engine.MaxReport is -1, want 0 or more bytes",
		},
	} {
		report, err := c.engine.Run(c.ctx, c.pipeline, c.opts)
		if _, bad := errors.AsType[*orchestrator.FieldError](err); !bad || err.Error() != c.want ||
			report.Status != "" {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
		if c.pipeline.Name != "" && c.opts.MaxParallel == 0 {
			if _, err := c.engine.Resume(c.ctx, c.pipeline, "monday"); fmt.Sprint(err) != c.want {
				t.Errorf("Resume: got %v, want %s", err, c.want)
			}
		}
	}
}

func TestRegisterRefuses(t *testing.T) {
	e := newEnvironment(t, one(ok))
	if err := Register(e.env, one(ok)); err == nil ||
		!strings.Contains(err.Error(), `pipeline "nightly" cannot be registered`) {
		t.Errorf("twice: %v", err)
	}
	if _, bad := errors.AsType[*orchestrator.FieldError](Register(e.env, orchestrator.Pipeline{Name: "x"})); !bad {
		t.Error("a pipeline without phases was registered")
	}
}

// answering is a client whose answers are given.
type answering struct {
	client.Client

	err   error
	found *workflows.WorkflowExecutionInfo
}

func (a *answering) ExecuteWorkflow(context.Context, client.StartWorkflowOptions, any, ...any) (
	client.WorkflowRun, error,
) {
	return nil, a.err
}

func (a *answering) DescribeWorkflow(context.Context, string, string) (*client.WorkflowExecutionDescription, error) {
	if a.err != nil {
		return nil, a.err
	}
	raw := &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: a.found}
	return &client.WorkflowExecutionDescription{RawResponse: raw}, nil
}

func TestErrorsOfTemporal(t *testing.T) {
	for _, c := range []struct{ err, want error }{
		{serviceerror.NewUnavailable("connection refused"), ErrUnreachable},
		{context.DeadlineExceeded, ErrUnreachable},
		{serviceerror.NewWorkflowExecutionAlreadyStarted("already started", "", ""), ErrExists},
		{serviceerror.NewNotFound("not found"), ErrUnknown},
	} {
		e := NewEngine(&answering{err: c.err}, "nightly")
		if _, err := e.Run(t.Context(), one(ok), recovering); !errors.Is(err, c.want) ||
			!strings.Contains(err.Error(), `run "monday"`) {
			t.Errorf("Run: got %v, want %v", err, c.want)
		}
		if _, err := e.Resume(t.Context(), one(ok), "monday"); !errors.Is(err, c.want) ||
			!strings.Contains(err.Error(), `run "monday"`) {
			t.Errorf("Resume: got %v, want %v", err, c.want)
		}
	}
	denied := NewEngine(&answering{err: serviceerror.NewPermissionDenied("no", "")}, "nightly")
	if _, err := denied.Run(t.Context(), one(ok), recovering); err == nil || errors.Is(err, ErrUnreachable) {
		t.Errorf("denied: %v", err)
	}
}

func TestResumeRefusesWhatIsAnotherRun(t *testing.T) {
	for _, c := range []struct {
		kind string
		want error
	}{{"backspan.nightly", ErrChanged}, {"backspan.weekly", ErrUnknown}, {"OrderWorkflow", ErrUnknown}} {
		found := &workflows.WorkflowExecutionInfo{Type: &common.WorkflowType{Name: c.kind}}
		_, err := NewEngine(&answering{found: found}, "nightly").Resume(t.Context(), one(ok), "monday")
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.kind, err, c.want)
		}
	}
}

// A worker with another pipeline than the starter's does not begin the run.
func TestAChangedPlanIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		record(t)
		e := newEnvironment(t, one(ok))
		_, err := NewEngine(e, "nightly").Run(t.Context(),
			one(ok, orchestrator.Phase{Name: "new", Run: ok}), recovering)
		if err == nil || !strings.Contains(err.Error(), ErrChanged.Error()) {
			t.Errorf("got %v, want ErrChanged", err)
		}
	})
}

// An attempt of a worker that is told to stop ends, counts as lost, and is followed by another.
func TestWorkerStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recorder := record(t)
		e := newEnvironment(t, one(waitsFor(time.Hour)))
		time.AfterFunc(time.Second, func() { close(e.stop) })
		report, err := NewEngine(e, "nightly").Run(t.Context(), one(waitsFor(time.Hour)), recovering)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := report.Phases[0].Error, "attempt lost: the worker is stopping: context canceled"; got != want {
			t.Errorf("error %q, want %q", got, want)
		}
		if took := report.Ended.Sub(report.Started); took != 3*time.Second { // one, and the wait
			t.Errorf("it took %v, want 3s", took)
		}
		if tree := enginetest.Tree(recorder.Ended()); strings.Count(tree, `error.type="lost"`) != 1 {
			t.Errorf("spans:\n%s", tree)
		}
	})
}

// An attempt whose worker died is in the report and has a span, below its phase.
func TestLostAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recorder := record(t)
		e := newEnvironment(t, one(ok))
		e.server.lose = 1
		report, err := NewEngine(e, "nightly").Run(t.Context(), one(ok), recovering)
		if err != nil {
			t.Fatal(err)
		}
		got, want := report.Phases[0].Error, "attempt lost: no heartbeat came from its worker for 10s (Heartbeat)"
		if got != want {
			t.Errorf("error %q, want %q", got, want)
		}
		tree := enginetest.Tree(recorder.Ended())
		for _, want := range []string{"\n    attempt 1 [", "\n    recovery 1 [", `error.type="lost"`} {
			if strings.Count(tree, want) != 1 {
				t.Errorf("%q is not once in\n%s", want, tree)
			}
		}
	})
}

// The time that a lost attempt took counts.
func TestLostAttemptsTakeTime(t *testing.T) {
	p := one(ok)
	p.Recovery.MaxElapsed = 11 * time.Second // 10 for the attempt, and the wait of 2 does not fit
	synctest.Test(t, func(t *testing.T) {
		record(t)
		e := newEnvironment(t, p)
		e.server.lose = 1
		if _, err := NewEngine(e, "nightly").Run(t.Context(), p, recovering); !errors.Is(err, retry.ErrDeadline) {
			t.Errorf("got %v, want ErrDeadline", err)
		}
	})
}

// An attempt that no worker has taken when the run is cancelled was not called, and has a span all the same.
func TestCancelledInTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recorder := record(t)
		e := newEnvironment(t, one(ok))
		e.server.full = true
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(errRefused) })
		report, _ := NewEngine(e, "nightly").Run(ctx, one(ok), recovering)
		phase := report.Phases[0]
		if phase.Status != orchestrator.Cancelled || phase.Error != "not called: connection refused" {
			t.Errorf("%+v", phase)
		}
		if tree := enginetest.Tree(recorder.Ended()); strings.Count(tree, "\n    attempt 1 [") != 1 {
			t.Errorf("spans:\n%s", tree)
		}
	})
}

// A worker may notice the end of the run's time before the workflow does. It is the run that ends, not the phase.
func TestAWorkerWhoseClockIsAhead(t *testing.T) {
	p := one(waitsFor(time.Hour))
	synctest.Test(t, func(t *testing.T) {
		record(t)
		e := newEnvironment(t, p)
		e.server.late, e.server.deaf = time.Second, true
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		report, _ := NewEngine(e, "nightly").Run(ctx, p, recovering)
		const want = "the run's time was up: context deadline exceeded"
		if phase := report.Phases[0]; report.Reason != want || phase.Reason != want {
			t.Errorf("reasons %q and %q, want %q", report.Reason, phase.Reason, want)
		}
		<-time.After(time.Minute) // for the timers of the environment
	})
}

// What cleans up when the run is stopped is not tried again, although its worker did not know of the stop.
func TestCleaningUpIsNotTriedAgain(t *testing.T) {
	p := orchestrator.Pipeline{Name: "nightly", Phases: []orchestrator.Phase{{
		Name: "clean", If: orchestrator.Always,
		Run: func(context.Context, orchestrator.Input) (any, error) {
			<-time.After(time.Minute)
			return nil, errRefused
		},
	}}}
	run := func(t *testing.T, run func(context.Context, orchestrator.Options) (orchestrator.Report, error)) string {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		opts := recovering
		opts.Cleanup = t.Context()
		report, _ := run(ctx, opts)
		return fmt.Sprintf("%s, %s: %+v", report.Status, report.Reason, report.Phases)
	}
	synctest.Test(t, func(t *testing.T) {
		record(t)
		e := NewEngine(newEnvironment(t, p), "nightly")
		got := run(t, func(ctx context.Context, opts orchestrator.Options) (orchestrator.Report, error) {
			return e.Run(ctx, p, opts)
		})
		if want := run(t, p.Run); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

func large(n int) orchestrator.PhaseFunc {
	return func(context.Context, orchestrator.Input) (any, error) { return strings.Repeat("x", n-2), nil }
}

func TestResultsOverTheCaps(t *testing.T) {
	p := one(large(1000), orchestrator.Phase{Name: "sum", Run: large(2000)})
	for _, c := range []struct {
		result, report int
		want           string
	}{
		{2000, 100_000, "<nil>"},
		{
			1999, 100_000,
			`pipeline "nightly" failed: sum: permanent error after 1 attempt: the result is 2000 bytes of JSON, and at most 1999 can be kept`,
		},
		{
			2000, 3000,
			`pipeline "nightly" failed: sum: permanent error after 1 attempt: the result is 2000 bytes of JSON, and at most 1488 can be kept`,
		},
		{
			2000, 3600,
			`pipeline "nightly" failed: sum: permanent error after 1 attempt: the result is 2000 bytes of JSON, and the report has room for 1576`,
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			record(t)
			engine := NewEngine(newEnvironment(t, p), "nightly")
			engine.MaxResult, engine.MaxReport = c.result, c.report
			report, err := engine.Run(t.Context(), p, recovering)
			if fmt.Sprint(err) != c.want || len(report.Phases[0].Result) != 1000 {
				t.Errorf("%+v: got %v", c, err)
			}
		})
	}
}

// The report of a run that is tried for ever ends before it is more than Temporal carries.
func TestEndlessAttemptsAreBounded(t *testing.T) {
	p := one(func(context.Context, orchestrator.Input) (any, error) { return nil, errRefused })
	p.Recovery = retry.Policy{MaxRetries: retry.Unlimited}
	synctest.Test(t, func(t *testing.T) {
		record(t)
		engine := NewEngine(newEnvironment(t, p), "nightly")
		engine.MaxReport = 10_000
		report, err := engine.Run(t.Context(), p, recovering)
		if report.Status != orchestrator.Cancelled || !strings.Contains(report.Reason, "and 10000 are allowed") ||
			err == nil {
			t.Errorf("status %s, reason %q, error %v", report.Status, report.Reason, err)
		}
	})
}

// What programs ask of the error of Pipeline.Run, they can ask of this one.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		name string
		p    orchestrator.Pipeline
		stop time.Duration
		want []error
	}{
		{
			"exhausted", one(func(context.Context, orchestrator.Input) (any, error) { return nil, errRefused }), 0,
			[]error{retry.ErrExhausted},
		},
		{
			"permanent", one(func(context.Context, orchestrator.Input) (any, error) {
				return nil, retry.Permanent(errRefused)
			}), 0, []error{retry.ErrPermanent},
		},
		{"cancelled", one(waitsFor(time.Hour)), time.Second, []error{retry.ErrCancelled, context.Canceled}},
	} {
		synctest.Test(t, func(t *testing.T) {
			record(t)
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			if c.stop > 0 {
				time.AfterFunc(c.stop, func() { cancel(errRefused) })
			}
			_, err := NewEngine(newEnvironment(t, c.p), "nightly").Run(ctx, c.p, recovering)
			e, isError := errors.AsType[*orchestrator.Error](err)
			if !isError || len(e.Phases) != 1 || e.Phases[0].Operation != "load" {
				t.Fatalf("%s: %v", c.name, err)
			}
			for _, want := range c.want {
				if !errors.Is(err, want) {
					t.Errorf("%s: %v does not match %v", c.name, err, want)
				}
			}
			if c.stop > 0 {
				return
			}
			if _, local := c.p.Run(ctx, recovering); err.Error() != local.Error() {
				t.Errorf("%s: %v, in the process %v", c.name, err, local)
			}
		})
	}
}

// A run whose context has ended before it began is reported as in the process: nothing was called.
func TestAContextThatHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		record(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errRefused)
		p := one(func(context.Context, orchestrator.Input) (any, error) {
			t.Error("called")
			return nil, nil
		})
		report, err := NewEngine(newEnvironment(t, p), "nightly").Run(ctx, p, recovering)
		if !errors.Is(err, context.Canceled) || report.Phases[0].Reason != "the run was cancelled: connection refused" {
			t.Errorf("%+v, error %v", report, err)
		}
	})
}

// What cleans up ends with its own context.
func TestTheEndOfCleaningUp(t *testing.T) {
	p := one(ok, orchestrator.Phase{Name: "clean", Run: waitsFor(time.Hour), If: orchestrator.Always})
	synctest.Test(t, func(t *testing.T) {
		record(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		cleanup, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		opts := recovering
		opts.Cleanup = cleanup
		report, err := NewEngine(newEnvironment(t, p), "nightly").Run(ctx, p, opts)
		took := report.Ended.Sub(report.Started)
		if err == nil || report.Phases[1].Status != orchestrator.Cancelled || took != time.Minute {
			t.Errorf("%s after %v, error %v", report.Phases[1].Status, took, err)
		}
	})
}

// The run's span is below the caller's, and goes by its sampling.
func TestTheCallersTrace(t *testing.T) {
	for _, flags := range []trace.TraceFlags{trace.FlagsSampled, 0} {
		synctest.Test(t, func(t *testing.T) {
			recorder := record(t)
			caller := trace.NewSpanContext(trace.SpanContextConfig{
				TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: flags,
			})
			ctx := trace.ContextWithSpanContext(t.Context(), caller)
			if _, err := NewEngine(newEnvironment(t, one(ok)), "nightly").Run(ctx, one(ok), recovering); err != nil {
				t.Fatal(err)
			}
			spans := recorder.Ended()
			if !flags.IsSampled() {
				if len(spans) > 0 {
					t.Errorf("%d spans are sampled, and the caller is not", len(spans))
				}
				return
			}
			run := spans[len(spans)-1]
			if run.Name() != "nightly" || run.Parent().SpanID() != caller.SpanID() ||
				run.SpanContext().TraceID() != caller.TraceID() {
				t.Errorf("%s is below %v", run.Name(), run.Parent())
			}
		})
	}
}

// A run that is not sampled has no span at all: not its attempts alone.
func TestAllOrNothingIsSampled(t *testing.T) {
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			recorder := record(t, sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(0.5))))
			opts := recovering
			opts.RunID = ""
			if _, err := NewEngine(newEnvironment(t, one(ok)), "nightly").Run(t.Context(), one(ok), opts); err != nil {
				t.Fatal(err)
			}
			if n := len(recorder.Ended()); n != 0 && n != 3 {
				t.Errorf("%d spans, want 0 or 3", n)
			}
		})
	}
}
