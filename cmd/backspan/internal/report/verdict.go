package report

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/backspan/backspan/internal/semconv"
)

// nameOf is what ran.
func nameOf(roots []*node) string {
	for _, r := range roots {
		if r.Kind == semconv.KindRun && r.Name != "" {
			return r.Name
		}
	}
	if len(roots) == 1 {
		return cmp.Or(roots[0].Name, "(no name)")
	}
	operations := 0
	for _, n := range flat(roots) {
		if n.Kind == semconv.KindOperation {
			operations++
		}
	}
	return plural(operations, "operation", "operations")
}

// A verdict is how a session ended, in a word and in a sentence.
type verdict struct {
	state    string // one of the states
	sentence string
	err      string // of the run, or of the only root
}

func verdictOf(roots []*node, elapsed time.Duration, partial bool) verdict {
	nodes := flat(roots)
	operations, phases := sum(byName(nodes)), countPhases(nodes)
	v := verdict{state: endOf(roots, operations, phases)}
	for _, r := range roots {
		if r.Failed() && (r.Kind == semconv.KindRun || len(roots) == 1) {
			v.err = r.StatusText
		}
	}
	v.sentence = v.opening() + " " + durationText(elapsed)
	if operations.Failed+phases.recovered+phases.failed+phases.cancelled+operations.GivenUp == 0 {
		if operations.Runs > 0 && v.state == stateOK {
			v.sentence += ", with " + plural(operations.Runs, "operation", "operations") + " that succeeded at the first attempt"
		}
	} else {
		v.sentence += ": " + enumerate(details(operations, phases, partial))
	}
	v.sentence += "."
	return v
}

// endOf is the worst end of the roots. What had to be retried and ended well has recovered.
func endOf(roots []*node, operations counts, phases phaseCount) string {
	states := map[string]bool{}
	for _, r := range roots {
		state := r.state()
		if r.Failed() && state != semconv.OutcomeCancelled {
			state = stateFailed
		}
		states[state] = true
	}
	for _, state := range [...]string{stateFailed, semconv.OutcomeCancelled, stateOpen} {
		if states[state] {
			return state
		}
	}
	if operations.Recovered+phases.recovered > 0 {
		return semconv.OutcomeRecovered
	}
	return stateOK
}

func (v *verdict) opening() string {
	switch v.state {
	case stateFailed:
		return "It failed after"
	case semconv.OutcomeCancelled:
		return "It was cancelled after"
	case stateOpen:
		return "It has not ended, or nobody saw its end; this is known of"
	}
	return "It ended well after"
}

func details(o counts, p phaseCount, partial bool) (list []string) {
	add := func(n int, one, many string) {
		if n > 0 {
			list = append(list, plural(n, one, many))
		}
	}
	switch {
	case o.Failed > 0 && partial:
		list = append(list, plural(o.Failed, "attempt", "attempts")+" failed")
	case o.Failed > 0:
		list = append(list, fmt.Sprintf("%d of %s failed", o.Failed, plural(o.Attempts, "attempt", "attempts")))
	}
	add(o.Recovered, "operation recovered", "operations recovered")
	add(o.GivenUp-o.Cancelled, "operation was given up", "operations were given up")
	add(o.Cancelled, "operation was cancelled", "operations were cancelled")
	add(p.recovered, "phase was recovered", "phases were recovered")
	add(p.failed, "phase failed", "phases failed")
	add(p.cancelled, "phase was cancelled", "phases were cancelled")
	add(p.skipped, "phase was skipped", "phases were skipped")
	return list
}

// enumerate joins a list as people do: a, b and c.
func enumerate(list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:len(list)-1], ", ") + " and " + list[len(list)-1]
}
