package advice

import (
	"cmp"
	"slices"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/history"
)

// What a finding needs.
const (
	minCases = 100
	minHours = 3    // between which the operation worked
	rare     = 0.05 // of what is said to be never, or always: the share that its bound has to exclude
)

// Advice is what a log has enough evidence for.
type Advice struct {
	Findings []*Finding `json:"findings"`
	Looked   Looked     `json:"looked_at"`
}

// Looked is what was looked at.
type Looked struct {
	From       time.Time `json:"from"`       // of the first record
	To         time.Time `json:"to"`         // of the last one
	Operations int       `json:"operations"` // whose first attempt failed
	Hours      int       `json:"hours"`      // in which there were such
	Tallied    int64     `json:"tallied"`    // operations that succeeded at once
	Pairs      int       `json:"pairs"`      // an operation and what might be said of it, over which Holm corrects
	Few        int       `json:"few_cases"`  // of Pairs: fewer cases than a finding needs
	OneTime    int       `json:"few_hours"`  // of Pairs: enough cases, but not in so many separate hours
}

// A pair is an operation and what might be said of it.
type pair struct {
	Finding
	p     float64     // how likely such a log is when nothing is wrong
	holds bool        // the log has no exception
	cases []time.Time // each one's

	// Of KindPermanent: those of its cases.
	retries int
	waited  time.Duration
}

// Look says what h has enough evidence for, what concerns most operations first.
func Look(h *history.History) *Advice {
	l := newLooking(h)
	var pairs []*pair
	for _, look := range []func() []*pair{
		l.permanent, l.lateRetries, l.inStep, l.nested, l.maxElapsed, l.budgetMissing, l.budgetStarves,
	} {
		pairs = append(pairs, look()...)
	}
	a := &Advice{Findings: []*Finding{}, Looked: l.looked(h)}
	a.Looked.Pairs = len(pairs)
	p := make([]float64, len(pairs))
	for i, one := range pairs {
		p[i] = one.p
	}
	var found []*pair
	for i, adjusted := range holm(p) {
		one := pairs[i]
		one.P, one.Adjusted = one.p, adjusted
		l.date(one)
		switch {
		case len(one.cases) < minCases:
			a.Looked.Few++
		case one.Hours < minHours:
			a.Looked.OneTime++
		case one.holds && adjusted <= familyWise:
			found = append(found, one)
		}
	}
	for _, one := range withoutExplained(found) {
		a.Findings = append(a.Findings, &one.Finding)
	}
	slices.SortStableFunc(a.Findings, func(x, y *Finding) int {
		return cmp.Or(cmp.Compare(y.Cases, x.Cases), cmp.Compare(x.Operation, y.Operation),
			cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Title, y.Title))
	})
	return a
}

// looked is what h has.
func (l *looking) looked(h *history.History) Looked {
	k := Looked{From: h.From, To: h.To, Operations: len(h.Operations)}
	hours := map[time.Time]bool{}
	for _, o := range h.Operations {
		hours[o.Start.Truncate(time.Hour)] = true
	}
	k.Hours = len(hours)
	for _, t := range h.Tallies {
		k.Tallied += t.Successes
	}
	return k
}

// date notes when the cases of p were, and in how many separate hours: between one hour and the next the operation has
// to have succeeded, or both belong to one incident.
func (l *looking) date(p *pair) {
	if len(p.cases) == 0 {
		return
	}
	slices.SortFunc(p.cases, time.Time.Compare)
	p.Cases, p.From, p.To = len(p.cases), p.cases[0], p.cases[len(p.cases)-1]
	type hour struct{ first, last time.Time } // cases
	var hours []hour
	for _, at := range p.cases {
		n := len(hours)
		if n > 0 && hours[n-1].first.Truncate(time.Hour).Equal(at.Truncate(time.Hour)) {
			hours[n-1].last = at
		} else {
			hours = append(hours, hour{at, at})
		}
	}
	works, first := l.works[place{operation: p.Operation}], p.From
	p.Hours = 1
	for _, h := range hours[1:] {
		if works.within(first, h.last) {
			p.Hours++
			first = h.first
		}
	}
}

// withoutExplained leaves out what another finding explains: what is called permanent is the error of the loop within
// too, and its retries are the late ones that never help.
func withoutExplained(found []*pair) []*pair {
	permanent := map[errorOf]bool{}
	for _, p := range found {
		if p.Kind == KindPermanent {
			permanent[errorOf{p.Operation, p.class}] = true
		}
	}
	explained := func(p *pair) bool {
		switch p.Kind {
		case KindPermanent:
			return slices.ContainsFunc(p.within, func(inner string) bool { return permanent[errorOf{inner, p.class}] })
		case KindLateRetry:
			return !slices.ContainsFunc(p.classes, func(c class) bool { return !permanent[errorOf{p.Operation, c}] })
		}
		return false
	}
	kept := slices.DeleteFunc(slices.Clone(found), explained)
	// Of the retries of one operation the first that never helped says it of the later ones.
	seen := map[string]int{}
	for _, p := range kept {
		if n, known := seen[p.Operation]; p.Kind == KindLateRetry && (!known || p.Retry < n) {
			seen[p.Operation] = p.Retry
		}
	}
	return slices.DeleteFunc(kept, func(p *pair) bool { return p.Kind == KindLateRetry && p.Retry > seen[p.Operation] })
}
