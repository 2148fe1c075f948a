package steps

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/cmd/backspan/internal/child"
	"github.com/backspan/backspan/cmd/backspan/internal/command"
	"github.com/backspan/backspan/cmd/backspan/internal/pipefile"
	"github.com/backspan/backspan/internal/boundtext"
	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
)

// A stepRun is a step in one try of its phase: an operation that is retried.
type stepRun struct {
	*phaseRun
	step pipefile.Step

	attempts   int
	failed     error         // of the last attempt
	last       *child.Result // how its last command ended; nil when none was started
	output     *output       // nil when it declares none, or did not succeed
	skipped    string        // why there was nothing to do; empty when there was
	skipsPhase bool          // for the whole phase
	allowed    bool          // it failed, and the phase goes on
}

// run makes the attempts of the step. The error is that of package retry, also when the failure is allowed.
func (s *stepRun) run(ctx context.Context, in orchestrator.Input, own map[string]*output) error {
	policy := s.step.Retry.Resolve(0)
	policy.AfterAttempt = s.mark
	return retry.Do(ctx, s.step.Name, policy, func(attempt context.Context) error {
		s.failed = s.try(attempt, in, policy, own)
		if s.failed != nil && s.step.AllowFailure && ctx.Err() == nil {
			trace.SpanFromContext(attempt).SetAttributes(semconv.AllowedKey.Bool(true))
		}
		return s.failed
	})
}

// try makes one attempt, with what is to run before it, and decides what its end counts as.
func (s *stepRun) try(ctx context.Context, in orchestrator.Input, policy retry.Policy, own map[string]*output) error {
	var stdout *capture
	var result child.Result
	err := s.beforeRetry(ctx, in, policy, own)
	if err == nil {
		stdout, result, err = s.attempt(ctx, in, s.step, policy, own)
	}
	err = s.judge(result, err)
	if err == nil && s.skipped == "" && s.step.Output != pipefile.NoOutput {
		s.output, err = stdout.output(s.step.Output)
	}
	if err != nil && !s.step.Retry.Retryable(err) {
		err = retry.Permanent(err) // the recovery of the phase would not mend it either
	}
	return err
}

// beforeRetry runs the step's before_retry when the attempt that begins is a retry. The error says that the attempt's
// time is over with it. Another failure is only told.
func (s *stepRun) beforeRetry(
	ctx context.Context, in orchestrator.Input, policy retry.Policy, own map[string]*output,
) error {
	const key = "before_retry"
	hook := s.step.BeforeRetry()
	if hook == nil || s.attempts == 0 {
		return nil
	}
	env := s.environ(ctx, in, *hook)
	if err := s.tellOutputs(env, *hook, own, in.DryRun); err != nil {
		s.tell(s.label(hook.Name), key+": "+err.Error())
		return nil //nolint:nilerr // it is a failure of before_retry, which changes nothing
	}
	code := -1
	if s.last != nil {
		code = s.last.Code()
	}
	env.SetFailure(s.step.Name, s.attempts, code, s.masked(s.failed.Error()))
	err := s.start(*hook, env, func(process child.Command) error {
		return command.BeforeRetry(ctx, process, policy.AttemptTimeout, key)
	})
	if failure, failed := errors.AsType[*command.Error](err); failed {
		if failure.Result.Stopped {
			return failure
		}
		s.tell(s.label(hook.Name), failure.Error())
	}
	return nil
}

// judge decides what result, the end of a command with the error err, counts as. It returns the error of the attempt.
func (s *stepRun) judge(result child.Result, err error) error {
	s.attempts++
	s.last = nil
	failure, ran := errors.AsType[*command.Error](err)
	switch {
	case err == nil:
		failure = &command.Error{Result: result}
	case !ran: // such as an output that cannot be used
		return err
	}
	s.last = &failure.Result
	switch {
	case s.step.SkipCodes.Ended(failure.Result):
		s.skipped = s.reason(failure)
	case s.phase.SkipCodes.Ended(failure.Result):
		s.skipped, s.skipsPhase = s.reason(failure), true
	case s.step.SuccessCodes == nil:
		return err
	case s.step.SuccessCodes.Ended(failure.Result):
	case err == nil:
		failure.Codes = strings.ReplaceAll(s.step.SuccessCodes.String(), ",", ", ")
		return failure
	default:
		return err
	}
	return nil
}

func (s *stepRun) reason(failure *command.Error) string {
	return boundtext.Of(strings.ToValidUTF8(failure.Error(), "\uFFFD"), failure, boundtext.MaxPhaseReason)
}

// mark is called after each attempt, with the operation's context, and puts on the operation's span what retrying does
// not know.
func (s *stepRun) mark(ctx context.Context, a retry.Attempt) {
	span := trace.SpanFromContext(ctx)
	switch {
	case s.skipped != "":
		span.SetAttributes(semconv.SkippedKey.String(s.skipped))
	case a.Stop != nil && s.step.AllowFailure && ctx.Err() == nil:
		s.allowed = true
		span.SetAttributes(semconv.AllowedKey.Bool(true))
	}
}

// A Result says how a step ended, for the report of a run.
type Result struct {
	Step     string              `json:"step"`
	Status   orchestrator.Status `json:"status"`
	Allowed  bool                `json:"allowed,omitempty"`   // it failed, and its allow_failure let the phase go on
	Attempts int                 `json:"attempts"`            // how many were made
	ExitCode *int                `json:"exit_code,omitempty"` // of the last one; nil when no command ran
	Error    string              `json:"error,omitempty"`     // why it failed
	Reason   string              `json:"reason,omitempty"`    // why it was skipped
}

// result is how the step ended with err. ctx is that of the phase's try.
func (s *stepRun) result(ctx context.Context, err error) Result {
	r := Result{Step: s.step.Name, Status: orchestrator.Success, Attempts: s.attempts, Allowed: s.allowed}
	if s.last != nil {
		code := s.last.Code()
		r.ExitCode = &code
	}
	switch {
	case s.skipped != "":
		r.Status, r.Reason = orchestrator.Skipped, s.masked(s.skipped)
	case err == nil:
		return r
	case errors.Is(ctx.Err(), context.Canceled):
		r.Status = orchestrator.Cancelled
	default:
		r.Status = orchestrator.Failed
	}
	if failure, ok := errors.AsType[*retry.Error](err); ok && failure.Err != nil {
		err = failure.Err // the name and the number of attempts are beside it
	}
	if err != nil {
		r.Error = s.masked(boundtext.Error(err, boundtext.MaxOperation))
	}
	return r
}

func (r *Runner) masked(text string) string {
	if r.Mask == nil {
		return text
	}
	return r.Mask(text)
}

// Steps are the steps of a phase that began in its last try, in their order.
func (r *Runner) Steps(phase string) []Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	if made := r.produced[phase]; made != nil {
		return slices.Clone(made.ends)
	}
	return nil
}

// tellFailure tells a command what failed. The step that ended the phase says it best.
func (p *phaseRun) tellFailure(env command.Environment, in orchestrator.Input) {
	if in.RunStatus == "" {
		return
	}
	env["BACKSPAN_RUN_STATUS"] = string(in.RunStatus)
	if in.FailedPhase == "" {
		return
	}
	env["BACKSPAN_FAILED_PHASE"] = in.FailedPhase
	message := p.masked(in.FailedError)
	for _, step := range p.Steps(in.FailedPhase) {
		if step.Error == "" || step.Allowed {
			continue
		}
		env["BACKSPAN_FAILED_STEP"] = step.Step
		message = step.Error
		if step.ExitCode != nil {
			env["BACKSPAN_FAILED_EXIT_CODE"] = strconv.Itoa(*step.ExitCode)
		}
	}
	env["BACKSPAN_FAILED_ERROR"] = strings.ReplaceAll(message, "\x00", "\uFFFD") // no variable can hold a NUL
}
