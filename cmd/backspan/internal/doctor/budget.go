package doctor

import (
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/internal/semconv"
)

// A retry that a budget refused is told of for so long.
const refusedWithin = 24 * time.Hour

// refusals are the operations that ended lately because their budget was empty.
type refusals struct {
	operations      int64
	last            time.Time
	name, operation string // of the last; the budget's name may be empty
}

func (r *refusals) see(line *events.Line, now time.Time) {
	if !line.Type().Is(events.TypeAttempt) || !line.Detail(events.KeyOutcome).Is(semconv.OutcomeBudget) {
		return
	}
	at, ok := line.Time()
	if !ok || now.Sub(at) > refusedWithin {
		return
	}
	r.operations++
	if at.Before(r.last) {
		return
	}
	r.last = at
	r.name, r.operation = line.Detail(events.KeyBudget).Text(), line.Detail(events.KeyOperation).Text()
}

// budgets tells of retries that were refused. That is what budgets are for while a service is down, and too much in a
// program that makes few calls.
func (e *exam) budgets(path string, r refusals) {
	if r.operations == 0 {
		return
	}
	which := "its budget has no name"
	if r.name != "" {
		which = "its budget is " + oneLine(r.name)
	}
	e.found("budgets", Note,
		"backspan events --where outcome=budget --since 1d "+path+" lists them; if the service that they call was "+
			"well, the program makes too few calls to pay for its retries: NoBudget, or no Policy.Budget",
		"%s in the last 24 hours got no retry because the budget was empty, the last %s: %s; %s",
		text.Plural(r.operations, "operation", "operations"), e.ago(r.last), oneLine(r.operation), which)
}
