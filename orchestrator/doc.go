// Package orchestrator runs pipelines of phases, recovers phases that fail, and reports what happened.
//
// A Pipeline is a plain value: a name and its phases, each a function. Without Needs the phases run one after the
// other in the order they are written; with them they form a graph, and what can run side by side does:
//
//	p := orchestrator.Pipeline{Name: "nightly", Phases: []orchestrator.Phase{
//		{Name: "data_preparation", Run: prepare},
//		{Name: "analysis", Run: analyse},
//	}}
//	report, err := p.Run(ctx, orchestrator.Options{EnableRecovery: true})
//
// A phase that fails is recovered: its function is called again after 2s, 4s and 8s, or as its retry.Policy says. A
// phase that is given up may have a fallback, whose result then is the phase's; a fallback is no recovery. Within a
// phase, package retry retries single operations; an error that it gave up with retry.ErrPermanent is not recovered.
//
// The run, each phase and each attempt is an OpenTelemetry span. First try, recovery attempts and fallback stand
// side by side below their phase, with the waits as gaps between them, and the result of the recovery is on the
// phase's span. The run's id is the session.id of them all.
//
// The Report is complete however the run ended: every phase is in it once, in the order of the pipeline, and it
// reads the same from its JSON. The error is nil only if all is well; otherwise errors.Is and errors.As find in it
// why each phase failed and what cancelled the run.
//
// Package engine is for programs that run a Pipeline on something else, a durable workflow system for example.
package orchestrator
