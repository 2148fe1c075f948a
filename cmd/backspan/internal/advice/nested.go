package advice

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/history"
	"github.com/backspan/backspan/events"
)

// nested looks at each loop within another: when the inner one had spent its retries, did the outer one run it again?
func (l *looking) nested() (pairs []*pair) {
	type trace struct {
		session, trace, host string
		pid                  int
	}
	of := func(o *history.Operation) trace { return trace{o.Session, o.Trace, o.Host, o.PID} }
	inner := map[trace][]*history.Operation{} // that spent their retries
	for _, name := range l.names {
		for _, o := range l.operations[name] {
			if o.Depth > 0 && o.Parent != "" && ended(o) && !o.Succeeded() && len(o.Attempts) > 1 {
				inner[of(o)] = append(inner[of(o)], o)
			}
		}
	}
	for _, list := range inner {
		slices.SortFunc(list, func(a, b *history.Operation) int { return a.Start.Compare(b.Start) })
	}
	for _, name := range l.names {
		byInner := map[string]*pair{}
		calls, most, saved := map[string]int{}, map[string]int{}, map[string]int{}
		for _, o := range l.operations[name] {
			if !ended(o) || len(inner[of(o)]) == 0 {
				continue
			}
			for within, runs := range runsWithin(o, inner[of(o)]) {
				p := byInner[within]
				if p == nil {
					p = &pair{Finding: Finding{Kind: KindNested, Operation: within, Parent: name}}
					byInner[within] = p
				}
				p.Of++
				if len(runs) < 2 {
					continue
				}
				p.cases = append(p.cases, o.Start)
				sum := 0
				for _, run := range runs {
					sum += len(run.Attempts)
				}
				calls[within] += sum
				most[within] = max(most[within], sum)
				if o.Succeeded() {
					saved[within]++
				}
			}
		}
		for within, p := range byInner {
			p.often(len(p.cases), p.Of)
			p.multiplies(float64(calls[within])/float64(max(1, p.Hits)), most[within], saved[within])
			pairs = append(pairs, p)
		}
	}
	slices.SortFunc(pairs, func(a, b *pair) int {
		return cmp.Or(cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.Parent, b.Parent))
	})
	return pairs
}

// runsWithin are those of inner, which are in the order of their starts, that ran within an attempt of o, which failed:
// one for each attempt, by their names.
func runsWithin(o *history.Operation, inner []*history.Operation) map[string][]*history.Operation {
	runs := map[string][]*history.Operation{}
	for i := range o.Attempts {
		a := &o.Attempts[i]
		begin, end := o.Start.Add(a.Begin-rounding), o.Start.Add(a.End()+rounding)
		counted := map[string]bool{}
		first := sort.Search(len(inner), func(i int) bool { return !inner[i].Start.Before(begin) })
		for _, in := range inner[first:] {
			if in.Start.After(end) {
				break
			}
			if a.Failed && in.Parent == o.Name && in.Depth == o.Depth+1 && !counted[in.Name] &&
				!in.Start.Add(in.Took).After(end) {
				runs[in.Name] = append(runs[in.Name], in)
				counted[in.Name] = true
			}
		}
	}
	return runs
}

// rounding is how far the times of two records may be off each other.
const rounding = 2 * time.Microsecond

func (p *pair) multiplies(calls float64, most, saved int) {
	p.Title = "its loop is within that of " + p.Parent + ", and they multiply"
	p.Evidence = fmt.Sprintf("of %s of %s within which it had spent its retries, %s began it again: %.1f calls each, "+
		"at most %d; %s of them recovered", plural(p.Of, "operation", "operations"), p.Parent,
		number(p.Hits), calls, most, number(saved))
	p.Numbers = map[string]float64{"calls": calls, "most_calls": float64(most), "recovered": float64(saved)}
	p.Change = Change{
		Text: "retry in one of the two: let " + p.Parent + " give up when " + p.Operation + " did",
		Go:   "MaxRetries: retry.Never, in the policy of " + p.Parent, Pipeline: "max_retries: 0",
		mend: retriesOf(0),
	}
	p.Records = p.list(where(events.KeyParentOperation, "=", p.Parent))
}
