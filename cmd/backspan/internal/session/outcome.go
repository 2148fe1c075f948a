package session

import (
	"cmp"

	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/internal/semconv"
)

// An Outcome is how a span ended. Those of operations are the values of retry.outcome.
type Outcome string

// The outcomes.
const (
	Succeeded    Outcome = semconv.OutcomeSuccess // at once
	DryRun       Outcome = "dry_run"              // a run that did nothing, and did so well
	Recovered    Outcome = semconv.OutcomeRecovered
	FellBack     Outcome = "fell_back" // a phase whose result is its fallback's
	Exhausted    Outcome = semconv.OutcomeExhausted
	Permanent    Outcome = semconv.OutcomePermanent
	NotRetryable Outcome = semconv.OutcomeNotRetryable
	RetryLater   Outcome = semconv.OutcomeRetryLater
	Deadline     Outcome = semconv.OutcomeDeadline
	Budget       Outcome = semconv.OutcomeBudget
	Panicked     Outcome = semconv.OutcomePanic
	Cancelled    Outcome = semconv.OutcomeCancelled
	Failed       Outcome = semconv.StatusFailed
	Allowed      Outcome = "allowed"              // a phase or a step that failed, which it may
	Retried      Outcome = semconv.ResultRetrying // a try that failed and was followed by another
	Skipped      Outcome = semconv.StatusSkipped
	Unended      Outcome = "open" // it has not ended, or its end was not recorded
)

// Outcomes are all of them, in the order in which they are listed.
var Outcomes = [...]Outcome{
	Succeeded, DryRun, Recovered, FellBack, Exhausted, Permanent, NotRetryable, RetryLater, Deadline, Budget, Panicked,
	Cancelled, Failed, Allowed, Retried, Skipped, Unended,
}

var words = map[Outcome]string{
	Succeeded: "succeeded", DryRun: "dry run", Recovered: "recovered", FellBack: "fell back", Exhausted: "exhausted",
	Permanent: "permanent", NotRetryable: "not retryable", RetryLater: "told to retry later",
	Deadline: "out of time", Budget: "budget spent", Panicked: "panicked", Cancelled: "cancelled", Failed: "failed",
	Allowed: "failed, allowed", Retried: "failed, retried", Skipped: "skipped", Unended: "not ended",
}

// Word is o as people read it.
func (o Outcome) Word() string { return words[o] }

// After is o as the end of so many tries, without the fallback: "exhausted, 4 attempts".
func (o Outcome) After(tries int) string {
	if o == FellBack {
		return o.Word() + " after " + text.Plural(tries, "attempt", "attempts")
	}
	return o.Word() + ", " + text.Plural(tries, "attempt", "attempts")
}

// Saved reports whether o is a good end after a failed try.
func (o Outcome) Saved() bool { return o == Recovered || o == FellBack }

// Outcome is how s ended.
func (s *Span) Outcome() Outcome {
	var o Outcome
	switch s.Kind {
	case semconv.KindOperation:
		o = Outcome(s.Text(semconv.OutcomeKey))
		if s.Text(semconv.SkippedKey) != "" {
			o = Skipped
		}
	case semconv.KindAttempt, semconv.KindRecovery, semconv.KindFallback:
		o = Outcome(s.Text(semconv.ResultKey))
	case semconv.KindRun:
		o = dryRunOr(Outcome(s.Text(semconv.RunStatusKey)), s.Flag(semconv.RunDryRunKey))
	case semconv.KindPhase:
		switch {
		case s.Text(semconv.PhaseStatusKey) == semconv.StatusSkipped:
			o = Skipped
		case s.Flag(semconv.PhaseFallbackKey):
			o = FellBack
		case s.Flag(semconv.RecoverySuccessKey):
			o = Recovered
		default:
			o = Outcome(s.Text(semconv.PhaseStatusKey))
		}
	}
	switch {
	case s.Failed() && s.Flag(semconv.AllowedKey) && s.CanRetry():
		return Allowed
	case words[o] != "" && !(s.Failed() && (o == Succeeded || o == DryRun || o.Saved())):
		return o
	case s.Failed():
		return Failed
	case s.End.IsZero():
		return Unended
	}
	return Succeeded
}

// dryRunOr is the outcome of a run, which is no success when it was a dry one.
func dryRunOr(o Outcome, dry bool) Outcome {
	if dry && o == Succeeded {
		return DryRun
	}
	return o
}

// Said is the end of s in words, after so many tries without the fallback: "exhausted, 4 attempts", "skipped: dry
// run". It is empty for a try and for what succeeded at once, and safe to show.
func (s *Span) Said(tries int) string { return s.said(s.Outcome(), tries) }

// said is Said of a span that ended with o.
func (s *Span) said(o Outcome, tries int) string {
	switch {
	case o == Skipped:
		if why := cmp.Or(s.Text(semconv.PhaseReasonKey), s.Text(semconv.SkippedKey)); why != "" {
			return o.Word() + ": " + text.Line(why)
		}
	case s.CanRetry() && tries > 1:
		return o.After(tries)
	case s.IsTry(), s.Kind == "", o == Succeeded:
		return ""
	}
	return o.Word()
}
