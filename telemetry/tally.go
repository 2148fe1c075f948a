package telemetry

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/internal/semconv"
)

const (
	tallyWindow     = time.Minute      // how long successes are counted before they are written
	failingWindow   = 10 * time.Second // likewise while the operation fails
	talliedMost     = 100              // operations that are counted by their name
	otherOperations = "(other)"        // the name of all that came after talliedMost
)

// A tally counts the operations that succeed at their first attempt, of which the event log writes no line of their
// own. Every window of time in which an operation did so is one record, written by the first span that ends after it,
// or by Shutdown. There is no timer.
//
// Counting takes no lock and allocates nothing, but for the first success of an operation.
type tally struct {
	operations atomic.Pointer[map[tallyKey]*counts] // replaced when an operation is added
	due        atomic.Int64                         // when the first window ends; in nanoseconds since 1970

	mu sync.Mutex // is held while operations are added, and while windows are opened, shortened or closed

	nested nested // the operations that are under way
}

type tallyKey struct {
	operation, parent string
	depth             int
}

// counts are the successes of one operation in its window, by how long they took.
type counts struct {
	durations  [semconv.DurationBuckets]atomic.Int64
	begin, end atomic.Int64 // of the window, in nanoseconds since 1970; end is 0 when none is open
	failed     atomic.Int64 // when an attempt failed last
}

func newTally() *tally {
	t := &tally{}
	t.operations.Store(&map[tallyKey]*counts{})
	t.due.Store(math.MaxInt64)
	return t
}

// ended counts span if it is an operation that succeeded at its first attempt.
func (t *tally) ended(span sdktrace.ReadOnlySpan, attributes []attribute.KeyValue) {
	var kind, operation, outcome string
	var dryRun bool
	for i := range attributes {
		kv := &attributes[i]
		switch kv.Key {
		case semconv.KindKey:
			if kind = kv.Value.AsString(); kind != semconv.KindOperation {
				return
			}
		case semconv.OperationKey:
			operation = kv.Value.AsString()
		case semconv.OutcomeKey:
			outcome = kv.Value.AsString()
		case semconv.RunDryRunKey:
			dryRun = kv.Value.AsBool()
		}
	}
	if kind != semconv.KindOperation {
		return
	}
	within := t.nested.leave(span)
	if outcome != semconv.OutcomeSuccess || dryRun {
		return
	}
	key := tallyKey{cmp.Or(operation, span.Name()), within.operation, within.depth}
	c := (*t.operations.Load())[key]
	if c == nil {
		c = t.add(key)
	}
	now := span.EndTime()
	c.durations[semconv.DurationBucket(now.Sub(span.StartTime()))].Add(1)
	if c.end.Load() == 0 {
		t.open(c, now.UnixNano())
	}
}

// add returns the counts of a new operation.
func (t *tally) add(key tallyKey) *counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	known := *t.operations.Load()
	if len(known) >= talliedMost {
		key = tallyKey{operation: otherOperations}
	}
	if c := known[key]; c != nil {
		return c
	}
	more := make(map[tallyKey]*counts, len(known)+1)
	for k, c := range known {
		more[k] = c
	}
	c := new(counts)
	more[key] = c
	t.operations.Store(&more)
	return c
}

// open opens a window with its first success.
func (t *tally) open(c *counts, now int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c.end.Load() != 0 {
		return
	}
	length := tallyWindow
	if failed := c.failed.Load(); failed != 0 && now-failed < int64(failingWindow) {
		length = failingWindow
	}
	c.begin.Store(now)
	c.end.Store(now + int64(length))
	t.due.Store(min(t.due.Load(), now+int64(length)))
}

// failed shortens the windows of an operation of which an attempt failed.
func (t *tally) failed(operation string, at time.Time) {
	now := at.UnixNano()
	for key, c := range *t.operations.Load() {
		if key.operation != operation {
			continue
		}
		c.failed.Store(now)
		t.mu.Lock()
		if end := max(now, c.begin.Load()+int64(failingWindow)); c.end.Load() > end {
			c.end.Store(end)
			t.due.Store(min(t.due.Load(), end))
		}
		t.mu.Unlock()
	}
}

// A tallied is a window that ended.
type tallied struct {
	tallyKey
	begin, end int64
	successes  int64
	durations  []byte
}

// take closes the windows that have ended, or all of them. While another goroutine does so it returns nothing.
func (t *tally) take(at time.Time, all bool) (list []tallied) {
	now := at.UnixNano()
	if all {
		t.mu.Lock()
	} else if now < t.due.Load() || !t.mu.TryLock() {
		return nil
	}
	defer t.mu.Unlock()
	due := int64(math.MaxInt64)
	for key, c := range *t.operations.Load() {
		end := c.end.Load()
		if end == 0 || end > now && !all {
			if end != 0 {
				due = min(due, end)
			}
			continue
		}
		one := tallied{tallyKey: key, begin: c.begin.Load(), end: max(c.begin.Load(), min(end, now))}
		c.end.Store(0) // before the counts are taken: who counts later opens the next window
		for i := range c.durations {
			if n := c.durations[i].Swap(0); n > 0 {
				one.successes += n
				one.durations = fmt.Appendf(one.durations, " %d:%d", i, n)
			}
		}
		if one.successes > 0 {
			one.durations = one.durations[1:]
			list = append(list, one)
		}
	}
	t.due.Store(due)
	return list
}

// writeTallies writes the windows that have ended, or all of them.
func (l *EventLog) writeTallies(at time.Time, all bool) {
	for _, one := range l.tally.take(at, all) {
		d := drafts.Get().(*draft)
		d.Type, d.Level, d.Time = events.TypeTally, events.LevelInfo, time.Unix(0, one.end)
		d.Details = d.fields[:0]
		seconds := time.Duration(one.end - one.begin).Round(time.Microsecond).Seconds()
		d.Message = "Operation " + one.operation + " succeeded at once " + strconv.FormatInt(one.successes, 10) + "×"
		d.add(events.String(events.KeyOperation, one.operation))
		if one.depth > 0 {
			d.add(events.String(events.KeyParentOperation, one.parent))
		}
		d.add(events.Int(events.KeyDepth, int64(one.depth)), events.Float(events.KeySeconds, seconds),
			events.Int(events.KeySuccesses, one.successes), events.String(events.KeyDurations, string(one.durations)))
		l.write(d)
	}
}
