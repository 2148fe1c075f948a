package eventquery

import (
	"cmp"
	"io"
	"slices"
	"strings"

	"github.com/backspan/backspan/cmd/backspan/internal/text"
)

// Times are how long things took, by operation.
type Times struct {
	Operations []OperationTimes `json:"operations"` // the longest recoveries first
	Unknown    int64            `json:"unknown"`    // records of operations that found no room
}

// OperationTimes are how long the attempts, waits and recoveries of one operation took. Attempts of calls that
// succeeded at once are not among them.
type OperationTimes struct {
	Name     string     `json:"operation"`
	Attempts *Quantiles `json:"attempts"` // null: unknown
	Waits    *Quantiles `json:"waits"`    // as planned, before the retries that were made
	Recovery *Quantiles `json:"recovery"` // from the begin of the first attempt to the end of the last
}

// Times returns how long things took.
func (c *CallCounter) Times() *Times {
	byName := map[string]*node{}
	for _, n := range c.nodes {
		if n.attempts == 0 {
			continue
		}
		all := byName[n.operation]
		if all == nil {
			all = &node{}
			byName[n.operation] = all
		}
		all.took.merge(&n.took)
		all.waited.merge(&n.waited)
		all.recovered.merge(&n.recovered)
	}
	t := &Times{Operations: []OperationTimes{}, Unknown: c.others}
	for name, n := range byName {
		t.Operations = append(t.Operations, OperationTimes{
			name, n.took.quantiles(), n.waited.quantiles(), n.recovered.quantiles(),
		})
	}
	slices.SortFunc(t.Operations, func(a, b OperationTimes) int {
		return cmp.Or(cmp.Compare(b.Recovery.p99(), a.Recovery.p99()), cmp.Compare(b.Attempts.p99(), a.Attempts.p99()),
			cmp.Compare(a.Name, b.Name))
	})
	return t
}

func (q *Quantiles) p99() float64 {
	if q == nil {
		return -1
	}
	return q.P99
}

// Write prints the times for a person.
func (t *Times) Write(w io.Writer, style Style) error {
	var b strings.Builder
	if len(t.Operations) == 0 {
		b.WriteString("No operation had a failed attempt.\n")
	} else {
		t.grid().write(&b, style)
		b.WriteString("\nWithin 1 %. Calls that succeeded at once are not among them.\n" +
			"Waits are as planned. A recovery is from the first attempt to the success.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// CSV writes the times for programs, in seconds.
func (t *Times) CSV(w io.Writer) error { return t.grid().csv(w) }

func (t *Times) grid() *grid {
	g := &grid{columns: []column{{name: "operation", title: "OPERATION"}}}
	for i, what := range []string{"ATTEMPT", "WAIT", "RECOVERY"} {
		name := strings.ToLower(what)
		g.columns = append(g.columns,
			column{name: name + "_count"}, column{name + "_p50_seconds", what + " p50", true, 4 - i},
			column{name + "_p95_seconds", "p95", true, 8 - i}, column{name + "_p99_seconds", "p99", true, 0})
	}
	for i := range t.Operations {
		o := &t.Operations[i]
		row := []cell{nameCell(o.Name)}
		for _, q := range []*Quantiles{o.Attempts, o.Waits, o.Recovery} {
			if q == nil {
				row = append(row, cell{}, cell{"-", ""}, cell{"-", ""}, cell{"-", ""})
				continue
			}
			row = append(row, number(q.Count))
			for _, s := range []float64{q.P50, q.P95, q.P99} {
				row = append(row, cell{"≈" + text.Seconds(s), decimal(micros(s))})
			}
		}
		g.rows = append(g.rows, row)
	}
	return g
}
