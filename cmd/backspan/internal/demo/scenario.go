package demo

import "math/rand/v2"

// A Scenario is the weather in which the pipeline runs.
type Scenario string

// The scenarios.
const (
	Healthy   Scenario = "healthy"   // nothing fails
	Flaky     Scenario = "flaky"     // operations retry, one phase is recovered, all ends well
	Outage    Scenario = "outage"    // the service goes away and stays away
	Permanent Scenario = "permanent" // the service sends rows that no retry can mend
	Slow      Scenario = "slow"      // many answers come too late at first
)

// Scenarios are all of them, in the order in which a help text names them.
var Scenarios = []Scenario{Healthy, Flaky, Outage, Permanent, Slow}

// A fault is what the service does to one request instead of answering it.
type fault int

const (
	none      fault = iota
	busy            // 503 with Retry-After
	reset           // the connection is reset in the middle of the body
	late            // the answer comes after the client's attempt timeout
	malformed       // an answer with a row that is no number
	gone            // the connection is reset and the service stops listening
)

// A plan holds the faults that wait for each path: the first request takes the first one, and so on.
type plan map[string][]fault

// newPlan spreads the scenario's faults over the pages of the data set; seed decides which page meets which.
func newPlan(scenario Scenario, seed uint64, pages []string) plan {
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // must be repeatable, guards no secret
	order := random.Perm(len(pages))
	p := plan{}
	switch scenario {
	case Flaky:
		for i, faults := range [][]fault{{busy}, {reset, reset}, {late}} {
			p[pages[order[i]]] = faults
		}
		// As many as a policy of 3 retries makes attempts: the operation gives up, and its phase is recovered.
		p[baselinePath] = []fault{busy, reset, busy, busy}
	case Outage:
		p[pages[order[0]]] = []fault{gone}
	case Permanent:
		p[pages[order[0]]] = []fault{malformed, malformed, malformed, malformed}
	case Slow:
		for _, i := range order[:4] {
			p[pages[i]] = []fault{late}
		}
		p[pages[order[0]]] = []fault{late, late}
		p[baselinePath] = []fault{late, late}
	}
	return p
}
