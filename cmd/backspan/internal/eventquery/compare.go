package eventquery

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/events"
)

// A Comparison says which operations are worse than before.
type Comparison struct {
	Before     Side       `json:"before"`
	Now        Side       `json:"now"`
	Operations []Compared `json:"operations"` // those that got worse most first
}

// A Side is one of two times that are compared.
type Side struct {
	From  time.Time  `json:"from"`
	Until time.Time  `json:"until"`
	Rates *time.Time `json:"rates_from"` // when its tallies begin: no denominator before it; null: there are none
	Whole bool       `json:"rates"`      // the tallies are of the whole time, so that there are rates
}

// Compared is one operation, before and now.
type Compared struct {
	Name   string `json:"operation"`
	Before Rates  `json:"before"`
	Now    Rates  `json:"now"`
	// By how many points of a hundred the share of the calls that failed at first grew, if both are known.
	Change *float64 `json:"change"`
}

// Rates are the calls of one operation in one of two times.
type Rates struct {
	Asked       int64    `json:"asked"` // calls whose first attempt failed
	GivenUp     int64    `json:"given_up"`
	Succeeded   int64    `json:"succeeded"`     // at the first attempt, by the tallies
	FailureRate *float64 `json:"failure_rate"`  // Asked of all calls; null without tallies of the whole time
	GivenUpRate *float64 `json:"given_up_rate"` // likewise
}

// ParseComparison returns the two times that are compared: from since until until, or now, and the time to, which is a
// length before since, or TIME..TIME.
func ParseComparison(since, until time.Time, to string, now time.Time) (this, before Side, err error) {
	if since.IsZero() {
		return this, before, errors.New("--compare-to needs --since: from when on is to be compared?")
	}
	if until.IsZero() {
		until = now
	}
	if !since.Before(until) {
		return this, before, errors.New("--since is in the future, so there is nothing to compare")
	}
	this = Side{From: since, Until: until}
	if from, to, isRange := strings.Cut(to, ".."); isRange {
		if before.From, before.Until, err = ParseRange(from, to, now); err != nil {
			return this, before, fmt.Errorf("--compare-to: %w", err)
		}
		if before.From.IsZero() || before.Until.IsZero() {
			return this, before, fmt.Errorf("--compare-to %q lacks a time, want for example yesterday..today",
				from+".."+to)
		}
		if before.From.Before(until) && since.Before(before.Until) {
			return this, before, errors.New("--compare-to overlaps with the time that --since and --until name")
		}
		return this, before, nil
	}
	length, err := parseAgo(to)
	if err != nil || length == 0 {
		return this, before, fmt.Errorf("--compare-to: %q is neither a length of time nor TIME..TIME, "+
			"want for example 1d or yesterday..today", to)
	}
	return this, Side{From: since.Add(-length), Until: since}, nil
}

// tallySlack is how much later than the first record the first tally of a time may begin: a window has a minute.
const tallySlack = 90 * time.Second

// A Comparer counts the records of two times. As of a Counter there is one for each goroutine.
type Comparer struct {
	now, before         *Counter
	nowTime, beforeTime *Matcher
	nowSide, beforeSide Side
}

// NewComparer returns a Comparer of the times of two sides that has seen nothing.
func NewComparer(now, before Side) *Comparer {
	return &Comparer{
		now: NewCounter(ByOperation), before: NewCounter(ByOperation),
		nowTime:    Filter{Since: now.From, Until: now.Until}.Compile(),
		beforeTime: Filter{Since: before.From, Until: before.Until}.Compile(),
		nowSide:    now, beforeSide: before,
	}
}

// Fork returns a Comparer that has seen nothing and shares the memory budgets of c.
func (c *Comparer) Fork() *Comparer {
	fork := *c
	fork.now, fork.before = c.now.Fork(), c.before.Fork()
	return &fork
}

// Merge adds what other counted, which is not to be used any more.
func (c *Comparer) Merge(other *Comparer) {
	c.now.Merge(other.now)
	c.before.Merge(other.before)
}

// Add counts one record, in the time that it is of.
func (c *Comparer) Add(l *events.Line) {
	switch {
	case c.nowTime.InTime(l):
		c.now.Add(l)
	case c.beforeTime.InTime(l):
		c.before.Add(l)
	}
}

// Comparison compares what was counted in the two times.
func (c *Comparer) Comparison() *Comparison {
	before, now := c.before, c.now
	all := &Comparison{Before: c.beforeSide, Now: c.nowSide, Operations: []Compared{}}
	before.side(&all.Before)
	now.side(&all.Now)
	names := map[string]bool{}
	for _, counter := range []*Counter{before, now} {
		for name, t := range counter.operations {
			if t.tries+t.stopped > 0 {
				names[name] = true
			}
		}
	}
	for name := range names {
		one := Compared{
			Name:   events.Value(name).Text(),
			Before: before.operations[name].rates(all.Before.Whole), Now: now.operations[name].rates(all.Now.Whole),
		}
		if b, n := one.Before.FailureRate, one.Now.FailureRate; b != nil && n != nil {
			change := 100 * (*n - *b)
			one.Change = &change
		}
		all.Operations = append(all.Operations, one)
	}
	slices.SortFunc(all.Operations, func(a, b Compared) int {
		return cmp.Or(cmp.Compare(b.worse(all), a.worse(all)), cmp.Compare(b.Now.GivenUp, a.Now.GivenUp),
			cmp.Compare(a.Name, b.Name))
	})
	return all
}

// side notes when the tallies of s begin.
func (c *Counter) side(s *Side) {
	if c.tallies.IsZero() {
		return
	}
	s.Rates = &c.tallies
	first, err := time.Parse(time.RFC3339Nano, string(c.span.first))
	s.Whole = err == nil && c.tallies.Sub(first) <= tallySlack
}

func (t *tally) rates(whole bool) (r Rates) {
	if t == nil {
		return r
	}
	r = Rates{Asked: t.asked, GivenUp: t.givenUp(), Succeeded: t.succeeded}
	if all := float64(t.asked + t.succeeded); whole && t.succeeded > 0 {
		failed, gaveUp := float64(t.asked)/all, float64(r.GivenUp)/all
		r.FailureRate, r.GivenUpRate = &failed, &gaveUp
	}
	return r
}

// worse is how much worse o got, in points of a hundred; without rates in failures an hour, behind all of those.
func (o *Compared) worse(c *Comparison) float64 {
	if o.Change != nil {
		return *o.Change + 1e9
	}
	return perHour(o.Now.Asked, c.Now) - perHour(o.Before.Asked, c.Before)
}

func perHour(n int64, s Side) float64 {
	return float64(n) / max(s.Until.Sub(s.From).Hours(), 1e-9)
}

// Write prints the comparison for a person.
func (c *Comparison) Write(w io.Writer, style Style) error {
	var b strings.Builder
	for _, side := range []struct {
		name string
		of   *Side
	}{{"before", &c.Before}, {"now", &c.Now}} {
		from, until := side.of.From.In(style.zone()), side.of.Until.In(style.zone())
		b.WriteString(fmt.Sprintf("%-7s %s to %s\n%s", side.name, from.Format(secondLayout), until.Format(secondLayout),
			side.of.denominator(style)))
	}
	if len(c.Operations) == 0 {
		b.WriteString("\nNo operation had a failed attempt in either.\n")
	} else {
		b.WriteByte('\n')
		c.grid().write(&b, style)
		b.WriteString("\nFAILED are the calls whose first attempt failed, GIVEN UP those that ended so.\n" +
			"* is their number, where there is no count of all calls.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// denominator says from when on the number of all calls is known, if not from the beginning.
func (s *Side) denominator(style Style) string {
	switch {
	case s.Rates == nil:
		return "        no denominator, as it has no tally\n"
	case !s.Whole:
		return "        no denominator before " + s.Rates.In(style.zone()).Format(secondLayout) + "\n"
	}
	return ""
}

// CSV writes the comparison for programs.
func (c *Comparison) CSV(w io.Writer) error { return c.grid().csv(w) }

func (c *Comparison) grid() *grid {
	g := &grid{columns: []column{
		{name: "operation", title: "OPERATION"},
		{"failed_before", "FAILED", true, 0},
		{"failed_now", "NOW", true, 0},
		{"change", "CHANGE", true, 0},
		{"given_up_before", "GIVEN UP", true, 1},
		{"given_up_now", "NOW", true, 1},
		{name: "failure_rate_before"},
		{name: "failure_rate_now"},
		{name: "succeeded_before"},
		{name: "succeeded_now"},
	}}
	for i := range c.Operations {
		o := &c.Operations[i]
		change := cell{"?", ""}
		if o.Change != nil {
			change = cell{fmt.Sprintf("%+.2f", *o.Change), decimal(*o.Change)}
		}
		g.rows = append(g.rows, []cell{
			nameCell(o.Name),
			share(o.Before.Asked, o.Before.FailureRate), share(o.Now.Asked, o.Now.FailureRate), change,
			share(o.Before.GivenUp, o.Before.GivenUpRate), share(o.Now.GivenUp, o.Now.GivenUpRate),
			{raw: optional(o.Before.FailureRate)},
			{raw: optional(o.Now.FailureRate)},
			number(o.Before.Succeeded), number(o.Now.Succeeded),
		})
	}
	return g
}

// share is a rate where it is known, else the number, marked.
func share(n int64, rate *float64) cell {
	if rate == nil {
		return cell{text.Number(n) + "*", number(n).raw}
	}
	return cell{fmt.Sprintf("%.2f%%", 100**rate), number(n).raw}
}

func optional(f *float64) string {
	if f == nil {
		return ""
	}
	return decimal(*f)
}
