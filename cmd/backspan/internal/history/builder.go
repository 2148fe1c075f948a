package history

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/internal/semconv"
)

// A Builder makes operations of records, which have to come in the order of their times. It is for one goroutine.
type Builder struct {
	Operation func(*Operation) // is handed each when it has ended, and those that are cut at last; it may keep them
	Tally     func(*Tally)     // likewise

	Left Left

	open  Open[*Operation]
	texts texts
}

// Left is how many records a Builder read and made nothing of.
type Left struct {
	DryRun      int64 // of dry runs, which do nothing
	Unattempted int64 // of operations that were stopped before their first attempt
	Damaged     int64 // without a time, or with counts that cannot be
}

// End hands out the operations that are cut.
func (b *Builder) End() {
	b.open.Forgotten = b.cut
	b.open.EndAll()
}

func (b *Builder) cut(c *Call[*Operation]) { b.Operation(c.Of) }

// Reads says whether l is a record that a Builder makes something of.
func Reads(l *events.Line) bool {
	kind := l.Type()
	return kind.Is(events.TypeAttempt) || kind.Is(events.TypeRecovered) || kind.Is(events.TypeStopped) ||
		kind.Is(events.TypeTally)
}

// Add takes one record.
func (b *Builder) Add(l *events.Line) {
	switch {
	case !Reads(l):
		return
	case l.Detail(events.KeyDryRun).Is("true"):
		b.Left.DryRun++
		return
	}
	b.open.Forgotten = b.cut
	s, ok := See(l)
	switch kind := l.Type(); {
	case !ok:
		b.Left.Damaged++
	case kind.Is(events.TypeTally):
		b.tally(l, s.End)
	case kind.Is(events.TypeStopped):
		b.stopped(l, s)
	default:
		b.attempt(l, s, kind.Is(events.TypeAttempt))
	}
}

func (b *Builder) attempt(l *events.Line, s Sighting, failed bool) {
	if s.Number == 0 || !failed && s.Number == 1 { // a first attempt that succeeds has nothing to recover from
		b.Left.Damaged++
		return
	}
	var c *Call[*Operation]
	if s.Number > 1 {
		c = b.open.Of(s)
	}
	var o *Operation
	if c == nil {
		o = b.begin(l, s)
	} else {
		o, c.Last = c.Of, s
	}
	o.add(b, l, s, failed)
	switch retried := failed && l.Detail(events.KeyResult).Is(semconv.ResultRetrying); {
	case retried && c == nil:
		b.open.Start(o, s)
	case retried:
	default:
		o.Outcome = b.texts.of(cmp.Or(l.Detail(events.KeyOutcome).Text(), l.Detail(events.KeyResult).Text()))
		if o.Outcome == "" || o.Outcome == semconv.ResultSuccess {
			o.Outcome = map[bool]string{true: semconv.ResultFailed, false: semconv.OutcomeRecovered}[failed]
		}
		if c != nil {
			b.open.End(c)
		}
		b.Operation(o)
	}
}

// begin makes an operation of which s is the first attempt that is known.
func (b *Builder) begin(l *events.Line, s Sighting) *Operation {
	text := func(v events.Value) string { return b.texts.of(v.Text()) }
	pid, _ := strconv.Atoi(string(l.PID())) // 0: unknown
	return &Operation{
		Name: text(l.Detail(events.KeyOperation)), Phase: text(l.Phase()), Command: text(l.Detail(events.KeyCommand)),
		Service: text(l.Service()), Host: text(l.Host()), PID: pid,
		Session: text(l.Session()), Trace: l.TraceID().Text(),
		Start: s.Begin, Begun: s.Number == 1, MaxRetries: -1,
	}
}

func (o *Operation) add(b *Builder, l *events.Line, s Sighting, failed bool) {
	a := Attempt{
		Number: int(s.Number), Begin: s.Begin.Sub(o.Start), Took: s.End.Sub(s.Begin), Wait: s.Delay, NextWait: -1,
		Asked: seconds(l, events.KeyAfter), Failed: failed,
	}
	if l.Detail(events.KeyNextDelay) != nil {
		a.NextWait = seconds(l, events.KeyNextDelay)
	}
	if failed {
		a.ErrorType = b.texts.of(l.Detail(events.KeyErrorType).Text())
		a.Error = b.texts.of(l.Detail(events.KeyError).Text())
		if most, ok := l.Detail(events.KeyMaxRetries).Float(); ok && most >= -1 && most < 1e9 {
			o.MaxRetries = int(most)
		}
		o.MaxElapsed = seconds(l, events.KeyMaxElapsed)
		if depth, ok := l.Detail(events.KeyDepth).Float(); ok && depth > 0 && depth < 1e6 {
			o.Depth, o.Parent = int(depth), b.texts.of(l.Detail(events.KeyParentOperation).Text())
		}
	}
	o.Attempts = append(o.Attempts, a)
	o.Took = a.End()
}

// stopped ends an operation in the wait after its last attempt.
func (b *Builder) stopped(l *events.Line, s Sighting) {
	if session.AttemptEnded(l) { // the record of its last attempt said so already
		return
	}
	if s.Number == 0 {
		b.Left.Unattempted++
		return
	}
	s.Number++
	c := b.open.Of(s)
	if c == nil { // its attempts are not in what is read, or its first one succeeded
		return
	}
	o := c.Of
	o.Took = max(o.Took, s.End.Sub(o.Start))
	o.Outcome = b.texts.of(cmp.Or(l.Detail(events.KeyOutcome).Text(), l.Detail(events.KeyResult).Text(),
		semconv.ResultFailed))
	b.open.End(c)
	b.Operation(o)
}

// What one tally has is less.
const (
	maxSuccesses = 1e12
	maxWindow    = 24 * 3600 // seconds; of a process that was stopped it may be long
)

func (b *Builder) tally(l *events.Line, end time.Time) {
	successes, _ := l.Detail(events.KeySuccesses).Float()
	window, ok := l.Detail(events.KeySeconds).Float()
	if !(successes > 0 && successes < maxSuccesses) || !ok || !(window >= 0 && window <= maxWindow) {
		b.Left.Damaged++
		return
	}
	text := func(v events.Value) string { return b.texts.of(v.Text()) }
	depth, _ := l.Detail(events.KeyDepth).Float()
	pid, _ := strconv.Atoi(string(l.PID()))
	b.Tally(&Tally{
		Name: text(l.Detail(events.KeyOperation)), Parent: text(l.Detail(events.KeyParentOperation)),
		Depth: int(max(0, min(depth, 1e6))), Service: text(l.Service()), Host: text(l.Host()), PID: pid,
		Session: text(l.Session()), Begin: end.Add(-seconds(l, events.KeySeconds)), End: end,
		Successes: int64(successes), Durations: durations(l.Detail(events.KeyDurations).Text(), int64(successes)),
	})
}

// durations reads "0:118 6:2". It is nil when that does not add up to n.
func durations(text string, n int64) (list []Count) {
	for word := range strings.FieldsSeq(text) {
		length, count, _ := strings.Cut(word, ":")
		i, err := strconv.Atoi(length)
		c, err2 := strconv.ParseInt(count, 10, 64)
		if err != nil || err2 != nil || i < 0 || i >= semconv.DurationBuckets || c <= 0 || c > n {
			return nil
		}
		n -= c
		list = append(list, Count{i, c})
	}
	if n != 0 {
		return nil
	}
	return list
}

// texts keeps one copy of each text. What has no room is kept as often as it occurs.
type texts struct {
	known map[string]string
	bytes int
}

const (
	maxText  = 300     // bytes of one text
	maxTexts = 4 << 20 // bytes of all
)

func (t *texts) of(text string) string {
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	if one, ok := t.known[text]; ok {
		return one
	}
	if t.bytes += len(text) + 100; t.bytes > maxTexts || t.known == nil {
		t.known, t.bytes = map[string]string{}, len(text)
	}
	text = strings.Clone(text)
	t.known[text] = text
	return text
}
