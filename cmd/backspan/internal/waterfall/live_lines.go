package waterfall

import (
	"fmt"
	"strings"

	"github.com/backspan/backspan/internal/semconv"
)

// The plain lines, for files and pipes: each complete, so that grep finds all there is to know about one thing.

// How many columns names and the texts of errors get in a plain line.
const (
	maxPlainName  = 80
	maxPlainError = 400
)

// startLine tells that n started; "" when that is not worth a line.
func (n *liveSpan) startLine() string {
	switch n.kind {
	case semconv.KindRun, semconv.KindPhase:
		for _, kv := range n.span.Attributes() {
			if kv.Key == semconv.PhaseStatusKey && asText(kv.Value) == semconv.StatusSkipped {
				return "" // it ends at once, and that is told
			}
		}
		return n.title() + ": started"
	}
	return ""
}

// title names n: "run demo", "phase analysis", "analysis/fetch_prices".
func (n *liveSpan) title() string {
	name := plainName(n.name)
	switch {
	case n.kind != semconv.KindOperation:
		return n.kind + " " + name
	case n.phase == "":
		return name
	default:
		return plainName(n.phase) + "/" + name
	}
}

func plainName(name string) string { return leftToRight(cut(name, maxPlainName, "…")) }

// endLine tells how n ended, which is what s says; "" when that is not worth a line.
func (n *liveSpan) endLine(s *Span) string {
	took := formatDuration(s.End.Sub(s.Start))
	if !isShown(n.kind) {
		return n.tryLine(s, took)
	}
	made, _ := s.Number(semconv.AttemptsKey)
	made = max(made, n.tries)
	said, _ := outcome(s, made, false)
	switch {
	case said == semconv.StatusSkipped:
		return n.title() + ": " + said
	case n.kind == semconv.KindOperation && said == "" && !s.Failed():
		return "" // as it should be
	case said == "" && s.Failed():
		said = semconv.StatusFailed
	case said == "":
		said = semconv.StatusSuccess
	}
	text := fmt.Sprintf("%s: %s, took %s", n.title(), said, took)
	if waited, ok := s.Seconds(semconv.TotalDelayKey); ok && waited > 0 {
		text += ", waited " + formatDuration(waited)
	}
	if s.Failed() {
		reason := n.reason(s)
		if by, ok := strings.CutPrefix(reason, semconv.StatusCancelled+" ("); ok {
			return text + " (" + by // said already
		}
		text += ": " + reason
	}
	return text
}

// reason is why n failed: of an operation that made its attempts, why the last one did.
func (n *liveSpan) reason(s *Span) string {
	switch s.Text(semconv.OutcomeKey) {
	case semconv.OutcomeExhausted, semconv.OutcomePermanent:
		if n.failure != "" {
			return plainError(n.failure)
		}
	}
	return plainError(errorOf(s))
}

// tryLine tells that a try failed, or that a recovery or fallback of a phase succeeded.
func (n *liveSpan) tryLine(s *Span, took string) string {
	if n.host == nil {
		return ""
	}
	name := tryName(s)
	if allowed, ok := n.host.allowed(); ok && s.Kind == semconv.KindAttempt && n.host.kind == semconv.KindOperation {
		name = fmt.Sprintf("%s/%d", name, allowed)
	}
	if !s.Failed() {
		if s.Kind == semconv.KindAttempt {
			return ""
		}
		return fmt.Sprintf("%s: %s succeeded, took %s", n.host.title(), name, took)
	}
	text := fmt.Sprintf("%s: %s failed, took %s", n.host.title(), name, took)
	if next, ok := s.Seconds(semconv.NextDelayKey); ok && s.Text(semconv.ResultKey) == semconv.ResultRetrying {
		text += ", waiting " + formatDuration(next)
	}
	return text + ": " + plainError(errorOf(s))
}

// plainError is the clean text of an error for a plain line.
func plainError(text string) string {
	if text == "" {
		return "no reason given"
	}
	return leftToRight(cut(text, maxPlainError, "…"))
}
