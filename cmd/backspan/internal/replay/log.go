package replay

import (
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
	Recorded  Figures  // counted
	Checked   Figures  // what a replay of the recorded policies gives
	Policies  []Policy // that were recorded, as far as the log tells
	Load      *Load    // not nil: failures came with load
	Incidents int      // separate times in which more failed than usual
	Notes     []string // sentences about what was left out

	seed    uint64
	origin  time.Time
	length  float64 // of a block of the bootstrap, in seconds
	blocks  int
	sites   []*site
	calls   []*call
	firsts  float64  // operations that succeeded at their first attempt
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
	policy int     // of Log.Policies
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
	l, err := counted(h, seed)
	if err == nil {
		err = l.inferPolicies()
	}
	if err == nil {
		err = l.check()
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

// counted counts what was recorded.
func counted(h *history.History, seed uint64) (*Log, error) {
	l := &Log{seed: seed, origin: h.From}
	if err := l.take(h); err != nil {
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
func (l *Log) take(h *history.History) error {
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
				l.longest = max(l.longest, a.Took)
			}
			s.calls = append(s.calls, c)
			l.calls = append(l.calls, c)
			l.origin = earlier(l.origin, o.Start)
		}
	}
	for _, t := range h.Tallies {
		if t.Name == history.OtherOperations {
			talliedOther++
		}
		if s := sites[t.Name]; s != nil && t.Depth == outermost {
			s.tallies = append(s.tallies, t)
			l.firsts += float64(t.Successes)
			l.origin = earlier(l.origin, t.Begin)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(sites)) {
		l.sites = append(l.sites, sites[name])
	}
	if cut > 0 {
		l.Notes = append(l.Notes, text.Plural(int64(cut), "operation is", "operations are")+
			" left out: the log lacks their begin or their end.")
	}
	if within > 0 {
		l.Notes = append(l.Notes, text.Plural(int64(within), "operation", "operations")+
			" within the retries of another are left out; --operation asks for one.")
	}
	return l.enough(cut, talliedOther)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// enough says what is missing.
func (l *Log) enough(cut, talliedOther int) error {
	if len(l.calls) < leastCalls {
		more := ""
		if cut > 0 {
			more = fmt.Sprintf(" (and %d without begin or end)", cut)
		}
		return &Missing{fmt.Sprintf("%s failed at the first attempt%s: want %d at least; ask for a longer time",
			text.Plural(int64(len(l.calls)), "operation", "operations"), more, leastCalls)}
	}
	for _, s := range l.sites {
		if len(s.tallies) > 0 {
			continue
		}
		why := "exec, run, demo and programs with NoTally count none"
		if talliedOther > 0 {
			why = "it may be among the (other) of a process with more than 100 operations"
		}
		return &Missing{fmt.Sprintf("the log does not say how often %s succeeded at its first attempt, "+
			"so it has no rate: operation_tally has no record of it (%s); --operation asks for one that has",
			text.Name(s.name), why)}
	}
	return nil
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
