package checkpoint_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/orchestrator/checkpoint"
)

func Example() {
	dir, err := os.MkdirTemp("", "checkpoint")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir) //nolint:errcheck // of an example
	store := checkpoint.Dir(dir + "/runs")

	ctx, cancel := context.WithCancel(context.Background())
	pipeline := orchestrator.Pipeline{Name: "nightly", Phases: []orchestrator.Phase{
		{Name: "load", Run: func(context.Context, orchestrator.Input) (any, error) {
			fmt.Println("load")
			return 42, nil
		}},
		{Name: "analyse", Run: func(ctx context.Context, in orchestrator.Input) (any, error) {
			cancel() // the first time: the machine is shut down
			var rows int
			return rows, errors.Join(in.Output("load", &rows), ctx.Err())
		}},
	}}
	report, _ := checkpoint.Run(ctx, pipeline, orchestrator.Options{RunID: "run-1"}, checkpoint.Options{Store: store})
	fmt.Println(report.Status)

	// Later, in another process.
	ctx, cancel = context.Background(), func() {}
	report, err = checkpoint.Resume(ctx, pipeline, "run-1", orchestrator.Options{}, checkpoint.Options{Store: store})
	fmt.Println(report.Status, string(report.Phases[1].Result), err)
	// Output:
	// load
	// cancelled
	// success 42 <nil>
}
