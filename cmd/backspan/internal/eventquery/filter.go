package eventquery

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/internal/nearest"
)

// A Filter says which records matter. The zero Filter matches every record. The values of one field are alternatives,
// and every field that is set must match.
type Filter struct {
	Types, Phases, Operations, Results, Levels, Sessions, Traces []string

	Since, Until time.Time // zero: no bound; Since itself is in, Until is out

	Where []Condition // every one must hold
}

// The types, levels and results that there are.
var (
	Types = []string{
		events.TypeAttempt, events.TypeRecovered, events.TypeStopped, events.TypePhaseFailed, events.TypeRecovery,
		events.TypeFallback, events.TypeSkipped, events.TypePhaseStart, events.TypePhaseEnd, events.TypeRunStart,
		events.TypeRunEnd,
		events.TypeTally, events.TypeEventsDropped,
	}
	Levels  = []string{events.LevelInfo, events.LevelWarning, events.LevelError}
	Results = []string{"retrying", "failed", "success", "cancelled", "deadline", "skipped"}
)

// Check says which value of f no record that a Writer wrote can have. Names and ids of sessions can be anything.
func (f *Filter) Check() error {
	for _, field := range []struct {
		name          string
		values, known []string
	}{{"type", f.Types, Types}, {"level", f.Levels, Levels}, {"result", f.Results, Results}} {
		for _, v := range field.values {
			if !slices.Contains(field.known, v) && (v != "" || field.name != "result") { // most records have no result
				return fmt.Errorf("%s is %q, want one of %s%s",
					field.name, v, strings.Join(field.known, ", "), nearest.Ask(v, field.known))
			}
		}
	}
	for _, id := range f.Traces {
		if _, err := hex.DecodeString(id); id != "" && (err != nil || len(id) != 32) {
			return fmt.Errorf("trace is %q, want 32 hex digits", id)
		}
	}
	return nil
}

// Splits says which of the fields that are set keeps some records of a call and leaves out others, so that a sum over
// what is kept is none over calls; empty: none does.
func (f *Filter) Splits() string {
	switch {
	case len(f.Types) > 0:
		return "type"
	case len(f.Results) > 0:
		return "result"
	case len(f.Levels) > 0:
		return "level"
	}
	for _, c := range f.Where {
		if !slices.Contains(callKeys, string(c.key)) {
			return "where " + string(c.key)
		}
	}
	return ""
}

// A Matcher is a Filter made ready for many records. It can be used from many goroutines.
type Matcher struct {
	filter       Filter
	since, until string // as timestamps are written
	sessions     []wanted
	checks       []func(*events.Line) bool // what is asked for, and no more: every line goes through them
}

// wanted is a session that is asked for by its id or by the beginning of one.
type wanted struct {
	id     string
	first  atomic.Pointer[string] // that was found
	others atomic.Bool            // were found
}

// A prefix of a session's id has at least minPrefix bytes. Only UUIDs, which nobody chose, are known by a prefix.
const (
	minPrefix = 4
	uuidSize  = len("4786a9a2-c5bf-41ca-a26e-e1ae5d01f41c")
)

// is says whether id is what is asked for.
func (s *wanted) is(id events.Value) bool {
	if id.Is(s.id) {
		return true
	}
	if len(s.id) < minPrefix || len(id) != uuidSize+2 || len(s.id) >= uuidSize || string(id[1:len(s.id)+1]) != s.id {
		return false
	}
	switch first := s.first.Load(); {
	case first == nil:
		found := id.Text()
		if !s.first.CompareAndSwap(nil, &found) {
			return s.is(id)
		}
	case !s.others.Load() && !id.Is(*first):
		s.others.Store(true)
	}
	return true
}

// Ambiguous are the beginnings of ids that more than one of the matching sessions have.
func (m *Matcher) Ambiguous() (list []string) {
	for i := range m.sessions {
		if m.sessions[i].others.Load() {
			list = append(list, m.sessions[i].id)
		}
	}
	return list
}

// timestampLayout is how a Writer writes times. Its texts sort as the times do.
const timestampLayout = "2006-01-02T15:04:05.000000Z"

// Compile makes f ready.
func (f Filter) Compile() *Matcher {
	f.Traces = slices.Clone(f.Traces)
	for i, id := range f.Traces {
		f.Traces[i] = strings.ToLower(id) // as it is written
	}
	m := &Matcher{filter: f, sessions: make([]wanted, len(f.Sessions))}
	for i, id := range f.Sessions {
		m.sessions[i].id = id
	}
	if !f.Since.IsZero() {
		m.since = f.Since.UTC().Format(timestampLayout)
	}
	if !f.Until.IsZero() {
		m.until = f.Until.UTC().Format(timestampLayout)
	}
	m.checkOneOf(f.Types, (*events.Line).Type)
	m.checkOneOf(f.Phases, (*events.Line).Phase)
	m.checkOneOf(f.Levels, (*events.Line).Level)
	if len(m.sessions) > 0 {
		m.checks = append(m.checks, m.inSessions)
	}
	if m.since != "" || m.until != "" {
		m.checks = append(m.checks, m.InTime)
	}
	m.checkOneOf(f.Traces, (*events.Line).TraceID)
	m.checkOneOf(f.Operations, func(l *events.Line) events.Value { return l.Detail(events.KeyOperation) })
	m.checkOneOf(f.Results, func(l *events.Line) events.Value { return l.Detail(events.KeyResult) })
	for _, c := range f.Where {
		m.checks = append(m.checks, func(l *events.Line) bool { return c.holds(c.key.Of(l)) })
	}
	return m
}

// checkOneOf checks whether what read returns is among values, if there are any.
func (m *Matcher) checkOneOf(values []string, read func(*events.Line) events.Value) {
	if len(values) > 0 {
		m.checks = append(m.checks, func(l *events.Line) bool { return slices.ContainsFunc(values, read(l).Is) })
	}
}

// Operations are those that are asked for; none: all.
func (m *Matcher) Operations() []string { return m.filter.Operations }

// Since is the time that records have to be of or after; zero: any.
func (m *Matcher) Since() time.Time { return m.filter.Since }

// Until is the time that records have to be before; zero: any.
func (m *Matcher) Until() time.Time { return m.filter.Until }

// Matches says whether l matters.
func (m *Matcher) Matches(l *events.Line) bool {
	for _, holds := range m.checks {
		if !holds(l) {
			return false
		}
	}
	return true
}

func (m *Matcher) inSessions(l *events.Line) bool {
	id := l.Session()
	for i := range m.sessions {
		if m.sessions[i].is(id) {
			return true
		}
	}
	return false
}

// Dropped is how many lines were lost while writing, by the word of l and in the time that matters: whatever else the
// filter asks for, they might have been it. It is 0 when l speaks of something else.
func (m *Matcher) Dropped(l *events.Line) int64 {
	if !l.Type().Is(events.TypeEventsDropped) || !m.InTime(l) {
		return 0
	}
	n, _ := l.Detail(events.KeyCount).Float()
	return int64(max(0, min(n, 1e15)))
}

// InTime says whether l is of the time that matters.
func (m *Matcher) InTime(l *events.Line) bool {
	if m.since == "" && m.until == "" {
		return true
	}
	at := canonicalTime(l)
	return at != "" && m.since <= at && (m.until == "" || at < m.until)
}

// canonicalTime is the record's time as a Writer writes it, and "" when it has none.
func canonicalTime(l *events.Line) string {
	if v := l.Timestamp(); len(v) == len(timestampLayout)+2 && v[len(v)-2] == 'Z' {
		return string(v[1 : len(v)-1])
	}
	t, ok := l.Time()
	if !ok {
		return ""
	}
	return t.Format(timestampLayout)
}
