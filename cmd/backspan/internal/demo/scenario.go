package demo

import (
	"math/rand/v2"
	"strings"
	"time"
)

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

// What the service does to a request instead of answering it: steps of package flaky.
const (
	busy      = "503 Retry-After=1 {overloaded, come back later}"
	reset     = "200 Content-Type=text/csv size=4KiB reset=9" // in the middle of the body
	malformed = "200 Content-Type=text/csv {year,ppm\n1969,n/a\n}"
	gone      = "stop"
)

// scripts spreads the scenario's faults over the pages of the data set; seed decides which page meets which. An answer
// that is late comes after the duration late.
func scripts(scenario Scenario, seed uint64, pages []string, after time.Duration) map[string]string {
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // must be repeatable, guards no secret
	order := random.Perm(len(pages))
	late := "pass delay=" + after.String()
	faults := map[string][]string{}
	switch scenario {
	case Flaky:
		for i, steps := range [][]string{{busy}, {reset, reset}, {late}} {
			faults[pages[order[i]]] = steps
		}
		// As many as a policy of 3 retries makes attempts: the operation gives up, and its phase is recovered.
		faults[baselinePath] = []string{busy, reset, busy, busy}
	case Outage:
		faults[pages[order[0]]] = []string{gone}
	case Permanent:
		faults[pages[order[0]]] = []string{malformed, malformed, malformed, malformed}
	case Slow:
		for _, i := range order[:4] {
			faults[pages[i]] = []string{late}
		}
		faults[pages[order[0]]] = []string{late, late}
		faults[baselinePath] = []string{late, late}
	}
	all := map[string]string{}
	for path, steps := range faults {
		all[path] = strings.Join(append(steps, "pass"), ", ")
	}
	return all
}
