package orchestrator_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/backspan/backspan/orchestrator"
)

// What checks an attempt's end, finds what follows and keeps the report makes no texts for attempts that are as they
// should be: that once took two thirds of the allocations of a run.
func TestAPhaseAllocatesLittle(t *testing.T) {
	const phases = 200
	pipeline := orchestrator.Pipeline{Name: "chain"}
	for i := range phases {
		phase := orchestrator.Phase{
			Name: fmt.Sprint("phase ", i),
			Run:  func(context.Context, orchestrator.Input) (any, error) { return nil, nil },
		}
		if i > 0 {
			phase.Needs = []string{fmt.Sprint("phase ", i-1)}
		}
		pipeline.Phases = append(pipeline.Phases, phase)
	}
	run := func() {
		if _, err := pipeline.Run(context.Background(), orchestrator.Options{EnableRecovery: true}); err != nil {
			t.Error(err)
		}
	}
	if each := testing.AllocsPerRun(5, run) / phases; each > 35 {
		t.Errorf("%.0f allocations a phase, want at most 35", each)
	}
}
