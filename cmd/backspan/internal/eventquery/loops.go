package eventquery

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/backspan/backspan/cmd/backspan/internal/text"
)

// Loops are the retry loops within each other, what they multiply to, and what they wasted.
type Loops struct {
	Loops       []Loop  `json:"loops"`          // what is within stands behind what it is in
	WastedCalls int64   `json:"wasted_calls"`   // failed attempts
	WastedTime  float64 `json:"wasted_seconds"` // in failed attempts, each moment once within one call
	Tallied     bool    `json:"tallied"`        // calls that succeeded at once are counted
	Unknown     int64   `json:"unknown"`        // records of operations that found no room
}

// A Loop is one operation within the loops around it.
type Loop struct {
	Name          string  `json:"operation"`
	Parent        string  `json:"parent_operation,omitempty"`
	Depth         int64   `json:"depth"`
	Asked         int64   `json:"asked"`         // calls, with those that succeeded at once as far as there are tallies
	Attempts      int64   `json:"attempts"`      // likewise
	Amplification float64 `json:"amplification"` // Attempts / Asked
	Multiplied    float64 `json:"multiplied"`    // with that of all loops around
	Most          int64   `json:"most"`          // for one of the outermost, by the policies; 0: no limit; -1: unknown
	WastedCalls   int64   `json:"wasted_calls"`  // failed attempts
	WastedTime    float64 `json:"wasted_seconds"`

	level int // in what is shown
}

// mostUnknown is the Most of a loop where the log does not say what a policy allows.
const mostUnknown = -1

// Loops returns the loops that are nested, with the ones around them.
func (c *CallCounter) Loops() *Loops {
	all := &Loops{Loops: []Loop{}, WastedTime: micros(c.wastes.seconds), Unknown: c.others}
	inner := map[*node][]*node{}
	var outermost []*node
	for _, n := range c.nodes {
		all.WastedCalls += n.failed
		all.Tallied = all.Tallied || n.succeeded > 0
		if n.attempts == 0 && n.depth > 0 { // it never failed
			continue
		}
		if parent := c.around(n); parent != nil && n.depth > 0 {
			inner[parent] = append(inner[parent], n)
		} else {
			outermost = append(outermost, n)
		}
	}
	outermost = slices.DeleteFunc(outermost, func(n *node) bool { return n.attempts == 0 && len(inner[n]) == 0 })
	var add func(list []*node, around Loop)
	add = func(list []*node, around Loop) {
		slices.SortFunc(list, func(a, b *node) int {
			return cmp.Or(cmp.Compare(b.failed, a.failed), cmp.Compare(a.operation, b.operation),
				cmp.Compare(a.parent, b.parent), cmp.Compare(a.depth, b.depth))
		})
		for _, n := range list {
			one := n.loop(around)
			one.level = around.level + 1
			all.Loops = append(all.Loops, one)
			add(inner[n], one)
		}
	}
	add(outermost, Loop{Multiplied: 1, Most: 1, level: -1})
	return all
}

// loop is n in the loop around it.
func (n *node) loop(around Loop) Loop {
	one := Loop{
		Name: n.operation, Parent: n.parent, Depth: n.depth,
		Asked: n.asked + n.succeeded, Attempts: n.attempts + n.succeeded,
		WastedCalls: n.failed, WastedTime: micros(n.wasted), Amplification: 1,
	}
	if one.Asked > 0 {
		one.Amplification = float64(one.Attempts) / float64(one.Asked)
	}
	one.Multiplied = around.Multiplied * one.Amplification
	switch {
	case n.maxRetries == notSaid || around.Most == mostUnknown:
		one.Most = mostUnknown
	case n.maxRetries >= 0 && around.Most > 0 && around.Most < 1e12:
		one.Most = around.Most * (n.maxRetries + 1)
	}
	return one
}

// Write prints the loops for a person.
func (s *Loops) Write(w io.Writer, style Style) error {
	var b strings.Builder
	if len(s.Loops) == 0 {
		b.WriteString("No operation had a failed attempt.\n")
	} else {
		s.grid(style).write(&b, style)
		fmt.Fprintf(&b, "\nThrown away: %s, %s of work.\n", text.Plural(s.WastedCalls, "attempt", "attempts"),
			text.Seconds(s.WastedTime))
		b.WriteString("MULTIPLIED is CALLS/ASKED times that of all loops around.\n" +
			"AT MOST is what the policies allow. WASTED are failed attempts.\n")
		if s.Unknown > 0 {
			fmt.Fprintf(&b, "%s of further operations found no room.\n", text.Plural(s.Unknown, "event", "events"))
		}
		if !s.Tallied {
			b.WriteString("The log has no tallies, so all this is of calls that failed at first.\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// CSV writes the loops for programs.
func (s *Loops) CSV(w io.Writer) error { return s.grid(Style{}).csv(w) }

func (s *Loops) grid(style Style) *grid {
	g := &grid{columns: []column{
		{name: "operation", title: "LOOP"},
		{name: "parent_operation"},
		{name: "depth"},
		{"asked", "ASKED", true, 3},
		{"attempts", "ATTEMPTS", true, 2},
		{"calls_per_asked", "CALLS/ASKED", true, 0},
		{"multiplied", "MULTIPLIED", true, 0},
		{"most", "AT MOST", true, 1},
		{"wasted_calls", "WASTED", true, 0},
		{"wasted_seconds", "TIME", true, 0},
	}}
	for i := range s.Loops {
		l := &s.Loops[i]
		most := number(l.Most)
		switch l.Most {
		case 0:
			most = cell{"no limit", ""}
		case mostUnknown:
			most = cell{"?", ""}
		}
		name := text.Name(l.Name)
		if l.level > 0 {
			name = strings.Repeat("  ", l.level-1) + style.glyphs().Last + name
		}
		g.rows = append(g.rows, []cell{
			{name, l.Name},
			plain(l.Parent), number(l.Depth), number(l.Asked), number(l.Attempts),
			{fmt.Sprintf("%.2f", l.Amplification), decimal(l.Amplification)},
			{fmt.Sprintf("%.2f", l.Multiplied), decimal(l.Multiplied)},
			most, number(l.WastedCalls), seconds(l.WastedTime),
		})
	}
	return g
}
