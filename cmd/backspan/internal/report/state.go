package report

import (
	"fmt"

	"github.com/backspan/backspan/internal/semconv"
)

// The states of rows: how what they show ended. Those of operations are the values of retry.outcome.
const (
	stateOK       = semconv.OutcomeSuccess // at once
	stateRetrying = semconv.ResultRetrying // a try that failed and was followed by another
	stateFailed   = semconv.StatusFailed
	stateSkipped  = semconv.StatusSkipped
	stateOpen     = "open" // it has not ended, or nobody saw its end
)

// state is how n ended, in one word.
func (n *node) state() string {
	word := ""
	switch n.Kind {
	case semconv.KindOperation:
		word = n.Text(semconv.OutcomeKey)
	case semconv.KindAttempt, semconv.KindRecovery, semconv.KindFallback:
		word = n.Text(semconv.ResultKey)
	case semconv.KindRun:
		word = n.Text(semconv.RunStatusKey)
	case semconv.KindPhase:
		if word = n.Text(semconv.PhaseStatusKey); n.Flag(semconv.RecoverySuccessKey) {
			word = semconv.OutcomeRecovered
		}
	}
	switch {
	case words[word] != "" && !(word == stateOK && n.Failed()):
		return word
	case n.Failed():
		return stateFailed
	case n.open:
		return stateOpen
	}
	return stateOK
}

// words are the states as people read them; the script has the same.
var words = map[string]string{
	stateOK:                  "succeeded",
	stateRetrying:            "failed, retried",
	stateFailed:              "failed",
	stateSkipped:             "skipped",
	stateOpen:                "not ended",
	semconv.OutcomeRecovered: "recovered",
	semconv.OutcomeExhausted: "exhausted",
	semconv.OutcomePermanent: "permanent",
	semconv.OutcomeCancelled: "cancelled",
	semconv.OutcomeDeadline:  "out of time",
	semconv.OutcomeBudget:    "budget spent",
	semconv.OutcomePanic:     "panicked",
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
