package waterfall

import (
	"fmt"

	"github.com/backspan/backspan/internal/semconv"
)

// outcome is the end of s in our own words, after so many tries; nothing when it simply went well.
func outcome(s *Span, made int, open bool) (said string, color style) {
	switch s.Kind {
	case semconv.KindRun:
		if status := s.Text(semconv.RunStatusKey); status == semconv.StatusCancelled {
			said = status
		}
	case semconv.KindOperation:
		said, color = operationOutcome(s, made)
	case semconv.KindPhase:
		said, color = phaseOutcome(s, made-1)
	}
	if said == "" && open {
		return "not ended", styleRecovered
	}
	return said, color
}

func phaseOutcome(s *Span, recoveries int) (string, style) {
	status := s.Text(semconv.PhaseStatusKey)
	after := ""
	if recoveries > 0 {
		after = ", " + plural(recoveries, "recovery", "recoveries")
	}
	switch {
	case status == semconv.StatusSkipped, status == semconv.StatusCancelled:
		return status, styleNone
	case s.Flag(semconv.PhaseFallbackKey):
		if n, ok := s.Number(semconv.RecoveryAttemptsKey); ok {
			return "fell back after " + plural(n, "recovery", "recoveries"), styleRecovered
		}
		return "fell back", styleRecovered
	case s.recovered():
		return "recovered" + after, styleRecovered
	case s.Failed() && recoveries > 0:
		return "failed" + after, styleFailed
	}
	return "", styleNone
}

func operationOutcome(s *Span, made int) (string, style) {
	attempts := ", " + plural(made, "attempt", "attempts")
	switch s.Text(semconv.OutcomeKey) {
	case semconv.OutcomeRecovered:
		return "recovered" + attempts, styleRecovered
	case semconv.OutcomeExhausted:
		return "exhausted" + attempts, styleFailed
	case semconv.OutcomePermanent:
		return "permanent", styleFailed
	case semconv.OutcomeCancelled:
		return "cancelled" + attempts, styleFailed
	case semconv.OutcomeDeadline:
		return "out of time" + attempts, styleFailed
	case semconv.OutcomeBudget:
		return "budget spent" + attempts, styleFailed
	case semconv.OutcomePanic:
		return "panicked", styleFailed
	}
	return "", styleNone
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// recovered reports whether an operation or a phase ended well after a failed try.
func (s *Span) recovered() bool {
	switch s.Kind {
	case semconv.KindOperation:
		return s.Text(semconv.OutcomeKey) == semconv.OutcomeRecovered
	case semconv.KindPhase:
		return s.Flag(semconv.RecoverySuccessKey)
	}
	return false
}
