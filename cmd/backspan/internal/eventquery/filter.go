package eventquery

import (
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"

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

// A Condition asks for one value of a record.
type Condition struct {
	Key   Key
	Value string
}

// The types, levels and results that there are.
var (
	Types = []string{
		events.TypeAttempt, events.TypeRecovered, events.TypeStopped, events.TypePhaseFailed, events.TypeRecovery,
		events.TypeFallback, events.TypeSkipped, events.TypePhaseStart, events.TypePhaseEnd, events.TypeRunStart, events.TypeRunEnd,
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

// topKeys are the members of a record itself, and what reads them.
var topKeys = map[string]func(*events.Line) events.Value{
	"timestamp":  (*events.Line).Timestamp,
	"session_id": (*events.Line).Session,
	"type":       (*events.Line).Type,
	"phase":      (*events.Line).Phase,
	"level":      (*events.Line).Level,
	"message":    (*events.Line).Message,
	"trace_id":   (*events.Line).TraceID,
	"span_id":    (*events.Line).SpanID,
	"service":    (*events.Line).Service,
	"host":       (*events.Line).Host,
	"pid":        (*events.Line).PID,
}

// detailKeys are the members of details that Backspan writes.
var detailKeys = []string{
	events.KeyAttemptNumber, events.KeyReason, events.KeyResult, events.KeyOutcome, events.KeyOperation,
	events.KeyPipeline, events.KeyDryRun, events.KeyError, events.KeyErrorType, events.KeyDelay, events.KeyNextDelay,
	events.KeyDuration, events.KeyMaxRetries, events.KeyDepth, events.KeyParentOperation, events.KeyAfter,
	events.KeyCommand, events.KeyRecoveryMessage, events.KeyRecoveryAttempts, events.KeyFallback, events.KeyAllowed,
	events.KeyCount, events.KeySeconds, events.KeySuccesses, events.KeyDurations,
}

// Keys are the keys that a Condition can name, sorted.
func Keys() []string {
	keys := slices.Clone(detailKeys)
	for key := range topKeys {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

const detailPrefix = "details."

// ParseCondition reads key=value. The error says which keys there are.
func ParseCondition(text string) (Condition, error) {
	name, value, found := strings.Cut(text, "=")
	if !found || name == "" {
		return Condition{}, fmt.Errorf("%q is no key=value, want for example %s=timeout", text, events.KeyErrorType)
	}
	key, err := ParseKey(name)
	return Condition{key, value}, err
}

// A Key names one value of a record: one of Keys, or details. and any key of the details.
type Key string

// ParseKey reads a key. The error says which there are.
func ParseKey(text string) (Key, error) {
	if !strings.HasPrefix(text, detailPrefix) && !slices.Contains(Keys(), text) {
		return "", fmt.Errorf("key %q is unknown%s, want one of %s, or details. and any other key of the details",
			text, nearest.Ask(text, Keys()), strings.Join(Keys(), ", "))
	}
	return Key(text), nil
}

// Of is the value of l that k names; nil when l has none.
func (k Key) Of(l *events.Line) events.Value {
	if top, ok := topKeys[string(k)]; ok {
		return top(l)
	}
	return l.Detail(strings.TrimPrefix(string(k), detailPrefix))
}

// A Matcher is a Filter made ready for many records. It can be used from many goroutines.
type Matcher struct {
	filter       Filter
	since, until string // as timestamps are written
}

// timestampLayout is how a Writer writes times. Its texts sort as the times do.
const timestampLayout = "2006-01-02T15:04:05.000000Z"

// Compile makes f ready.
func (f Filter) Compile() *Matcher {
	f.Traces = slices.Clone(f.Traces)
	for i, id := range f.Traces {
		f.Traces[i] = strings.ToLower(id) // as it is written
	}
	m := &Matcher{filter: f}
	if !f.Since.IsZero() {
		m.since = f.Since.UTC().Format(timestampLayout)
	}
	if !f.Until.IsZero() {
		m.until = f.Until.UTC().Format(timestampLayout)
	}
	return m
}

// Since is the time that records have to be of or after; zero: any.
func (m *Matcher) Since() time.Time { return m.filter.Since }

// Matches says whether l matters.
func (m *Matcher) Matches(l *events.Line) bool {
	f := &m.filter
	return oneOf(f.Types, l.Type) && oneOf(f.Phases, l.Phase) && oneOf(f.Levels, l.Level) &&
		oneOf(f.Sessions, l.Session) && m.inTime(l) && oneOf(f.Traces, l.TraceID) &&
		oneOf(f.Operations, detail(l, events.KeyOperation)) && oneOf(f.Results, detail(l, events.KeyResult)) &&
		!slices.ContainsFunc(f.Where, func(c Condition) bool { return !c.Key.Of(l).Is(c.Value) })
}

// Dropped is how many lines were lost while writing, by the word of l and in the time that matters: whatever else the
// filter asks for, they might have been it. It is 0 when l speaks of something else.
func (m *Matcher) Dropped(l *events.Line) int64 {
	if !l.Type().Is(events.TypeEventsDropped) || !m.inTime(l) {
		return 0
	}
	n, _ := l.Detail(events.KeyCount).Float()
	return int64(max(0, min(n, 1e15)))
}

func detail(l *events.Line, key string) func() events.Value {
	return func() events.Value { return l.Detail(key) }
}

// oneOf says whether what read returns is among the values; no values means that it does not matter.
func oneOf(values []string, read func() events.Value) bool {
	if len(values) == 0 {
		return true
	}
	v := read()
	return slices.ContainsFunc(values, v.Is)
}

func (m *Matcher) inTime(l *events.Line) bool {
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

// timeLayouts are the spellings of a point in time that ParseTime knows; those without a zone are local.
var timeLayouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00", "2006-01-02T15:04",
	"2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05", "2006-01-02 15:04Z07:00", "2006-01-02 15:04", "2006-01-02",
}

// ParseTime reads a point in time: RFC 3339, a local date with or without a time of day, a local time of day of today,
// or a duration, which is that long before now.
func ParseTime(text string, now time.Time) (time.Time, error) {
	for _, layout := range timeLayouts {
		t, err := time.ParseInLocation(layout, text, now.Location())
		if year := t.UTC().Year(); err == nil && 0 <= year && year <= 9999 { // times are compared as texts of four digits
			return t, nil
		}
	}
	for _, layout := range []string{"15:04:05", "15:04"} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			year, month, day := now.Date()
			return time.Date(year, month, day, t.Hour(), t.Minute(), t.Second(), 0, now.Location()), nil
		}
	}
	if d, err := parseAgo(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	const examples = `2026-11-23T17:00:00Z, "2026-11-23 17:00", 2026-11-23, 17:00, 90m or 2d (ago)`
	return time.Time{}, fmt.Errorf("%q is no time, want for example %s", text, examples)
}

// parseAgo knows days too, which time.ParseDuration leaves out. They stand alone: in 1h5d, h would count as days as
// well.
func parseAgo(text string) (time.Duration, error) {
	if days, found := strings.CutSuffix(text, "d"); found {
		d, err := time.ParseDuration(days + "h")
		if strings.ContainsFunc(days, unicode.IsLetter) || d < 0 || d > math.MaxInt64/24 {
			return 0, fmt.Errorf("%q is no number of days up to %d", days, math.MaxInt64/24/int64(time.Hour))
		}
		return 24 * d, err
	}
	return time.ParseDuration(text)
}
