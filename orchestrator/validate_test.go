package orchestrator_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
)

func TestBadInput(t *testing.T) {
	run := ok(1)
	phase := func(name string, needs ...string) orchestrator.Phase {
		return orchestrator.Phase{Name: name, Run: run, Needs: needs}
	}
	for _, c := range []struct {
		name   string
		phases []orchestrator.Phase
		opts   orchestrator.Options
		want   string
	}{
		{"no phases", nil, orchestrator.Options{}, `orchestrator: Pipeline.Phases is empty, want at least one phase`},
		{
			"no name",
			[]orchestrator.Phase{phase("a"), phase(" ")},
			orchestrator.Options{},
			`orchestrator: Pipeline.Phases[1].Name is " ", want a name, for example data_preparation`,
		},
		{
			"name twice",
			[]orchestrator.Phase{phase("a"), phase("b"), phase("a")},
			orchestrator.Options{},
			`orchestrator: Pipeline.Phases[2].Name is "a", want another name: Phases[0] has this one`,
		},
		{
			"bad UTF-8",
			[]orchestrator.Phase{phase("a\xff")},
			orchestrator.Options{},
			`orchestrator: Pipeline.Phases[0].Name is "a\xff", want a name, for example data_preparation`,
		},
		{
			"nil Run",
			[]orchestrator.Phase{{Name: "a"}},
			orchestrator.Options{},
			`orchestrator: Pipeline.Phases["a"].Run is nil, want a function`,
		},
		{
			"unknown need",
			[]orchestrator.Phase{phase("analysis"), phase("report", "analsis")},
			orchestrator.Options{},
			`orchestrator: Pipeline.Phases["report"].Needs is "analsis", want the name of another phase (did you mean analysis?)`,
		},
		{
			"unknown need, nothing near",
			[]orchestrator.Phase{phase("analysis"), phase("report", "x")},
			orchestrator.Options{},
			`orchestrator: Pipeline.Phases["report"].Needs is "x", want the name of another phase`,
		},
		{
			"unknown use",
			[]orchestrator.Phase{
				phase("analysis"), {Name: "report", Run: run, Uses: []string{"Analysis"}},
			},
			orchestrator.Options{},
			`orchestrator: Pipeline.Phases["report"].Uses is "Analysis", want the name of another phase (did you mean analysis?)`,
		},
		{
			"needs itself",
			[]orchestrator.Phase{phase("a", "a")},
			orchestrator.Options{},
			`orchestrator: Pipeline.Phases["a"].Needs is a→a, want a graph without cycles`,
		},
		{
			"cycle",
			[]orchestrator.Phase{
				phase("x"), phase("tail", "a"), phase("a", "x", "b"), phase("b", "c"), phase("c", "a"),
			},
			orchestrator.Options{},
			`orchestrator: Pipeline.Phases["a"].Needs is a→b→c→a, want a graph without cycles`,
		},
		{
			"cycle that is entered in its middle",
			[]orchestrator.Phase{phase("tail", "b"), phase("a", "b"), phase("b", "a")},
			orchestrator.Options{},
			`orchestrator: Pipeline.Phases["a"].Needs is a→b→a, want a graph without cycles`,
		},
		{
			"uses a later one",
			[]orchestrator.Phase{{Name: "a", Run: run, Uses: []string{"b"}}, phase("b")},
			orchestrator.Options{},
			`orchestrator: Pipeline.Phases["a"].Uses is "b", want a phase before it`,
		},
		{
			"uses itself",
			[]orchestrator.Phase{{Name: "a", Run: run, Uses: []string{"a"}}},
			orchestrator.Options{},
			`orchestrator: Pipeline.Phases["a"].Uses is "a", want a phase before it`,
		},
		{
			"uses a stranger",
			[]orchestrator.Phase{
				phase("a"), phase("b"), {Name: "c", Run: run, Needs: []string{"a"}, Uses: []string{"b"}},
			},
			orchestrator.Options{},
			`orchestrator: Pipeline.Phases["c"].Uses is "b", want a phase that it needs, also through others; or to name this one in Needs`,
		},
		{
			"timeout",
			[]orchestrator.Phase{{Name: "a", Run: run, Timeout: -time.Second}},
			orchestrator.Options{},
			`orchestrator: Pipeline.Phases["a"].Timeout is -1s, want 0 or more`,
		},
		{
			"policy",
			[]orchestrator.Phase{{Name: "a", Run: run, Recovery: &retry.Policy{MaxDelay: -1}}},
			orchestrator.Options{},
			`orchestrator: Pipeline.Phases["a"].Recovery.MaxDelay is -1ns, want 0 or more`,
		},
		{
			"parallel",
			[]orchestrator.Phase{phase("a")},
			orchestrator.Options{MaxParallel: -1},
			`orchestrator: Options.MaxParallel is -1, want 0 or more`,
		},
		{
			"grace",
			[]orchestrator.Phase{phase("a")},
			orchestrator.Options{Grace: -1},
			`orchestrator: Options.Grace is -1ns, want 0 or more`,
		},
		{
			"run id",
			[]orchestrator.Phase{phase("a")},
			orchestrator.Options{RunID: " "},
			`orchestrator: Options.RunID is " ", want an id, a UUID best of all`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			report, err := pipeline(c.phases...).Run(t.Context(), c.opts)
			if err == nil {
				t.Fatal("no error")
			}
			equal(t, "error", err.Error(), c.want)
			var bad *orchestrator.FieldError
			if !errors.As(err, &bad) {
				t.Errorf("error %T, want *FieldError", err)
			}
			if report.Phases != nil {
				t.Error("something ran")
			}
		})
	}
	err := orchestrator.Pipeline{Phases: []orchestrator.Phase{phase("a")}}.Validate()
	equal(t, "no name", fmt.Sprint(err), `orchestrator: Pipeline.Name is "", want a name, for example nightly`)
	bad := pipeline(phase("a"))
	budget, err := retry.NewBudget(retry.BudgetOptions{Name: "billing"})
	if err != nil {
		t.Fatal(err)
	}
	bad.Recovery.MaxRetries = -7
	equal(t, "policy", fmt.Sprint(bad.Validate()),
		`orchestrator: Pipeline.Recovery.MaxRetries is -7, want 0 or more, retry.Never or retry.Unlimited`)
	for want, policy := range map[string]retry.Policy{
		"orchestrator: Pipeline.Recovery.BaseDelay is 1h, want at most 30s unless Pipeline.Recovery.MaxDelay is set too": {BaseDelay: time.Hour},
		`orchestrator: Pipeline.Recovery.Budget is "billing", want nil; operations in the phases have budgets`: {
			Budget: budget,
		},
		"orchestrator: Pipeline.Recovery.BaseDelay is 1h, want at most Pipeline.Recovery.MaxDelay, which is 1m": {
			BaseDelay: time.Hour, MaxDelay: time.Minute,
		},
		"orchestrator: Pipeline.Recovery.MaxDelay is -1h, want 0 or more": {MaxDelay: -time.Hour},
	} {
		bad.Recovery = policy
		equal(t, "policy", fmt.Sprint(bad.Validate()), want)
	}
	_, err = pipeline(phase("a")).Run(nil, orchestrator.Options{}) //nolint:staticcheck // what is tested
	equal(t, "nil context", fmt.Sprint(err), `orchestrator: ctx is nil, want a context`)
	equal(t, "good", fmt.Sprint(pipeline(phase("a"), phase("b", "a", "a")).Validate()), "<nil>")
}

func TestPlanIsInOrder(t *testing.T) {
	p := pipeline(
		orchestrator.Phase{Name: "report", Run: ok(1), Needs: []string{"analysis"}},
		orchestrator.Phase{Name: "analysis", Run: ok(1), Needs: []string{"load"}},
		orchestrator.Phase{Name: "load", Run: ok(1)},
	)
	plan, err := p.Plan()
	if err != nil {
		t.Fatal(err)
	}
	p.Phases[0].Name = "changed" // the plan is a copy
	if got, want := plan.Phases(), []string{"load", "analysis", "report"}; !slices.Equal(got, want) {
		t.Errorf("Phases() = %q, want %q", got, want)
	}
}

func TestCycleErrorListsThePhases(t *testing.T) {
	err := pipeline(orchestrator.Phase{Name: "tail", Run: ok(1), Needs: []string{"b"}},
		orchestrator.Phase{Name: "a", Run: ok(1), Needs: []string{"b"}},
		orchestrator.Phase{Name: "b", Run: ok(1), Needs: []string{"a"}}).Validate()
	var cycle *orchestrator.CycleError
	if want := []string{"a", "b"}; !errors.As(err, &cycle) || !slices.Equal(cycle.Cycle, want) {
		t.Errorf("Validate() = %#v, want a *CycleError of %q", err, want)
	}
	var field *orchestrator.FieldError
	if !errors.As(err, &field) || field.Field != `Pipeline.Phases["a"].Needs` {
		t.Errorf("errors.As finds the FieldError %#v, want that of the Needs of a", field)
	}
}

// More uses than one walk over the graph can check.
func TestManyUses(t *testing.T) {
	const n = 200
	name := func(i int) string { return fmt.Sprint("p", i) }
	phases := []orchestrator.Phase{{Name: name(0), Run: ok(1)}}
	for i := 1; i < n; i++ {
		phases = append(phases, orchestrator.Phase{
			Name: name(i), Run: ok(1), Needs: []string{name(i - 1)}, Uses: []string{name(i / 2)},
		})
	}
	if err := pipeline(phases...).Validate(); err != nil {
		t.Errorf("every phase uses one that is upstream, and yet: %v", err)
	}
	for _, bad := range []int{1, 64, 65, n - 1} {
		changed := slices.Clone(phases)
		changed[bad].Uses = []string{name(0), name(bad)}
		var err *orchestrator.FieldError
		if !errors.As(pipeline(changed...).Validate(), &err) ||
			err.Field != fmt.Sprintf("Pipeline.Phases[%q].Uses", name(bad)) {
			t.Errorf("phase %d uses itself: got %v", bad, err)
		}
	}
}
