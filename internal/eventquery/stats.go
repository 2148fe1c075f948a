package eventquery

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/backspan/backspan/events"
)

// Stats counts what retries cost, over the records that were added. Operations that succeeded at their first attempt
// write no record, so they are in no number.
type Stats struct {
	Records    int64       `json:"records"`
	First      string      `json:"first,omitempty"` // the earliest timestamp
	Last       string      `json:"last,omitempty"`  // the latest
	Sessions   int         `json:"sessions"`        // counted up to 100,000
	Operations []Operation `json:"operations"`      // what hurts most first
	Phases     []Phase     `json:"phases"`          // likewise; those with a failed try
	Dropped    int64       `json:"dropped"`         // lines that were lost while writing, by the log's own word
}

// An Operation sums up the calls of one operation that had at least one failed attempt.
type Operation struct {
	Name          string       `json:"operation"`
	Asked         int64        `json:"asked"`         // calls of retry.Do
	Attempts      int64        `json:"attempts"`      // calls of the operation itself
	Failed        int64        `json:"failed"`        // of the attempts
	Retried       int64        `json:"retried"`       // of those asked for: had more than one attempt
	Recovered     int64        `json:"recovered"`     // succeeded after failing
	Exhausted     int64        `json:"exhausted"`     // given up, for whatever reason
	Stopped       int64        `json:"stopped"`       // cancelled, or out of time, during a wait
	Waited        float64      `json:"waited"`        // seconds between attempts
	Amplification float64      `json:"amplification"` // Attempts / Asked
	Errors        []ErrorCount `json:"errors"`        // the commonest first
	First         string       `json:"first"`         // when it was seen failing first
	Last          string       `json:"last"`          // and last
}

// A Phase sums up the tries of one phase that failed.
type Phase struct {
	Name       string       `json:"phase"`
	Failed     int64        `json:"failed"`     // first tries that failed
	Recoveries int64        `json:"recoveries"` // recovery attempts
	Recovered  int64        `json:"recovered"`
	Lost       int64        `json:"lost"`   // failed for good
	Waited     float64      `json:"waited"` // seconds before recovery attempts
	Errors     []ErrorCount `json:"errors"`
	First      string       `json:"first"`
	Last       string       `json:"last"`
}

// An ErrorCount is how often a class of error was seen, with an example.
type ErrorCount struct {
	Type    string `json:"error_type"`
	Count   int64  `json:"count"`
	Example string `json:"example"`
}

// What a log can hold without end is bounded: beyond it things share one entry.
const (
	maxNames    = 10_000
	maxErrors   = 100
	maxSessions = 100_000
	maxExample  = 300 // bytes
	others      = "(others)"
)

// A Counter makes Stats. One is for one goroutine; Merge puts those of several together.
type Counter struct {
	records, dropped int64
	span             span
	operations       map[string]*tally
	phases           map[string]*tally
	sessions         map[string]struct{}
}

// tally is the counts of one operation or phase.
type tally struct {
	asked, failed, retried, recovered, lost, stopped, tries int64
	waited                                                  float64
	span                                                    span
	errors                                                  map[string]*ErrorCount
}

// span is the time from the first record to the last.
type span struct{ first, last string }

func (s *span) add(at events.Value) {
	if len(at) < 2 {
		return
	}
	text := at[1 : len(at)-1]
	if s.first == "" || string(text) < s.first {
		s.first = string(text)
	}
	if string(text) > s.last {
		s.last = string(text)
	}
}

func (s *span) merge(o span) {
	if s.first == "" || o.first != "" && o.first < s.first {
		s.first = o.first
	}
	s.last = max(s.last, o.last)
}

// NewCounter returns a Counter that has seen nothing.
func NewCounter() *Counter {
	return &Counter{operations: map[string]*tally{}, phases: map[string]*tally{}, sessions: map[string]struct{}{}}
}

// Add counts one record.
func (c *Counter) Add(l *events.Line) {
	c.records++
	c.span.add(l.Timestamp())
	if id := l.Session(); len(c.sessions) < maxSessions {
		if _, known := c.sessions[string(id)]; !known {
			c.sessions[string(id)] = struct{}{}
		}
	}
	switch kind := l.Type(); {
	case kind.Is(events.TypeAttempt), kind.Is(events.TypeRecovered), kind.Is(events.TypeStopped):
		t := entry(c.operations, l.Detail(events.KeyOperation))
		t.span.add(l.Timestamp())
		t.operation(l, kind)
	case kind.Is(events.TypePhaseFailed), kind.Is(events.TypeRecovery):
		t := entry(c.phases, l.Phase())
		t.span.add(l.Timestamp())
		t.phase(l, kind)
	case kind.Is(events.TypeEventsDropped):
		n, _ := l.Detail(events.KeyCount).Float()
		c.dropped += int64(n)
	}
}

func entry(all map[string]*tally, name events.Value) *tally {
	if t := all[string(name)]; t != nil {
		return t
	}
	key := string(name)
	if len(all) >= maxNames {
		key = others
		if t := all[key]; t != nil {
			return t
		}
	}
	t := &tally{errors: map[string]*ErrorCount{}}
	all[key] = t
	return t
}

func (t *tally) operation(l *events.Line, kind events.Value) {
	switch {
	case kind.Is(events.TypeStopped):
		t.stopped++
		if isFirst(l) { // its attempt said that it would be retried, and it was not
			t.retried--
		}
		return
	case kind.Is(events.TypeRecovered):
		t.recovered++
		t.tries++
	default:
		t.tries++
		t.failure(l)
		retrying := l.Detail(events.KeyResult).Is("retrying")
		if isFirst(l) {
			t.asked++
			if retrying {
				t.retried++
			}
		}
		if !retrying {
			t.lost++
		}
	}
	t.wait(l)
}

func isFirst(l *events.Line) bool { return string(l.Detail(events.KeyAttemptNumber)) == "1" }

func (t *tally) phase(l *events.Line, kind events.Value) {
	result := l.Detail(events.KeyResult)
	if kind.Is(events.TypeRecovery) {
		t.tries++
		t.wait(l)
	} else {
		t.asked++
	}
	if result.Is("success") {
		t.recovered++
		return
	}
	t.failure(l)
	if result.Is("failed") {
		t.lost++
	}
}

func (t *tally) wait(l *events.Line) {
	seconds, _ := l.Detail(events.KeyDelay).Float()
	t.waited += seconds
}

func (t *tally) failure(l *events.Line) {
	t.failed++
	kind := l.Detail(events.KeyErrorType)
	e := t.errors[string(kind)]
	if e == nil {
		name := kind.Text()
		key := string(kind)
		if len(t.errors) >= maxErrors {
			name, key = others, others
		}
		if e = t.errors[key]; e == nil {
			e = &ErrorCount{Type: name, Example: shortened(reason(l))}
			t.errors[key] = e
		}
	}
	e.Count++
}

func shortened(text string) string {
	if len(text) <= maxExample {
		return text
	}
	return strings.ToValidUTF8(text[:maxExample], "") + "…"
}

// reason is what went wrong, without the name of the operation or phase, which whoever asks knows.
func reason(l *events.Line) string {
	text := l.Detail(events.KeyReason).Text()
	if rest, found := strings.CutPrefix(text, "Error in "); found {
		if _, why, found := strings.Cut(rest, ": "); found {
			return why
		}
	}
	return text
}

// Merge adds what other counted.
func (c *Counter) Merge(other *Counter) {
	c.records += other.records
	c.dropped += other.dropped
	c.span.merge(other.span)
	for id := range other.sessions {
		if len(c.sessions) >= maxSessions {
			break
		}
		c.sessions[id] = struct{}{}
	}
	merge(c.operations, other.operations)
	merge(c.phases, other.phases)
}

func merge(into, from map[string]*tally) {
	for name, o := range from {
		t := into[name]
		if t == nil {
			into[name] = o
			continue
		}
		t.asked += o.asked
		t.failed += o.failed
		t.retried += o.retried
		t.recovered += o.recovered
		t.lost += o.lost
		t.stopped += o.stopped
		t.tries += o.tries
		t.waited += o.waited
		t.span.merge(o.span)
		for kind, e := range o.errors {
			if known := t.errors[kind]; known != nil {
				known.Count += e.Count
			} else {
				t.errors[kind] = e
			}
		}
	}
}

// Stats returns what was counted, what hurts most first: what was given up, then the time lost waiting.
func (c *Counter) Stats() Stats {
	s := Stats{
		Records: c.records, First: c.span.first, Last: c.span.last, Sessions: len(c.sessions), Dropped: c.dropped,
		Operations: []Operation{}, Phases: []Phase{},
	}
	for name, t := range c.operations {
		o := Operation{
			Name: events.Value(name).Text(), Asked: t.asked, Attempts: t.tries, Failed: t.failed, Retried: t.retried,
			Recovered: t.recovered, Exhausted: t.lost, Stopped: t.stopped, Waited: micros(t.waited),
			Errors: commonest(t.errors), First: t.span.first, Last: t.span.last,
		}
		if t.asked > 0 { // a log that was cut off at its beginning may lack the first attempts
			o.Amplification = float64(t.tries) / float64(t.asked)
		}
		s.Operations = append(s.Operations, o)
	}
	for name, t := range c.phases {
		s.Phases = append(s.Phases, Phase{
			Name: events.Value(name).Text(), Failed: t.asked, Recoveries: t.tries, Recovered: t.recovered, Lost: t.lost,
			Waited: micros(t.waited), Errors: commonest(t.errors), First: t.span.first, Last: t.span.last,
		})
	}
	slices.SortFunc(s.Operations, func(a, b Operation) int {
		return cmp.Or(cmp.Compare(b.Exhausted+b.Stopped, a.Exhausted+a.Stopped), cmp.Compare(b.Waited, a.Waited),
			cmp.Compare(b.Failed, a.Failed), cmp.Compare(a.Name, b.Name))
	})
	slices.SortFunc(s.Phases, func(a, b Phase) int {
		return cmp.Or(cmp.Compare(b.Lost, a.Lost), cmp.Compare(b.Waited, a.Waited), cmp.Compare(a.Name, b.Name))
	})
	return s
}

// micros rounds seconds to microseconds: the order in which many were added must not show.
func micros(seconds float64) float64 { return math.Round(seconds*1e6) / 1e6 }

func commonest(errors map[string]*ErrorCount) []ErrorCount {
	list := make([]ErrorCount, 0, len(errors))
	for _, e := range errors {
		list = append(list, *e)
	}
	slices.SortFunc(list, func(a, b ErrorCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Type, b.Type))
	})
	return list
}
