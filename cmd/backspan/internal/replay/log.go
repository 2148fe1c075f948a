package replay

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sort"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/history"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/internal/semconv"
)

// A Log is what can be replayed of a history.
type Log struct {
	Recorded  Figures   // counted
	Checked   Figures   // what a replay of the recorded policies gives
	Policies  []*Policy // that were recorded, as far as the log tells
	Load      *Load     // not nil: failures came with load
	Incidents int       // separate times in which more failed than usual
	Notes     []string  // sentences about what was left out

	seed    uint64
	origin  time.Time
	length  float64 // of a block of the bootstrap, in seconds
	blocks  int
	sites   []*site
	calls   []*call
	base    []*block // of those
	longest time.Duration
}

// A site is all operations of one name.
type site struct {
	name     string
	calls    []*call
	tallies  []*history.Tally
	first    *flow
	byProc   map[process]*flow
	policies []*Policy // recorded
	evidence *evidence
	good     []time.Duration // how long attempts took that succeeded after a failed one
}

// A process has its own budget.
type process struct {
	service, host string
	pid           int
}

// A call is a recorded operation whose first attempt failed.
type call struct {
	*history.Operation
	site   *site
	proc   process
	at     float64 // its start
	kind   string  // the error type of its last failed attempt
	policy *Policy // that it was recorded with
	stuck  float64 // how likely it is that no attempt of it could succeed
}

// How an operation's end limits what a replay may do with it.
func (c *call) final() bool {
	switch c.Outcome {
	case semconv.OutcomePermanent, semconv.OutcomeNotRetryable, semconv.OutcomeRetryLater, semconv.OutcomePanic:
		return true
	}
	return false
}

// left says whether the caller went away, or ran out of its own time, at the end of the operation.
func (c *call) left() bool {
	return c.Outcome == semconv.OutcomeCancelled || c.Outcome == semconv.OutcomeDeadline && c.MaxElapsed == 0
}

// A Missing says what a log lacks for an answer.
type Missing struct{ What string }

func (e *Missing) Error() string { return e.What }

// leastCalls is how many operations whose first attempt failed are the least from which anything is concluded.
const leastCalls = 20

// New prepares a history, and replays the policies that it was recorded with. The error is a *Missing or a *Mismatch.
// The same seed gives the same answers.
func New(h *history.History, seed uint64) (*Log, error) {
	l, err := counted(h, seed, (*site).infer)
	if err == nil {
		err = l.check()
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

// counted counts what was recorded, without the sites of which usable gives an error.
func counted(h *history.History, seed uint64, usable func(*site) error) (*Log, error) {
	l := &Log{seed: seed, origin: h.From}
	if err := l.take(h, usable); err != nil {
		return nil, err
	}
	l.divide(h)
	for _, s := range l.sites {
		l.prepare(s)
	}
	l.base = l.firstBlocks()
	l.Recorded = figuresOf(l.count())
	l.Load = l.loadOf()
	l.Incidents = l.incidents()
	return l, nil
}

func (l *Log) seconds(t time.Time) float64 { return t.Sub(l.origin).Seconds() }

// take chooses what is replayed: operations that are known from begin to end and are in no other loop, with the
// tallies of the same names.
func (l *Log) take(h *history.History, usable func(*site) error) error {
	if len(h.Operations)+len(h.Tallies) == 0 {
		return &Missing{"there is no operation in what was read"}
	}
	if len(h.Operations) == 0 {
		return &Missing{"no operation failed at its first attempt: " +
			"there is nothing that another policy would have changed"}
	}
	outermost := h.Operations[0].Depth
	for _, o := range h.Operations {
		outermost = min(outermost, o.Depth)
	}
	sites := map[string]*site{}
	var cut, within, talliedOther int
	for _, o := range h.Operations {
		switch {
		case !o.Whole():
			cut++
		case o.Depth != outermost:
			within++
		default:
			s := sites[o.Name]
			if s == nil {
				s = &site{name: o.Name}
				sites[o.Name] = s
			}
			c := &call{Operation: o, site: s, proc: process{o.Service, o.Host, o.PID}}
			for _, a := range o.Attempts {
				if a.Failed {
					c.kind = a.ErrorType
				}
			}
			s.calls = append(s.calls, c)
		}
	}
	for _, t := range h.Tallies {
		if t.Name == history.OtherOperations {
			talliedOther++
		}
		if s := sites[t.Name]; s != nil && t.Depth == outermost {
			s.tallies = append(s.tallies, t)
		}
	}
	if cut > 0 {
		l.Notes = append(l.Notes, text.Plural(int64(cut), "operation is", "operations are")+
			" left out: the log lacks their begin or their end.")
	}
	if within > 0 {
		l.Notes = append(l.Notes, text.Plural(int64(within), "operation", "operations")+
			" within the retries of another are left out; --operation asks for one.")
	}
	for _, left := range []struct {
		n         int64
		one, many string
	}{
		{h.Left.Unattempted, "operation without an attempt is", "operations without an attempt are"},
		{h.Left.DryRun, "record of a dry run is", "records of dry runs are"},
		{h.Left.Damaged, "damaged record is", "damaged records are"},
	} {
		if left.n > 0 {
			l.Notes = append(l.Notes, text.Plural(left.n, left.one, left.many)+" left out.")
		}
	}
	if outermost > 0 {
		l.Notes = append(l.Notes, "The operations are within the retries of others: "+
			"how often those call stays as recorded.")
	}
	if n := len(h.Operations) - cut - within; n < leastCalls {
		return few(n, cut)
	}
	return l.keep(sites, func(s *site) error {
		if len(s.tallies) == 0 {
			return untallied(s.name, talliedOther > 0)
		}
		return usable(s)
	})
}

// keep takes the sites that can be used. When there is none, the error says of the first why.
func (l *Log) keep(sites map[string]*site, usable func(*site) error) error {
	var left []string
	var first error
	for _, name := range slices.Sorted(maps.Keys(sites)) {
		s := sites[name]
		if err := usable(s); err != nil {
			first = cmp.Or(first, err)
			left = append(left, err.Error())
			continue
		}
		l.sites = append(l.sites, s)
		l.calls = append(l.calls, s.calls...)
		l.Policies = append(l.Policies, s.policies...)
		for _, t := range s.tallies {
			l.origin = earlier(l.origin, t.Begin)
		}
	}
	if len(l.sites) == 0 {
		return &Missing{first.Error()}
	}
	for _, c := range l.calls {
		l.origin = earlier(l.origin, c.Start)
		for _, a := range c.Attempts {
			l.longest = max(l.longest, a.Took)
		}
	}
	const most = 3
	for i, why := range left {
		if i == most {
			l.Notes = append(l.Notes, fmt.Sprintf("So are %d more.", len(left)-most))
			break
		}
		l.Notes = append(l.Notes, "Left out: "+why+".")
	}
	if len(l.calls) < leastCalls {
		return few(len(l.calls), 0)
	}
	return nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// few is that too little failed.
func few(n, cut int) error {
	more := ""
	if cut > 0 {
		more = fmt.Sprintf(" (and %d without begin or end)", cut)
	}
	return &Missing{fmt.Sprintf("%s failed at the first attempt%s: want %d at least; ask for a longer time",
		text.Plural(int64(n), "operation", "operations"), more, leastCalls)}
}

// untallied is that there is no rate.
func untallied(name string, others bool) error {
	why := "exec, run, demo and programs with NoTally count none"
	if others {
		why = "it may be among the (other) of a process with more than 100 operations"
	}
	return fmt.Errorf("the log does not say how often %s succeeded at its first attempt, so it has no rate: "+
		"there is no operation_tally of it (%s)", text.Name(name), why)
}

// mostBlocks bounds the blocks of the bootstrap. A longer log has blocks of more than a minute.
const mostBlocks = 300

// divide cuts the time of the log into blocks of whole minutes.
func (l *Log) divide(h *history.History) {
	sort.SliceStable(l.calls, func(i, j int) bool { return l.calls[i].Start.Before(l.calls[j].Start) })
	whole := max(l.seconds(h.To), 1)
	l.length = 60
	for whole/l.length > mostBlocks {
		l.length += 60
	}
	l.blocks = int(whole/l.length) + 1
	for _, c := range l.calls {
		c.at = l.seconds(c.Start)
	}
}

func (l *Log) block(at float64) int { return max(0, min(int(at/l.length), l.blocks-1)) }

// prepare finds out when the operations of a site began, and what is known of their success.
func (l *Log) prepare(s *site) {
	failed := map[process][]float64{}
	tallies := map[process][]*history.Tally{}
	sort.SliceStable(s.calls, func(i, j int) bool { return s.calls[i].at < s.calls[j].at })
	for _, c := range s.calls {
		failed[c.proc] = append(failed[c.proc], c.at)
		if !c.Last().Failed {
			s.good = append(s.good, c.Last().Took)
		}
	}
	for _, t := range s.tallies {
		p := process{t.Service, t.Host, t.PID}
		tallies[p] = append(tallies[p], t)
	}
	s.byProc = map[process]*flow{}
	for p, list := range tallies {
		s.byProc[p] = newFlow(l.piecesOf(list, failed))
	}
	s.first = newFlow(l.piecesOf(s.tallies, failed))
	s.evidence = newEvidence(s)
}
