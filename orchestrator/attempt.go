package orchestrator

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/boundtext"
	"github.com/backspan/backspan/internal/decide"
	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/orchestrator/engine"
	"github.com/backspan/backspan/retry"
)

// Attempt makes the attempt that task describes and returns how it ended, and what is to follow. It is for engines.
//
// ctx carries the phase's span, or the span context of one in another process: the attempt's span is its child. Its
// end ends the attempt. The phase's Timeout need not be in it: what task.Elapsed leaves of that bounds the attempt,
// with a cause that names it. The function runs on a goroutine of its own, so that a panic or runtime.Goexit ends only
// the attempt. A function that runs for longer than limits.Grace after its context has ended is abandoned.
//
// With a provider that has an engine.IDGenerator the id of the attempt's span comes from the run's id and the task.
//
// The error is a *FieldError when ctx has no span context, or task or limits cannot be used; nothing was called then.
func (p *Plan) Attempt(ctx context.Context, task engine.Task, limits engine.Limits) (engine.Done, error) {
	if err := checkAttempt(ctx, task, limits); err != nil {
		return engine.Done{}, err
	}
	if i, known := p.index[task.Phase]; known && p.pipeline.Phases[i].Timeout > 0 {
		timeout := p.pipeline.Phases[i].Timeout
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, timeout-task.Elapsed, &timeoutError{"phase", timeout})
		defer cancel()
	}
	done := make(chan *engine.Done, 1)
	a := p.newAttempt(ctx, task, limits)
	a.derived = true
	a.deliver = func(d *engine.Done) { done <- d }
	go a.run(ctx)
	return *<-done, nil
}

// checkAttempt returns a *FieldError for arguments of Attempt that cannot be used.
func checkAttempt(ctx context.Context, task engine.Task, limits engine.Limits) error {
	switch {
	case ctx == nil:
		return &FieldError{Field: "ctx", Value: "nil", Want: "a context"}
	case !trace.SpanContextFromContext(ctx).IsValid():
		return &FieldError{
			Field: "ctx", Value: "without a span",
			Want: "the phase's span, or its span context (see trace.ContextWithRemoteSpanContext)",
		}
	case task.Attempt < 0 || task.Attempt == math.MaxInt:
		return &FieldError{
			Field: "Task.Attempt", Value: fmt.Sprint(task.Attempt), Want: "0 or more, as the loop counts",
		}
	case task.Delay < 0:
		return &FieldError{Field: "Task.Delay", Value: task.Delay.String(), Want: "0 or more"}
	case task.Elapsed < 0:
		return &FieldError{Field: "Task.Elapsed", Value: task.Elapsed.String(), Want: "0 or more"}
	case limits.Grace < 0:
		return &FieldError{Field: "Limits.Grace", Value: limits.Grace.String(), Want: "0 or more"}
	case limits.MaxResult < 0:
		return &FieldError{Field: "Limits.MaxResult", Value: fmt.Sprint(limits.MaxResult), Want: "0 or more bytes"}
	}
	return nil
}

// An attempt is one call of a phase's function.
type attempt struct {
	plan    *Plan
	index   int  // the phase's
	known   bool // whether the pipeline has the phase
	task    engine.Task
	policy  retry.Policy
	frame   scope.Frame // the function's
	limits  engine.Limits
	derived bool               // its span's id comes from its place in the run
	skipped time.Duration      // waits of the phase that took no time; see scope.Frame.NoWait
	deliver func(*engine.Done) // called exactly once
	stopped func() error       // returns an error when no other attempt may follow; nil: the phase's context decides

	started time.Time
	span    trace.Span    // nil when the phase's is not recorded
	asked   time.Duration // the wait that the server asked for; 0: none
	depth   int           // how many retry loops are around the run

	// Of the goroutine that calls the function.
	output   json.RawMessage
	skip     string // why there was nothing to do; empty when there was
	err      error
	panicked *panicError
	returned bool

	mu      sync.Mutex
	settled bool        // whoever sets it delivers
	abandon *time.Timer // set when the context ends; it abandons the call
}

func (p *Plan) newAttempt(ctx context.Context, task engine.Task, limits engine.Limits) *attempt {
	var policy retry.Policy
	i, known := p.index[task.Phase]
	if known {
		policy = p.policies[i]
	}
	if !task.Recovery {
		policy.MaxRetries = retry.Never
	}
	limits.Grace = cmp.Or(limits.Grace, DefaultGrace)
	frame := scope.From(ctx)
	depth := frame.Depth
	frame.Session, frame.Phase, frame.DryRun = task.RunID, task.Phase, frame.DryRun || task.DryRun
	if task.Recovery && policy.MaxRetries != retry.Never {
		frame.Depth++ // a level of retrying around whatever the phase retries itself
	}
	if !task.Fallback { // which does something else than the attempts before it
		frame.Retries += task.Attempt
	}
	return &attempt{
		plan: p, index: i, known: known, task: task, policy: policy, frame: frame, depth: depth, limits: limits,
	}
}

// run makes the call. phase is the phase's context. What must happen after the call is deferred, because
// runtime.Goexit in the phase's function does not return here.
func (a *attempt) run(phase context.Context) {
	a.started = time.Now()
	ctx := a.startSpan(phase, time.Time{})
	if timeout := a.policy.AttemptTimeout; timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, timeout, &timeoutError{"attempt", timeout})
		defer cancel()
	}
	defer context.AfterFunc(ctx, func() { a.abandonAfterGrace(phase, context.Cause(ctx)) })()
	defer a.settle(phase)
	defer a.caught()

	if ctx.Err() != nil {
		a.err = fmt.Errorf("not called: %w", context.Cause(ctx))
	} else {
		a.output, a.err = a.call(ctx)
		a.err = withTimeout(ctx, a.err)
	}
	a.returned = true
}

func (a *attempt) call(ctx context.Context) (json.RawMessage, error) {
	if !a.known { // a task of another version of the pipeline
		return nil, a.unknown()
	}
	phase := &a.plan.pipeline.Phases[a.index]
	function := phase.Run
	switch {
	case a.task.Fallback:
		function = phase.Fallback
	case a.task.DryRun:
		function = phase.DryRun
	}
	if function == nil { // likewise
		return nil, retry.Permanent(fmt.Errorf("phase %q has no function for this task", phase.Name))
	}
	result, err := function(ctx, a.input())
	if a.skips(err) {
		return nil, nil
	}
	if err != nil || result == nil {
		return nil, err
	}
	output, err := json.Marshal(result)
	if err != nil {
		return nil, retry.Permanent(fmt.Errorf("the result does not marshal to JSON: %w", err))
	}
	if string(output) == "null" {
		return nil, nil
	}
	if most := a.limits.MaxResult; most > 0 && len(output) > most {
		tooLarge := fmt.Errorf("the result is %d bytes of JSON, and at most %d can be kept", len(output), most)
		return nil, retry.Permanent(tooLarge)
	}
	return output, nil
}

// skips reports whether err is one of Skip, and keeps its reason.
func (a *attempt) skips(err error) bool {
	defer func() { _ = recover() }() // Unwrap of a nil pointer
	semconv.Walk(err, func(err error) bool {
		skip, ok := err.(*skipError) //nolint:errorlint // Walk unwraps
		if ok {
			reason := cmp.Or(strings.TrimSpace(valid(skip.reason)), "there was nothing to do")
			a.skip = boundtext.Of(reason, nil, boundtext.MaxPhaseReason)
		}
		return ok
	})
	return a.skip != ""
}

func (a *attempt) unknown() error {
	return retry.Permanent(fmt.Errorf("pipeline %q has no phase %q", a.plan.pipeline.Name, a.task.Phase))
}

func (a *attempt) input() Input {
	return Input{
		RunID:          a.task.RunID,
		Phase:          a.task.Phase,
		Attempt:        a.task.Attempt,
		DryRun:         a.task.DryRun,
		IdempotencyKey: idempotencyKey(a.task.RunID, a.plan.pipeline.Name, a.task.Phase),
		RunStatus:      Status(a.task.RunStatus),
		FailedPhase:    a.task.FailedPhase,
		FailedError:    a.task.FailedError,
		outputs:        a.task.Inputs,
		reads:          func() []string { return a.plan.names(a.plan.reads[a.index]) },
	}
}

// caught turns a panic or runtime.Goexit into the attempt's error. The error is permanent unless the policy has a
// Retryable, which then decides: most panics are programming errors, and the next attempt would panic too.
func (a *attempt) caught() {
	if a.returned {
		return
	}
	value := recover()
	a.panicked = &panicError{value: value, goexit: value == nil, stack: string(debug.Stack())}
	a.err = a.panicked
	if a.policy.Retryable == nil {
		a.err = retry.Permanent(a.err)
	}
}

// settle decides what follows and delivers it, unless the call was abandoned meanwhile.
func (a *attempt) settle(phase context.Context) {
	if !a.claim() {
		return
	}
	d := a.done(a.err, a.output, phase.Err() != nil)
	d.Skipped = a.skip
	// Deferred, because the functions of a policy may panic too.
	defer a.finish(phase, d, a.panicked)
	if d.Err != nil {
		a.decide(d, a.now(phase))
	}
}

// tell calls the policy's AfterAttempt. What was decided is on the attempt's span already, so a panic there changes
// nothing.
func (a *attempt) tell(phase context.Context, d *engine.Done, took time.Duration) {
	if a.policy.AfterAttempt == nil || a.task.Fallback {
		return
	}
	defer func() {
		if value := recover(); value != nil {
			otel.Handle(fmt.Errorf("orchestrator: phase %q: panic in AfterAttempt: %v", a.task.Phase, value))
		}
	}()
	told := retry.Attempt{
		Operation:   a.task.Phase,
		Number:      a.task.Attempt + 1,
		RetriesLeft: decide.RetriesLeft(a.policy.MaxRetries, a.task.Attempt+1),
		Depth:       a.depth,
		Delay:       a.task.Delay,
		Err:         d.Err,
		Duration:    took,
		NextDelay:   d.Decision.Delay,
	}
	if d.Err != nil && !d.Decision.Retry {
		told.Stop = d.Decision.Reason.Err()
	}
	a.policy.AfterAttempt(phase, told)
}

// claim reports whether the caller is the one to end the attempt.
func (a *attempt) claim() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.settled {
		return false
	}
	a.settled = true
	if a.abandon != nil {
		a.abandon.Stop()
	}
	return true
}

// abandonAfterGrace ends the attempt although its call has not returned, when that takes longer than the grace. The
// context of the call has ended because of cause.
func (a *attempt) abandonAfterGrace(phase context.Context, cause error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.settled {
		return
	}
	a.abandon = time.AfterFunc(a.limits.Grace, func() {
		if !a.claim() {
			return
		}
		// Permanent, because loops around the run must not start the function again either.
		d := a.done(retry.Permanent(&abandonedError{a.limits.Grace, cause}), nil, true)
		a.decide(d, a.now(phase))
		if d.Decision.Reason == engine.ReasonPermanent {
			d.Decision.Reason = engine.ReasonAbandoned
		}
		a.finish(phase, d, nil)
	})
}

func (a *attempt) finish(phase context.Context, d *engine.Done, panicked *panicError) {
	took := time.Since(a.started)
	defer a.deliver(d) // AfterAttempt may call runtime.Goexit
	a.endSpan(d, panicked, time.Time{})
	a.tell(phase, d, took)
}

// timeoutError is the cause of a context that a timeout of the pipeline ended. It says which timeout.
type timeoutError struct {
	of string
	d  time.Duration
}

func (e *timeoutError) Error() string { return fmt.Sprintf("%s timeout of %v", e.of, e.d) }
func (e *timeoutError) Unwrap() error { return context.DeadlineExceeded }

// withTimeout adds to "context deadline exceeded" which timeout of the pipeline it was.
func withTimeout(ctx context.Context, err error) error {
	// The cause is asked first: a user's error may wrap itself, and errors.Is then never returns.
	timeout, ok := errors.AsType[*timeoutError](context.Cause(ctx))
	if err == nil || !ok || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, timeout) { // or says it already
		return err
	}
	return fmt.Errorf("%w (%w)", err, timeout)
}
