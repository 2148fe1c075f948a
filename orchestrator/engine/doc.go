// Package engine is for programs that run pipelines in another way than Pipeline.Run does: on a durable workflow
// system, or from a journal that survives a crash. A program that calls Pipeline.Run needs none of it.
//
// Package orchestrator makes all decisions of a run in one deterministic loop, Plan.Drive: which phase begins, how
// long to wait, what the report says. An engine supplies the effects. It is a [Driver]: the loop tells it to start
// an attempt or a timer, and asks it what happened next.
//
//	plan, err := pipeline.Plan()
//	report, err := plan.Drive(driver, orchestrator.Options{RunID: id, EnableRecovery: true})
//
// Each attempt may run in a process of its own. That process calls Plan.Attempt with the [Task], which calls the
// phase's function, decides what follows, and returns a [Done] for the loop. When that process dies, Plan.Lost decides.
//
// Tasks, waits and completions survive JSON. An engine that keeps them as its history and plays them back gets the
// same calls, and the same report, again. Plan.Fingerprint says whether a history is of the same pipeline, and
// Plan.WriteSpans writes the spans of the run and its phases from it.
package engine
