package live

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
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
		s := session.Span{Kind: n.kind, Attributes: n.span.Attributes()}
		if s.Outcome() != session.Skipped { // that ends at once, which has its own line
			return n.title() + ": started"
		}
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

func plainName(name string) string { return text.LeftToRight(text.Cut(name, maxPlainName, "…")) }

// endLine tells how n ended, which is what s says; "" when that is not worth a line.
func (n *liveSpan) endLine(s *session.Span) string {
	took := text.Duration(s.End.Sub(s.Start))
	if !isShown(n.kind) {
		return n.tryLine(s, took)
	}
	outcome := s.Outcome()
	switch {
	case outcome == session.Skipped:
		return n.title() + ": " + n.said(s)
	case n.kind == semconv.KindOperation && outcome == session.Succeeded:
		return "" // as it should be
	}
	if n.kind == semconv.KindRun && outcome == session.Succeeded {
		outcome = cmp.Or(n.saved, outcome) // as a session of its spans says
	}
	line := fmt.Sprintf("%s: %s, took %s", n.title(), cmp.Or(n.said(s), outcome.Word()), took)
	if n.waited > 0 {
		line += ", waited " + text.Duration(n.waited)
	}
	// What cancelled a whole run is told once, by the command.
	if s.Failed() && (outcome != session.Cancelled || n.kind == semconv.KindOperation) {
		line += n.once(s, n.reason(s))
	}
	return line
}

// once is a failure as the end of the line of n that ended as s, unless it, or what it wraps, was the end of a line
// before.
func (n *liveSpan) once(s *session.Span, failure string) string {
	// What failed in a run was told by its phases, of which the last one to tell may be another.
	told := n.told != "" && (n.kind == semconv.KindRun || strings.Contains(failure, n.told))
	switch s.Outcome() {
	case session.Deadline, session.RetryLater: // it names the limit, too
		told = false
	}
	if !told {
		n.told = beginning(failure)
	}
	if n.host != nil {
		n.host.told = n.told
	}
	if told {
		return ""
	}
	return ": " + failure
}

// beginning is what a failure is recognized by within another. The end of either may be cut.
func beginning(failure string) string {
	const enough = 120
	return strings.ToValidUTF8(failure[:min(len(failure), enough)], "")
}

// said is the end of n, which is what s says, in words.
func (n *liveSpan) said(s *session.Span) string {
	made, _ := s.Number(semconv.AttemptsKey)
	return s.Said(max(made, n.tries))
}

// reason is why n failed: of an operation that made its attempts, why the last one did.
func (n *liveSpan) reason(s *session.Span) string {
	switch s.Outcome() {
	case session.Exhausted, session.Permanent, session.NotRetryable, session.Allowed:
		if n.failure != "" {
			return plainError(n.failure)
		}
	}
	return plainError(s.Failure())
}

// tryLine tells that a try failed, or that a recovery or the fallback of a phase succeeded.
func (n *liveSpan) tryLine(s *session.Span, took string) string {
	if n.host == nil {
		return ""
	}
	name := text.Name(s.Label())
	if number, ok := s.Number(semconv.AttemptKey); ok && n.host.kind == semconv.KindOperation {
		name = n.host.attempt(number)
	}
	if !s.Failed() {
		if s.Kind == semconv.KindAttempt {
			return ""
		}
		return fmt.Sprintf("%s: %s succeeded, took %s", n.host.title(), name, took)
	}
	line := fmt.Sprintf("%s: %s failed, took %s", n.host.title(), name, took)
	if next, ok := s.Seconds(semconv.NextDelayKey); ok && s.Outcome() == session.Retried {
		line += ", waiting " + text.Duration(next)
	}
	n.told = n.host.told
	return line + n.once(s, plainError(s.Failure()))
}

// plainError is an error for a plain line.
func plainError(failure string) string {
	return text.LeftToRight(text.Cut(cmp.Or(text.Line(failure), "no reason given"), maxPlainError, "…"))
}
