package advice

import (
	"fmt"
	"slices"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/history"
	"github.com/backspan/backspan/cmd/backspan/internal/replay"
	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/retry"
)

// A load is what an operation asked for in a minute.
type load struct {
	first   float64 // attempts that were no retries
	failed  float64 // of these
	retries int
	at      []time.Time // the retries
	refused []time.Time // operations that the budget refused a retry
}

// loads are those of operations and tallies, by the minute.
func loads(operations []*history.Operation, tallies []*history.Tally) map[time.Time]*load {
	minutes := map[time.Time]*load{}
	in := func(t time.Time) *load {
		t = t.Truncate(time.Minute)
		m := minutes[t]
		if m == nil {
			m = &load{}
			minutes[t] = m
		}
		return m
	}
	for _, o := range operations {
		if o.Begun {
			m := in(o.Start)
			m.first++
			m.failed++
		}
		for i := range o.Attempts {
			if a := &o.Attempts[i]; a.Number > 1 {
				at := o.Start.Add(a.Begin)
				m := in(at)
				m.retries++
				m.at = append(m.at, at)
			}
		}
		if refused(o) {
			end := o.Start.Add(o.Took)
			m := in(end)
			m.refused = append(m.refused, end)
		}
	}
	for _, t := range tallies {
		share(t, func(minute time.Time, n float64) { in(minute).first += n })
	}
	return minutes
}

func refused(o *history.Operation) bool { return o.Outcome == semconv.OutcomeBudget }

// share hands the successes of t to the minutes of its window.
func share(t *history.Tally, to func(minute time.Time, n float64)) {
	whole := t.End.Sub(t.Begin)
	if whole <= 0 {
		to(t.End, float64(t.Successes))
		return
	}
	for from := t.Begin; from.Before(t.End); {
		next := from.Truncate(time.Minute).Add(time.Minute)
		if next.After(t.End) {
			next = t.End
		}
		to(from, float64(t.Successes)*float64(next.Sub(from))/float64(whole))
		from = next
	}
}

// budgetMissing looks for storms: were more retries asked for than anything else, in separate hours? Operations without
// tallies are not looked at: it is not known how often they are asked for, and command lines should have no budget.
func (l *looking) budgetMissing() (pairs []*pair) {
	for _, name := range l.names {
		if len(l.tallies[name]) == 0 {
			continue
		}
		minutes := loads(l.operations[name], l.tallies[name])
		p := &pair{Finding: Finding{Kind: KindBudgetMissing, Operation: name, Side: AtLeast}, holds: true}
		hours := map[time.Time][]float64{}
		type worst struct {
			at time.Time
			*load
		}
		top := worst{load: &load{}}
		for minute, m := range minutes {
			hour := minute.Truncate(time.Hour)
			if m.retries > 0 {
				hours[hour] = append(hours[hour], m.stormy())
			}
			p.holds = p.holds && len(m.refused) == 0 // there is a budget
		}
		for minute, m := range minutes {
			if m.retries == 0 || float64(len(hours[minute.Truncate(time.Hour)]))*m.stormy() > familyWise {
				continue
			}
			p.cases = append(p.cases, m.at...)
			p.Hits += m.retries
			p.Of += m.retries + int(m.first)
			if m.retries > top.retries || m.retries == top.retries && minute.Before(top.at) {
				top = worst{minute, m}
			}
		}
		p.p = inSeveral(hourly(hours))
		p.Bound = lowerBound(p.Hits, p.Of)
		p.storm(top.at, top.load)
		pairs = append(pairs, p)
	}
	return pairs
}

// minStorm is how many retries a minute has in a storm: one a second.
const minStorm = 60

// stormy is how likely so many retries are when at most half of what is asked for are retries; 1 where they are few.
func (m *load) stormy() float64 {
	if m.retries < minStorm {
		return 1
	}
	return atLeast(m.retries, m.retries+int(m.first), 0.5)
}

func (p *pair) storm(at time.Time, m *load) {
	times := (m.first + float64(m.retries)) / max(1, m.first)
	p.Title = "a budget is missing: retries made storms"
	p.Evidence = fmt.Sprintf("%s of %s were retries while it failed; in the worst minute %s for %s (×%.1f)",
		number(p.Hits), plural(p.Of, "call", "calls"),
		plural(int(m.first)+m.retries, "call", "calls"), plural(int(m.first), "operation", "operations"), times)
	p.Numbers = map[string]float64{"worst_first": m.first, "worst_retries": float64(m.retries), "worst_load": times}
	p.Change = Change{
		Text: "share a budget between the operations that call the same service",
		Go:   `Budget: budget, of retry.NewBudget(retry.BudgetOptions{Name: …})`,
		mend: func(p *replay.Policy) { p.Budget = retry.DefaultCapacity },
	}
	p.Records = p.list(where(events.KeyAttemptNumber, ">", "1"), since(at), until(at.Add(time.Minute)))
}

// The service is well where no more of the first attempts fail than the successes of the others pay for, a tenth of a
// token each, and did not in the minutes before: a budget that an outage emptied fills slowly, as it should.
const (
	wellShare   = 0.1
	wellMinutes = 5
)

// well says whether that was so from wellMinutes before minute on.
func well(minutes map[time.Time]*load, minute time.Time) bool {
	for i := range wellMinutes + 1 {
		m := minutes[minute.Add(-time.Duration(i)*time.Minute)]
		if m != nil && m.failed > wellShare*m.first {
			return false
		}
	}
	return true
}

// budgetStarves looks at the retries that a budget refused: was the service well then, as that host saw it?
func (l *looking) budgetStarves() (pairs []*pair) {
	for _, name := range l.names {
		if !slices.ContainsFunc(l.operations[name], refused) {
			continue
		}
		p := &pair{Finding: Finding{Kind: KindBudgetStarves, Operation: name}}
		hosts := map[string][]*history.Operation{}
		for _, o := range l.operations[name] {
			hosts[o.Host] = append(hosts[o.Host], o)
		}
		tallies := map[string][]*history.Tally{}
		for _, t := range l.tallies[name] {
			tallies[t.Host] = append(tallies[t.Host], t)
		}
		var failed, first float64
		for host, operations := range hosts {
			minutes := loads(operations, tallies[host])
			for minute, m := range minutes {
				p.Of += len(m.refused)
				if len(m.refused) > 0 && well(minutes, minute) {
					p.cases = append(p.cases, m.refused...)
					failed, first = failed+m.failed, first+m.first
				}
			}
		}
		p.often(len(p.cases), p.Of)
		p.starves(failed / max(1, first))
		pairs = append(pairs, p)
	}
	return pairs
}

func (p *pair) starves(failing float64) {
	p.Title = "its budget starves: retries were refused while the service was well"
	p.Evidence = fmt.Sprintf("%s of the %s that its budget refused came in minutes in which %.1f%% of the first "+
		"attempts failed", number(p.Hits), plural(p.Of, "retry", "retries"), 100*failing)
	p.Numbers = map[string]float64{"failing": failing}
	p.Change = Change{
		Text: "give it more tokens, or a budget to each service that is called",
		Go:   fmt.Sprintf("retry.BudgetOptions{Capacity: %d}", 10*retry.DefaultCapacity),
		mend: func(p *replay.Policy) { p.Budget = 10 * retry.DefaultCapacity },
	}
	p.Records = p.list(where(events.KeyOutcome, "=", semconv.OutcomeBudget))
}
