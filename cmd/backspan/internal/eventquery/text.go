package eventquery

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
	"github.com/backspan/backspan/cmd/backspan/internal/term"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/events"
)

// A Style says how Describe writes.
type Style struct {
	Color bool
	Zone  *time.Location // of the times; nil: UTC
}

// Describe is a record as one line for a person, without a newline. Nothing in the record can command a terminal.
func (s Style) Describe(l *events.Line) string {
	var b strings.Builder
	b.WriteString(s.paint(term.Faint, s.time(l)))
	level := l.Level().Text()
	fmt.Fprintf(&b, "  %s  ", s.paint(levelStyle(l, level), fmt.Sprintf("%-7s", text.Line(level))))
	b.WriteString(text.Line(l.Message().Text()))
	var more []string
	if phase := l.Phase().Text(); phase != "" && !aboutPhase(l.Type()) {
		more = append(more, "phase "+text.Line(phase))
	}
	if delay, ok := l.Detail(events.KeyNextDelay).Float(); ok {
		more = append(more, "next in "+text.Seconds(delay))
	}
	if l.Detail(events.KeyResult).Is("failed") && l.Type().Is(events.TypeAttempt) {
		outcome := session.Outcome(l.Detail(events.KeyOutcome).Text())
		more = append(more, cmp.Or(outcome.Word(), "gave up"))
	}
	if len(more) > 0 {
		b.WriteString(s.paint(term.Faint, " ("+strings.Join(more, ", ")+")"))
	}
	return b.String()
}

// aboutPhase reports whether the message of a record of the type names its phase.
func aboutPhase(kind events.Value) bool {
	return kind.Is(events.TypePhaseStart) || kind.Is(events.TypePhaseEnd) || kind.Is(events.TypePhaseFailed)
}

func (s Style) time(l *events.Line) string {
	t, ok := l.Time()
	if !ok {
		return text.Line(l.Timestamp().Text())
	}
	zone := s.Zone
	if zone == nil {
		zone = time.UTC
	}
	return t.In(zone).Format("2006-01-02 15:04:05.000Z07:00")
}

func levelStyle(l *events.Line, level string) term.Style {
	switch {
	case level == events.LevelError:
		return term.Red
	case level == events.LevelWarning:
		return term.Yellow
	case l.Detail(events.KeyResult).Is("success"):
		return term.Green
	default:
		return term.Plain
	}
}

func (s Style) paint(style term.Style, piece string) string {
	if s.Color {
		return style.Paint(piece)
	}
	return piece
}
