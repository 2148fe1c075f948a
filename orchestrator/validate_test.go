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
		{"no name", []orchestrator.Phase{phase("a"), phase(" ")}, orchestrator.Options{}, `orchestrator: Pipeline.Phases[1].Name is " ", want a name, for example data_preparation`},
		{"name twice", []orchestrator.Phase{phase("a"), phase("b"), phase("a")}, orchestrator.Options{}, `orchestrator: Pipeline.Phases[2].Name is "a", want another name: Phases[0] has this one`},
		{"bad UTF-8", []orchestrator.Phase{phase("a\xff")}, orchestrator.Options{}, `orchestrator: Pipeline.Phases[0].Name is "a\xff", want a name, for example data_preparation`},
		{"nil Run", []orchestrator.Phase{{Name: "a"}}, orchestrator.Options{}, `orchestrator: phase "a": Run is nil, want a function`},
		{"unknown need", []orchestrator.Phase{phase("analysis"), phase("report", "analsis")}, orchestrator.Options{}, `orchestrator: phase "report": Needs is "analsis", want the name of another phase (did you mean analysis?)`},
		{"unknown need, nothing near", []orchestrator.Phase{phase("analysis"), phase("report", "x")}, orchestrator.Options{}, `orchestrator: phase "report": Needs is "x", want the name of another phase`},
		{"unknown use", []orchestrator.Phase{phase("analysis"), {Name: "report", Run: run, Uses: []string{"Analysis"}}}, orchestrator.Options{}, `orchestrator: phase "report": Uses is "Analysis", want the name of another phase (did you mean analysis?)`},
		{"needs itself", []orchestrator.Phase{phase("a", "a")}, orchestrator.Options{}, `orchestrator: phase "a": Needs is a→a, want a graph without cycles`},
		{"cycle", []orchestrator.Phase{phase("x"), phase("tail", "a"), phase("a", "x", "b"), phase("b", "c"), phase("c", "a")}, orchestrator.Options{}, `orchestrator: phase "a": Needs is a→b→c→a, want a graph without cycles`},
		{"cycle that is entered in its middle", []orchestrator.Phase{phase("tail", "b"), phase("a", "b"), phase("b", "a")}, orchestrator.Options{}, `orchestrator: phase "a": Needs is a→b→a, want a graph without cycles`},
		{"uses a later one", []orchestrator.Phase{{Name: "a", Run: run, Uses: []string{"b"}}, phase("b")}, orchestrator.Options{}, `orchestrator: phase "a": Uses is "b", want a phase before it`},
		{"uses itself", []orchestrator.Phase{{Name: "a", Run: run, Uses: []string{"a"}}}, orchestrator.Options{}, `orchestrator: phase "a": Uses is "a", want a phase before it`},
		{"uses a stranger", []orchestrator.Phase{phase("a"), phase("b"), {Name: "c", Run: run, Needs: []string{"a"}, Uses: []string{"b"}}}, orchestrator.Options{}, `orchestrator: phase "c": Uses is "b", want a phase that it needs, also through others; or to name this one in Needs`},
		{"timeout", []orchestrator.Phase{{Name: "a", Run: run, Timeout: -time.Second}}, orchestrator.Options{}, `orchestrator: phase "a": Timeout is -1s, want 0 or more`},
		{"policy", []orchestrator.Phase{{Name: "a", Run: run, Recovery: &retry.Policy{MaxDelay: -1}}}, orchestrator.Options{}, `orchestrator: phase "a": Recovery.MaxDelay is -1ns, want 0 or more`},
		{"parallel", []orchestrator.Phase{phase("a")}, orchestrator.Options{MaxParallel: -1}, `orchestrator: Options.MaxParallel is -1, want 0 or more`},
		{"grace", []orchestrator.Phase{phase("a")}, orchestrator.Options{Grace: -1}, `orchestrator: Options.Grace is -1ns, want 0 or more`},
		{"run id", []orchestrator.Phase{phase("a")}, orchestrator.Options{RunID: " "}, `orchestrator: Options.RunID is " ", want an id, a UUID best of all`},
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
	bad.Recovery.MaxRetries = -7
	equal(t, "policy", fmt.Sprint(bad.Validate()), `orchestrator: Pipeline.Recovery.MaxRetries is -7, want 0 or more, retry.Never or retry.Unlimited`)
	_, err = pipeline(phase("a")).Run(nil, orchestrator.Options{}) //nolint:staticcheck // what is tested
	equal(t, "nil context", fmt.Sprint(err), `orchestrator: ctx is nil, want a context`)
	equal(t, "good", fmt.Sprint(pipeline(phase("a"), phase("b", "a", "a")).Validate()), "<nil>")
}

func TestPlan(t *testing.T) {
	p := pipeline(
		orchestrator.Phase{Name: "report", Run: ok(1), Needs: []string{"analysis"}, Uses: []string{"load", "analysis"}, Fallback: ok(2)},
		orchestrator.Phase{Name: "analysis", Run: ok(1), Needs: []string{"load"}, Timeout: time.Minute, DryRun: ok(3)},
		orchestrator.Phase{Name: "load", Run: ok(1), Recovery: &retry.Policy{BaseDelay: time.Second}},
	)
	p.Recovery.MaxRetries = 5
	plan, err := p.Plan()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, phase := range plan.Phases() {
		got = append(got, fmt.Sprintf("%s needs %v reads %v %v %v %v; %v",
			phase.Name, phase.Needs, phase.Reads, phase.Timeout, phase.DryRun, phase.Fallback, phase.Recovery))
	}
	want := []string{
		"load needs [] reads [] 0s false false; 3 retries, 1s ×2 up to 30s",
		"analysis needs [load] reads [load] 1m0s true false; 5 retries, 2s ×2 up to 30s",
		"report needs [analysis] reads [analysis load] 0s false true; 5 retries, 2s ×2 up to 30s",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	equal(t, "sequence", plan.Sequence(), false)
	p.Phases[0].Name = "changed" // the plan is a copy
	equal(t, "name", plan.Phases()[2].Name, "report")
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
	if !errors.As(err, &field) || field.Phase != "a" || field.Field != "Needs" {
		t.Errorf("errors.As finds the FieldError %#v, want that of the Needs of a", field)
	}
}

// More uses than one walk over the graph can check.
func TestManyUses(t *testing.T) {
	const n = 200
	name := func(i int) string { return fmt.Sprint("p", i) }
	phases := []orchestrator.Phase{{Name: name(0), Run: ok(1)}}
	for i := 1; i < n; i++ {
		phases = append(phases, orchestrator.Phase{Name: name(i), Run: ok(1), Needs: []string{name(i - 1)}, Uses: []string{name(i / 2)}})
	}
	if err := pipeline(phases...).Validate(); err != nil {
		t.Errorf("every phase uses one that is upstream, and yet: %v", err)
	}
	for _, bad := range []int{1, 64, 65, n - 1} {
		changed := slices.Clone(phases)
		changed[bad].Uses = []string{name(0), name(bad)}
		var err *orchestrator.FieldError
		if !errors.As(pipeline(changed...).Validate(), &err) || err.Phase != name(bad) {
			t.Errorf("phase %d uses itself: got %v", bad, err)
		}
	}
}
