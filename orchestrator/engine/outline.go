package engine

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// An Outline is what of a plan can be written down. Two outlines tell what was changed between them.
type Outline struct {
	Pipeline string         `json:"pipeline"`
	Phases   []PhaseOutline `json:"phases"`
}

// A PhaseOutline is what of a phase can be written down; see orchestrator.Phase.
type PhaseOutline struct {
	Name         string        `json:"name"`
	Needs        []string      `json:"needs,omitempty"` // all that it cannot do without
	Reads        []string      `json:"reads,omitempty"` // whose outputs it gets
	Uses         []string      `json:"uses,omitempty"`
	If           string        `json:"if"`
	IfBegan      string        `json:"if_began,omitempty"`
	AllowFailure bool          `json:"allow_failure,omitempty"`
	DryRun       bool          `json:"dry_run,omitempty"`  // whether it has one
	Fallback     bool          `json:"fallback,omitempty"` // likewise
	Recovery     string        `json:"recovery,omitempty"` // its policy in a line
	Timeout      time.Duration `json:"timeout,omitempty"`  // in nanoseconds; 0: none
}

// Changes says, a line each, what is otherwise in now than it was in o. It is empty when nothing is.
func (o Outline) Changes(now Outline) (lines []string) {
	tell := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if o.Pipeline != now.Pipeline {
		tell("the pipeline is %q, was %q", now.Pipeline, o.Pipeline)
	}
	before := map[string]PhaseOutline{}
	for _, p := range o.Phases {
		before[p.Name] = p
	}
	var common []string // in the order of now
	for _, p := range now.Phases {
		was, known := before[p.Name]
		if !known {
			tell("phase %q is new", p.Name)
			continue
		}
		common = append(common, p.Name)
		for _, field := range was.changed(p) {
			tell("phase %q: %s", p.Name, field)
		}
		delete(before, p.Name)
	}
	var order []string // of o
	for _, p := range o.Phases {
		if _, gone := before[p.Name]; gone {
			tell("phase %q is gone", p.Name)
		} else {
			order = append(order, p.Name)
		}
	}
	if !slices.Equal(order, common) {
		tell("the phases stand in another order")
	}
	return lines
}

// changed says which fields of p are otherwise in now.
func (p PhaseOutline) changed(now PhaseOutline) (fields []string) {
	list := func(names []string) string { return cmp.Or(strings.Join(names, ", "), "nothing") }
	for _, f := range [...]struct{ name, was, is string }{
		{"needs", list(p.Needs), list(now.Needs)},
		{"reads", list(p.Reads), list(now.Reads)},
		{"uses", list(p.Uses), list(now.Uses)},
		{"if", p.If, now.If},
		{"if_began", cmp.Or(p.IfBegan, "none"), cmp.Or(now.IfBegan, "none")},
		{"allow_failure", fmt.Sprint(p.AllowFailure), fmt.Sprint(now.AllowFailure)},
		{"has a dry_run", fmt.Sprint(p.DryRun), fmt.Sprint(now.DryRun)},
		{"has a fallback", fmt.Sprint(p.Fallback), fmt.Sprint(now.Fallback)},
		{"recovery", p.Recovery, now.Recovery},
		{"timeout", p.Timeout.String(), now.Timeout.String()},
	} {
		if f.was != f.is {
			fields = append(fields, fmt.Sprintf("%s: %s (was %s)", f.name, f.is, f.was))
		}
	}
	return fields
}
