// Package steps runs the commands of a pipeline file.
//
//	r := &steps.Runner{Stdout: steps.Stream{To: os.Stdout}, Environ: os.Environ(), Values: values}
//	report, err := r.Pipeline(file).Run(ctx, orchestrator.Options{EnableRecovery: true})
//
// Each phase of the file is a phase of the pipeline, and each step one operation in it. A command is told the outputs
// of all steps before it; what it prints goes to the Runner's writers line by line, with the step's name in front.
package steps
