package eventquery

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
	"github.com/backspan/backspan/cmd/backspan/internal/term"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/events"
)

// Describe is a record as one line for a person, without a newline. Nothing in the record can command a terminal. On a
// terminal it is cut to fit; elsewhere it has all ids, as key=value, so that grep finds them.
func (s Style) Describe(l *events.Line) string {
	level := l.Level().Text()
	style := levelStyle(l, level)
	before := s.time(l) + "  "
	level = fmt.Sprintf("%-7s", text.Line(level)) + "  "
	if s.Width == 0 {
		said := text.Line(l.Message().Text()) + brackets(about(l)) + ids(l)
		return s.paint(term.Faint, before) + s.paint(style, level) + said
	}
	left := max(s.Width-text.Width(before+level), minSaid)
	message, more := s.fitted(l, left)
	return s.shown(term.Faint, before) + s.shown(style, level) +
		s.shown(term.Plain, message) + s.shown(term.Faint, more)
}

// minSaid is what a record has to say itself in, however narrow the terminal is.
const minSaid = 20

// fitted is what l says and what else there is to say of it, in w columns. The more is left out before the message is
// cut.
func (s Style) fitted(l *events.Line, w int) (message, more string) {
	ellipsis := s.glyphs().Ellipsis
	begin, failure := "", s.plain(l.Detail(events.KeyError).Text())
	message = s.plain(text.Line(l.Message().Text()))
	if failure != "" {
		begin = s.attempt(l)
	}
	facts := about(l)
	if id := l.Session().Text(); id != "" {
		facts = append(facts, "session "+text.Cut(text.Line(id), 8, ""))
	}
	if id := l.TraceID().Text(); id != "" {
		facts = append(facts, "trace "+text.Cut(text.Line(id), 8, ""))
	}
	for ; len(facts) > 0; facts = facts[:len(facts)-1] {
		more = brackets(facts)
		if left := w - text.Width(more); text.Width(message) <= left ||
			begin != "" && text.Width(begin)+text.Width(text.Reason(failure)) <= left {
			break
		}
		more = ""
	}
	left := w - text.Width(more)
	if text.Width(message) > left && begin != "" && left > text.Width(begin) {
		return begin + text.Shorten(failure, left-text.Width(begin), ellipsis), more
	}
	return text.Cut(message, left, ellipsis), more
}

// attempt names what failed, for lines that are too short for the message: "load #2: ".
func (s Style) attempt(l *events.Line) string {
	name := cmp.Or(l.Detail(events.KeyOperation).Text(), l.Phase().Text())
	if number := l.Detail(events.KeyAttemptNumber).Text(); number != "" {
		return text.Cut(text.Name(name), 24, s.glyphs().Ellipsis) + " #" + text.Line(number) + ": "
	}
	return text.Cut(text.Name(name), 24, s.glyphs().Ellipsis) + ": "
}

// about is what the message of l does not say, and people want to know.
func about(l *events.Line) (more []string) {
	if phase := l.Phase().Text(); phase != "" && !aboutPhase(l.Type()) {
		more = append(more, "phase "+text.Line(phase))
	}
	if l.Detail(events.KeyResult).Is("failed") && l.Type().Is(events.TypeAttempt) {
		outcome := session.Outcome(l.Detail(events.KeyOutcome).Text())
		more = append(more, cmp.Or(outcome.Word(), "gave up"))
	}
	if took, ok := l.Detail(events.KeyDuration).Float(); ok {
		more = append(more, "took "+text.Seconds(took))
	}
	if delay, ok := l.Detail(events.KeyNextDelay).Float(); ok {
		more = append(more, "next in "+text.Seconds(delay))
	}
	if l.Truncated() {
		more = append(more, "cut when it was written")
	}
	return more
}

func brackets(facts []string) string {
	if len(facts) == 0 {
		return ""
	}
	return " (" + strings.Join(facts, ", ") + ")"
}

// ids are the names and ids of l, each as key=value.
func ids(l *events.Line) string {
	var b strings.Builder
	for _, id := range []struct {
		key   string
		value events.Value
	}{
		{"operation", l.Detail(events.KeyOperation)},
		{"session", l.Session()},
		{"trace", l.TraceID()},
		{"service", l.Service()},
		{"host", l.Host()},
		{"pid", l.PID()},
	} {
		value := text.Line(id.value.Text())
		if value == "" {
			continue
		}
		if strings.ContainsAny(value, ` "`) {
			value = strconv.Quote(value)
		}
		b.WriteString(" " + id.key + "=" + value)
	}
	return b.String()
}

// aboutPhase reports whether the message of a record of the type names its phase.
func aboutPhase(kind events.Value) bool {
	return kind.Is(events.TypePhaseStart) || kind.Is(events.TypePhaseEnd) || kind.Is(events.TypePhaseFailed)
}

// time is when l was written. With its zone it is known also when clocks show an hour twice.
func (s Style) time(l *events.Line) string {
	t, ok := l.Time()
	if !ok {
		return text.Line(l.Timestamp().Text())
	}
	return t.In(s.zone()).Format("2006-01-02 15:04:05.000Z07:00")
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

// shown is paint of a piece that the terminal can show.
func (s Style) shown(style term.Style, piece string) string {
	if piece = s.plain(piece); piece == "" {
		return ""
	}
	return s.paint(style, piece)
}
