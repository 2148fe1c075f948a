package engine_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/backspan/backspan/orchestrator/engine"
)

func outline() engine.Outline {
	return engine.Outline{Pipeline: "nightly", Phases: []engine.PhaseOutline{
		{Name: "a", If: "success", Recovery: "3 retries"},
		{Name: "b", If: "success", Recovery: "3 retries", Needs: []string{"a"}, Timeout: time.Minute},
		{Name: "c", If: "always", Recovery: "3 retries", IfBegan: "b"},
	}}
}

func TestChangesOfAnOutline(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*engine.Outline)
		want   []string
	}{
		{"nothing", func(*engine.Outline) {}, nil},
		{
			"the name", func(o *engine.Outline) { o.Pipeline = "daily" },
			[]string{`the pipeline is "daily", was "nightly"`},
		},
		{
			"a phase gone, and one new", func(o *engine.Outline) { o.Phases[2].Name = "d" },
			[]string{`phase "d" is new`, `phase "c" is gone`},
		},
		{
			"the order", func(o *engine.Outline) { slices.Reverse(o.Phases) },
			[]string{"the phases stand in another order"},
		},
		{"needs", func(o *engine.Outline) { o.Phases[1].Needs = nil }, []string{`phase "b": needs: nothing (was a)`}},
		{
			"reads and uses", func(o *engine.Outline) {
				o.Phases[2].Reads, o.Phases[2].Uses = []string{"a"}, []string{"a", "b"}
			}, []string{`phase "c": reads: a (was nothing)`, `phase "c": uses: a, b (was nothing)`},
		},
		{
			"conditions", func(o *engine.Outline) { o.Phases[2].If, o.Phases[2].IfBegan = "failure", "" },
			[]string{`phase "c": if: failure (was always)`, `phase "c": if_began: none (was b)`},
		},
		{"flags", func(o *engine.Outline) {
			p := &o.Phases[0]
			p.AllowFailure, p.DryRun, p.Fallback = true, true, true
		}, []string{
			`phase "a": allow_failure: true (was false)`, `phase "a": has a dry_run: true (was false)`,
			`phase "a": has a fallback: true (was false)`,
		}},
		{
			"bounds", func(o *engine.Outline) { o.Phases[1].Recovery, o.Phases[1].Timeout = "no retries", time.Hour },
			[]string{`phase "b": recovery: no retries (was 3 retries)`, `phase "b": timeout: 1h0m0s (was 1m0s)`},
		},
	} {
		text, err := json.Marshal(outline())
		if err != nil {
			t.Fatal(err)
		}
		var was engine.Outline
		if err := json.Unmarshal(text, &was); err != nil {
			t.Fatal(err)
		}
		now := outline()
		c.change(&now)
		if got := was.Changes(now); !slices.Equal(got, c.want) {
			t.Errorf("%s:\ngot  %q\nwant %q", c.name, got, c.want)
		}
	}
}
