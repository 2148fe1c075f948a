package temporal

import (
	"fmt"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/backspan/backspan/orchestrator"
)

// A Registry is a worker.Worker, or a worker.WorkflowReplayer, which makes no attempts.
type Registry interface {
	// RegisterWorkflowWithOptions is that of the SDK. A worker also has RegisterActivityWithOptions.
	RegisterWorkflowWithOptions(workflow any, options workflow.RegisterOptions)
}

var (
	_ Registry = worker.Worker(nil)
	_ Registry = worker.WorkflowReplayer(nil)
)

// Register has worker run the pipeline: its loop as a workflow, and its attempts as activities. The error is that of
// Pipeline.Plan, or says that the worker has a pipeline of the same name.
func Register(worker Registry, pipeline orchestrator.Pipeline) (err error) {
	plan, err := stoppable(pipeline).Plan()
	if err != nil {
		return err
	}
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("temporal: pipeline %q cannot be registered with the worker: %v", pipeline.Name, value)
		}
	}()
	p := &planned{name: pipeline.Name, plan: plan, always: map[string]bool{}}
	for _, phase := range pipeline.Phases {
		p.always[phase.Name] = phase.If == orchestrator.Always
	}
	worker.RegisterWorkflowWithOptions(p.run, workflow.RegisterOptions{Name: typeOf(pipeline.Name)})
	activities, ok := worker.(interface {
		RegisterActivityWithOptions(activity any, options activity.RegisterOptions)
	})
	if ok {
		activities.RegisterActivityWithOptions(p.attempt, activity.RegisterOptions{Name: typeOf(pipeline.Name)})
	}
	return nil
}

// planned is a pipeline of a worker.
type planned struct {
	name   string
	plan   *orchestrator.Plan
	always map[string]bool // by phase: its condition is Always
}

// typeOf is the type of the pipeline's workflows and activities.
func typeOf(pipeline string) string { return "backspan." + pipeline }
