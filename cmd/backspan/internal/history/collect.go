package history

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/backspan/backspan/events"
)

// A History is all operations and tallies of a log.
type History struct {
	Operations []*Operation // by their Start
	Tallies    []*Tally     // by their End
	From, To   time.Time    // from the first begin that is known to the last record; zero: there was none
	Left       Left
}

// What a History keeps at most: about 100 MB.
const (
	maxAttempts = 500_000
	maxTallies  = 200_000
)

// ErrTooLarge is that of a log which holds more than a History keeps.
var ErrTooLarge = errors.New("the log has more than 500,000 attempts or 200,000 tallies: " +
	"ask for less of it, with --operation, --since and --until")

// A Collector makes a History of records, which have to come in the order of their times.
type Collector struct {
	builder  Builder
	history  History
	attempts int
}

// NewCollector returns a Collector that has seen nothing.
func NewCollector() *Collector {
	c := &Collector{}
	c.builder.Operation = func(o *Operation) {
		c.attempts += len(o.Attempts)
		c.history.Operations = append(c.history.Operations, o)
		c.begin(o.Start)
	}
	c.builder.Tally = func(t *Tally) {
		c.history.Tallies = append(c.history.Tallies, t)
		c.begin(t.Begin)
	}
	return c
}

// begin notes that something began.
func (c *Collector) begin(at time.Time) {
	if c.history.From.IsZero() || at.Before(c.history.From) {
		c.history.From = at
	}
}

// Add takes one record. The error is ErrTooLarge.
func (c *Collector) Add(l *events.Line) error {
	c.builder.Add(l)
	if at, ok := l.Time(); ok {
		c.begin(at)
		if at.After(c.history.To) {
			c.history.To = at
		}
	}
	if c.attempts > maxAttempts || len(c.history.Tallies) > maxTallies {
		return ErrTooLarge
	}
	return nil
}

// History is what was made of all records. The Collector is not to be used any more.
func (c *Collector) History() *History {
	c.builder.End()
	h := &c.history
	h.Left = c.builder.Left
	slices.SortStableFunc(h.Operations, func(a, b *Operation) int { return a.Start.Compare(b.Start) })
	slices.SortStableFunc(h.Tallies, func(a, b *Tally) int {
		return cmp.Or(a.End.Compare(b.End), cmp.Compare(a.Name, b.Name))
	})
	return h
}

// Of is the part of h that is about one operation.
func (h *History) Of(name string) *History {
	one := &History{}
	when := func(from, to time.Time) {
		if one.From.IsZero() || from.Before(one.From) {
			one.From = from
		}
		if to.After(one.To) {
			one.To = to
		}
	}
	for _, o := range h.Operations {
		if o.Name == name {
			one.Operations = append(one.Operations, o)
			when(o.Start, o.Start.Add(o.Took))
		}
	}
	for _, t := range h.Tallies {
		if t.Name == name {
			one.Tallies = append(one.Tallies, t)
			when(t.Begin, t.End)
		}
	}
	return one
}
