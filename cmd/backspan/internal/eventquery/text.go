package eventquery

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/backspan/backspan/events"
)

// A Style says how Describe writes.
type Style struct {
	Color bool
	Zone  *time.Location // of the times; nil: UTC
}

const (
	reset  = "\x1b[0m"
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
	green  = "\x1b[32m"
	faint  = "\x1b[2m"
)

// Describe is a record as one line for a person, without a newline. Nothing in the record can command a terminal.
func (s Style) Describe(l *events.Line) string {
	var b strings.Builder
	b.WriteString(s.paint(faint, s.time(l)))
	level := l.Level().Text()
	fmt.Fprintf(&b, "  %s  ", s.paint(s.levelColor(l, level), fmt.Sprintf("%-7s", Printable(level))))
	b.WriteString(Printable(l.Message().Text()))
	var more []string
	if phase := l.Phase().Text(); phase != "" && !strings.Contains(l.Message().Text(), phase) {
		more = append(more, "phase "+Printable(phase))
	}
	if delay, ok := l.Detail(events.KeyNextDelay).Float(); ok {
		more = append(more, "next in "+Seconds(delay))
	}
	if l.Detail(events.KeyResult).Is("failed") && l.Type().Is(events.TypeAttempt) {
		more = append(more, "given up")
	}
	if len(more) > 0 {
		b.WriteString(s.paint(faint, " ("+strings.Join(more, ", ")+")"))
	}
	return b.String()
}

func (s Style) time(l *events.Line) string {
	t, ok := l.Time()
	if !ok {
		return Printable(l.Timestamp().Text())
	}
	zone := s.Zone
	if zone == nil {
		zone = time.UTC
	}
	return t.In(zone).Format("2006-01-02 15:04:05.000")
}

func (s Style) levelColor(l *events.Line, level string) string {
	switch {
	case level == events.LevelError:
		return red
	case level == events.LevelWarning:
		return yellow
	case l.Detail(events.KeyResult).Is("success"):
		return green
	default:
		return ""
	}
}

func (s Style) paint(color, text string) string {
	if !s.Color || color == "" {
		return text
	}
	return color + text + reset
}

// Seconds is a number of seconds as a person reads it: 250ms, 1.5s, 2m0s.
func Seconds(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d >= time.Minute:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	default:
		return d.Round(time.Millisecond).String()
	}
}

// Printable shows what a terminal would obey, or what would turn the text around, as the escapes of a Go string.
func Printable(text string) string {
	harmless := func(r rune) bool { return r == ' ' || unicode.IsPrint(r) && r != unicode.ReplacementChar }
	if strings.IndexFunc(text, func(r rune) bool { return !harmless(r) }) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if harmless(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}
