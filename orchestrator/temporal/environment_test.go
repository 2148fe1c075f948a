package temporal

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	sdk "go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"go.uber.org/goleak"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/orchestrator/engine"
	"github.com/backspan/backspan/orchestrator/engine/enginetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// An environment is the SDK's test environment behind the client of an Engine. It goes by the clock of a
// testing/synctest bubble, and cancels attempts as a server does.
type environment struct {
	client.Client // of what is not used here: nil

	env     *testsuite.TestWorkflowEnvironment
	server  *likeAServer
	stop    chan struct{} // closed when the worker stops
	started client.StartWorkflowOptions
	order   order
	ended   chan struct{}
}

var _ Registry = (*testsuite.TestWorkflowEnvironment)(nil)

func newEnvironment(t *testing.T, p orchestrator.Pipeline) *environment {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.NewTextHandler(io.Discard, nil))))
	e := &environment{
		env: suite.NewTestWorkflowEnvironment(), server: &likeAServer{},
		stop: make(chan struct{}), ended: make(chan struct{}),
	}
	e.server.cancels, e.server.begun = map[string]context.CancelFunc{}, make(chan struct{})
	e.env.SetTestTimeout(1000 * time.Hour)
	e.env.SetWorkerStopChannel(e.stop)
	e.env.SetWorkerOptions(worker.Options{
		DeadlockDetectionTimeout: time.Hour,
		Interceptors:             []interceptor.WorkerInterceptor{e.server},
	})
	if err := Register(e.env, p); err != nil {
		t.Fatal(err)
	}
	return e
}

func (e *environment) ExecuteWorkflow(
	_ context.Context, options client.StartWorkflowOptions, kind any, args ...any,
) (client.WorkflowRun, error) {
	e.started, e.order = options, args[0].(order)
	go func() {
		defer close(e.ended)
		e.env.ExecuteWorkflow(kind, args...)
	}()
	<-e.server.begun // before that, signals are lost
	return &environmentRun{e}, nil
}

func (e *environment) SignalWorkflow(_ context.Context, _, _, name string, arg any) error {
	if !e.server.deaf {
		e.env.SignalWorkflow(name, arg)
	}
	return nil
}

func (e *environment) DescribeWorkflow(context.Context, string, string) (*client.WorkflowExecutionDescription, error) {
	return &client.WorkflowExecutionDescription{RawResponse: &workflowservice.DescribeWorkflowExecutionResponse{}}, nil
}

// An environmentRun is the only run of an environment.
type environmentRun struct{ *environment }

func (r *environmentRun) GetID() string                  { return r.started.ID }
func (r *environmentRun) GetRunID() string               { return "1" }
func (r *environmentRun) GetFirstExecutionRunID() string { return "1" }

func (r *environmentRun) Get(ctx context.Context, value any) error {
	select {
	case <-r.ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := r.env.GetWorkflowError(); err != nil {
		return err
	}
	return r.env.GetWorkflowResult(value)
}

func (r *environmentRun) GetWithOptions(ctx context.Context, value any, _ client.WorkflowRunGetOptions) error {
	return r.Get(ctx, value)
}

// likeAServer lets time be the bubble's: the environment's own stands still while activities run. And it lets a
// cancelled activity end by itself, where the environment forgets it.
type likeAServer struct {
	interceptor.WorkerInterceptorBase

	mu      sync.Mutex
	cancels map[string]context.CancelFunc // by attempt
	begun   chan struct{}                 // closed when the workflow has begun
	lose    int                           // how many attempts are lost with their workers, after 10s
	full    bool                          // no worker has room for an attempt
	late    time.Duration                 // how much later timers are over
	deaf    bool                          // signals are lost
}

func key(c call) string { return fmt.Sprint(c.Task.Phase, c.Task.Attempt, c.Task.Fallback) }

func (s *likeAServer) InterceptWorkflow(
	_ workflow.Context, next interceptor.WorkflowInboundInterceptor,
) interceptor.WorkflowInboundInterceptor {
	return &inbound{interceptor.WorkflowInboundInterceptorBase{Next: next}, s}
}

type inbound struct {
	interceptor.WorkflowInboundInterceptorBase

	server *likeAServer
}

func (i *inbound) Init(next interceptor.WorkflowOutboundInterceptor) error {
	return i.Next.Init(&outbound{interceptor.WorkflowOutboundInterceptorBase{Next: next}, i.server})
}

func (i *inbound) ExecuteWorkflow(ctx workflow.Context, in *interceptor.ExecuteWorkflowInput) (any, error) {
	close(i.server.begun)
	return i.Next.ExecuteWorkflow(ctx, in)
}

type outbound struct {
	interceptor.WorkflowOutboundInterceptorBase

	server *likeAServer
}

func (o *outbound) Now(workflow.Context) time.Time { return time.Now() }

func (o *outbound) NewTimer(ctx workflow.Context, d time.Duration) workflow.Future {
	d += o.server.late
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{ScheduleToCloseTimeout: d + time.Hour})
	return workflow.ExecuteLocalActivity(ctx, func(ctx context.Context) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

func (o *outbound) NewTimerWithOptions(ctx workflow.Context, d time.Duration, _ workflow.TimerOptions) workflow.Future {
	return o.NewTimer(ctx, d)
}

func (o *outbound) ExecuteActivity(ctx workflow.Context, kind string, args ...any) workflow.Future {
	asked, name := ctx.Done(), key(args[0].(call))
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	workflow.Go(ctx, func(ctx workflow.Context) {
		asked.Receive(ctx, nil)
		o.server.mu.Lock()
		defer o.server.mu.Unlock()
		if cancel := o.server.cancels[name]; cancel != nil {
			cancel()
		}
	})
	return o.Next.ExecuteActivity(ctx, kind, args...)
}

func (s *likeAServer) InterceptActivity(
	_ context.Context, next interceptor.ActivityInboundInterceptor,
) interceptor.ActivityInboundInterceptor {
	return &activities{interceptor.ActivityInboundInterceptorBase{Next: next}, s}
}

type activities struct {
	interceptor.ActivityInboundInterceptorBase

	server *likeAServer
}

func (a *activities) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	if activity.GetInfo(ctx).IsLocalActivity {
		return a.Next.ExecuteActivity(ctx, in)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a.server.mu.Lock()
	a.server.cancels[key(in.Args[0].(call))] = cancel
	lost := a.server.lose > 0
	a.server.lose--
	a.server.mu.Unlock()
	switch {
	case lost:
		<-time.After(10 * time.Second)
		return nil, sdk.NewHeartbeatTimeoutError()
	case a.server.full:
		<-ctx.Done()
		return nil, sdk.NewCanceledError()
	}
	return a.Next.ExecuteActivity(ctx, in)
}

// record installs a provider for the test and returns what it records.
func record(t *testing.T, options ...sdktrace.TracerProviderOption) *tracetest.SpanRecorder {
	t.Helper()
	recorder, before := tracetest.NewSpanRecorder(), otel.GetTracerProvider()
	options = append(options, sdktrace.WithIDGenerator(engine.IDGenerator{}), sdktrace.WithSpanProcessor(recorder))
	otel.SetTracerProvider(sdktrace.NewTracerProvider(options...))
	t.Cleanup(func() { otel.SetTracerProvider(before) })
	return recorder
}

// inEnvironment is the Runner of this package.
func inEnvironment(
	ctx context.Context, t *testing.T, p orchestrator.Pipeline, opts orchestrator.Options,
) (orchestrator.Report, []sdktrace.ReadOnlySpan) {
	t.Helper()
	recorder := record(t)
	report, err := NewEngine(newEnvironment(t, p), "nightly").Run(ctx, p, opts)
	if (err == nil) != (report.Status == orchestrator.Success) {
		t.Errorf("the report is %q, and the error %v", report.Status, err)
	}
	return report, recorder.Ended()
}

// A run is the same as in the process: the report to the byte, and the spans.
func TestConformance(t *testing.T) { enginetest.Run(t, enginetest.Suite(), inEnvironment) }
