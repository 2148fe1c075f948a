package eventquery

import (
	"cmp"
	"math"
	"slices"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
	"github.com/backspan/backspan/events"
)

// Stats counts what retries cost, over the records that were added. Calls that succeeded at their first attempt are in
// Succeeded and SuccessRate, as far as the log has tallies of them, and in no other number.
type Stats struct {
	By         string      `json:"by"` // what the groups are: ByOperation, or a key
	Records    int64       `json:"records"`
	First      string      `json:"first,omitempty"` // the earliest timestamp
	Last       string      `json:"last,omitempty"`  // the latest
	Sessions   int         `json:"sessions"`        // counted up to 100,000
	Operations []Operation `json:"operations"`      // what hurts most first
	Phases     []Phase     `json:"phases"`          // likewise; those that failed, if only at first
	Dropped    int64       `json:"dropped"`         // lines that were lost while writing, by the log's own word
}

// An Operation sums up the calls of one operation that had at least one failed attempt.
type Operation struct {
	Name          string       `json:"operation,omitempty"`
	Group         string       `json:"group,omitempty"`        // the value of Stats.By, when that is no operation
	Asked         int64        `json:"asked"`                  // calls of retry.Do
	Attempts      int64        `json:"attempts"`               // calls of the operation itself
	Failed        int64        `json:"failed"`                 // of the attempts
	Retried       int64        `json:"retried"`                // of those asked for: had more than one attempt
	Recovered     int64        `json:"recovered"`              // succeeded after failing
	GivenUp       int64        `json:"given_up"`               // ended badly, for whatever reason
	Outcomes      Outcomes     `json:"outcomes"`               // of those: retry.outcome, or failed without one
	Stopped       int64        `json:"stopped"`                // of those: after an attempt, in a wait or by a panic
	Waited        float64      `json:"waited"`                 // seconds planned before the retries that were made
	Amplification float64      `json:"amplification"`          // Attempts / Asked
	Succeeded     int64        `json:"succeeded,omitempty"`    // at the first attempt, by the log's tallies
	SuccessRate   *float64     `json:"success_rate,omitempty"` // of all calls; absent without a tally
	Errors        []ErrorCount `json:"errors"`                 // the commonest first
	First         string       `json:"first"`                  // when it was seen failing first
	Last          string       `json:"last"`                   // and last
}

// A Phase sums up the tries of one phase that failed.
type Phase struct {
	Name       string       `json:"phase,omitempty"`
	Group      string       `json:"group,omitempty"`
	Failed     int64        `json:"failed"`     // first tries that failed
	Recoveries int64        `json:"recoveries"` // recovery attempts
	Recovered  int64        `json:"recovered"`  // saved by one of them
	FellBack   int64        `json:"fell_back"`  // saved by the fallback
	GivenUp    int64        `json:"given_up"`   // ended failed or cancelled
	Outcomes   Outcomes     `json:"outcomes"`   // of those: as of operations, or failed or cancelled alone
	Waited     float64      `json:"waited"`     // seconds before recovery attempts; as above
	Errors     []ErrorCount `json:"errors"`
	First      string       `json:"first"`
	Last       string       `json:"last"`
}

// Outcomes count what was given up by its outcome.
type Outcomes map[string]int64

// An ErrorCount is how often a class of errors was seen, with the earliest of them. The classes beyond the hundred
// commonest are one, of the type "(others)", which stands last.
type ErrorCount struct {
	Error   string `json:"error"` // what their texts have in common, with … in place of numbers, ids and quoted parts
	Type    string `json:"error_type"`
	Count   int64  `json:"count"`
	Example string `json:"example"`
}

// Stats returns what was counted, what hurts most first: what was given up, then the time spent waiting.
func (c *Counter) Stats() Stats {
	s := Stats{
		By: c.by, Records: c.records, Sessions: len(c.sessions), Dropped: c.dropped,
		First: string(c.span.first), Last: string(c.span.last),
		Operations: []Operation{}, Phases: []Phase{},
	}
	own, group := func(name string) string { return events.Value(name).Text() }, func(string) string { return "" }
	if c.by != ByOperation {
		own, group = group, own
	}
	for name, t := range c.operations {
		if t.tries+t.stopped == 0 { // no attempt of it failed
			continue
		}
		o := Operation{
			Name: own(name), Group: group(name),
			Asked: t.asked, Attempts: t.tries, Failed: t.failed, Retried: t.retried,
			Recovered: t.recovered, GivenUp: t.givenUp(), Outcomes: t.outcomes,
			Stopped: t.stopped, Waited: micros(t.waited),
			Errors: commonest(t.classes), First: string(t.span.first), Last: string(t.span.last),
		}
		if t.asked > 0 { // a log that was cut off at its beginning may lack the first attempts
			o.Amplification = float64(t.tries) / float64(t.asked)
		}
		if o.Succeeded = t.succeeded; o.Succeeded > 0 {
			good := float64(o.Succeeded + o.Recovered)
			rate := good / (good + float64(o.GivenUp))
			o.SuccessRate = &rate
		}
		s.Operations = append(s.Operations, o)
	}
	for name, t := range c.phases {
		s.Phases = append(s.Phases, Phase{
			Name: own(name), Group: group(name),
			Failed: t.asked, Recoveries: t.tries, Recovered: t.recovered, FellBack: t.fellBack,
			GivenUp: t.givenUp(), Outcomes: t.outcomes,
			Waited: micros(t.waited), Errors: commonest(t.classes),
			First: string(t.span.first), Last: string(t.span.last),
		})
	}
	slices.SortFunc(s.Operations, func(a, b Operation) int {
		return cmp.Or(cmp.Compare(b.GivenUp, a.GivenUp), cmp.Compare(b.Waited, a.Waited),
			cmp.Compare(b.Failed, a.Failed), cmp.Compare(a.Name+a.Group, b.Name+b.Group))
	})
	slices.SortFunc(s.Phases, func(a, b Phase) int {
		return cmp.Or(cmp.Compare(b.GivenUp, a.GivenUp), cmp.Compare(b.Waited, a.Waited),
			cmp.Compare(a.Name+a.Group, b.Name+b.Group))
	})
	return s
}

// micros rounds seconds to microseconds: the order in which many were added must not show.
func micros(seconds float64) float64 { return math.Round(seconds*1e6) / 1e6 }

// maxErrors is how many classes of errors are listed.
const maxErrors = 100

// commonest lists the classes, the commonest first, and the rest as one.
func commonest(classes map[session.ErrorClass]*class) []ErrorCount {
	rest := class{}
	kinds := make([]session.ErrorClass, 0, len(classes))
	for kind, e := range classes {
		if kind == otherErrors {
			rest = *e
			continue
		}
		kinds = append(kinds, kind)
	}
	slices.SortFunc(kinds, func(a, b session.ErrorClass) int {
		return cmp.Or(cmp.Compare(classes[b].count, classes[a].count), cmp.Compare(a.Reason, b.Reason),
			cmp.Compare(a.Type, b.Type))
	})
	list := make([]ErrorCount, 0, min(len(kinds), maxErrors)+1)
	for i, kind := range kinds {
		if e := classes[kind]; i < maxErrors {
			list = append(list, ErrorCount{kind.Reason, kind.Type, e.count, e.example})
		} else {
			rest.merge(e)
		}
	}
	if rest.count > 0 {
		list = append(list, ErrorCount{"", Others, rest.count, rest.example})
	}
	return list
}
