package orchestrator_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
)

// A phase that fails twice is recovered.
func Example() {
	calls := 0
	prepare := func(context.Context, orchestrator.Input) (any, error) {
		if calls++; calls < 3 {
			return nil, errors.New("connection refused")
		}
		return map[string]int{"rows": 66}, nil
	}
	analyse := func(_ context.Context, in orchestrator.Input) (any, error) {
		var data struct{ Rows int }
		if err := in.Output("data_preparation", &data); err != nil {
			return nil, err
		}
		return fmt.Sprintf("%d rows analysed", data.Rows), nil
	}
	pipeline := orchestrator.Pipeline{
		Name:     "nightly",
		Recovery: retry.Policy{BaseDelay: 5 * time.Millisecond}, // the default is 2s, 4s, 8s
		Phases: []orchestrator.Phase{
			{Name: "data_preparation", Run: prepare},
			{Name: "analysis", Run: analyse},
		},
	}
	report, err := pipeline.Run(context.Background(), orchestrator.Options{EnableRecovery: true})
	if err != nil {
		fmt.Println(err)
	}
	for _, phase := range report.Phases {
		fmt.Println(phase.Phase, phase.Status, string(phase.Result))
		if phase.Recovery != nil && phase.Recovery.Success {
			fmt.Printf("  recovered after %d attempts: %s\n", len(phase.Recovery.Attempts), phase.Recovery.Message)
		}
	}
	// Output:
	// data_preparation success {"rows":66}
	//   recovered after 2 attempts: Recovery successful on attempt 2
	// analysis success "66 rows analysed"
}

func done(context.Context, orchestrator.Input) (any, error) { return nil, nil }

func ExampleError() {
	errSchema := errors.New("column \"price\" is missing")
	pipeline := orchestrator.Pipeline{Name: "nightly", Phases: []orchestrator.Phase{
		{Name: "load", Run: func(context.Context, orchestrator.Input) (any, error) {
			return nil, retry.Permanent(errSchema) // no recovery would help
		}},
		{Name: "report", Run: done},
	}}
	_, err := pipeline.Run(context.Background(), orchestrator.Options{EnableRecovery: true})

	var failure *orchestrator.Error
	if errors.As(err, &failure) {
		fmt.Println(failure.Status, failure.Phases[0].Operation, errors.Is(err, errSchema))
	}
	fmt.Println(err)
	// Output:
	// failed load true
	// pipeline "nightly" failed: load: permanent error after 1 attempt: column "price" is missing
}

func ExamplePipeline_Plan() {
	pipeline := orchestrator.Pipeline{Name: "nightly", Phases: []orchestrator.Phase{
		{Name: "report", Run: done, Needs: []string{"analysis", "prices"}},
		{Name: "analysis", Run: done, Needs: []string{"load"}},
		{Name: "prices", Run: done},
		{Name: "load", Run: done},
	}}
	plan, err := pipeline.Plan()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(plan.Phases())
	// Output:
	// [prices load analysis report]
}

func ExamplePipeline_Validate() {
	pipeline := orchestrator.Pipeline{Name: "nightly", Phases: []orchestrator.Phase{
		{Name: "analysis", Run: done},
		{Name: "report", Run: done, Needs: []string{"anaylsis"}},
	}}
	fmt.Println(pipeline.Validate())
	pipeline.Phases[0].Needs = []string{"report"}
	pipeline.Phases[1].Needs = []string{"analysis"}
	fmt.Println(pipeline.Validate())
	// Output:
	// orchestrator: Pipeline.Phases["report"].Needs is "anaylsis", want the name of another phase (did you mean analysis?)
	// orchestrator: Pipeline.Phases["analysis"].Needs is analysis→report→analysis, want a graph without cycles
}

func ExampleInput_Output() {
	pipeline := orchestrator.Pipeline{Name: "nightly", Phases: []orchestrator.Phase{
		{Name: "load", Run: func(context.Context, orchestrator.Input) (any, error) {
			return map[string]int64{"last_id": 9007199254740993}, nil
		}},
		{Name: "check", Run: done},
		{Name: "report", Uses: []string{"load"}, Run: func(_ context.Context, in orchestrator.Input) (any, error) {
			var load struct {
				LastID int64 `json:"last_id"`
			}
			if err := in.Output("load", &load); err != nil {
				return nil, err
			}
			fmt.Println(load.LastID)
			return nil, nil
		}},
	}}
	if _, err := pipeline.Run(context.Background(), orchestrator.Options{}); err != nil {
		fmt.Println(err)
	}
	// Output: 9007199254740993
}

// The report is made to be kept: its JSON reads back.
func ExampleReport() {
	pipeline := orchestrator.Pipeline{Name: "nightly", Phases: []orchestrator.Phase{
		{Name: "load", Run: done},
		{
			Name: "report", Run: func(context.Context, orchestrator.Input) (any, error) {
				return nil, errors.New("disk full")
			},
		},
	}}
	report, _ := pipeline.Run(context.Background(), orchestrator.Options{}) // the report tells of the error too
	text, err := json.MarshalIndent(report.Phases, "", "  ")
	fmt.Println(string(text), err)
	// Output:
	// [
	//   {
	//     "phase": "load",
	//     "status": "success"
	//   },
	//   {
	//     "phase": "report",
	//     "status": "failed",
	//     "error": "disk full",
	//     "reason": "recovery is off"
	//   }
	// ] <nil>
}
