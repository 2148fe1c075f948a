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
// A phase that fails is recovered: its function is called again after 2s, 4s and 8s, or as its retry.Policy says.
// That is the second of two levels. Within a phase, package retry retries single operations; what it gave up with
// retry.ErrPermanent is not recovered either.
//
// The run, each phase and each attempt is an OpenTelemetry span (see the table in package semconv's sources and the
// README): first try and recovery attempts stand side by side below their phase, with the waits as gaps between
// them, and the result of the recovery is attached to the phase's span. The run's id is the session.id of them all.
//
// The Report is complete however the run ended: every phase is in it once, in the order of the pipeline, and it
// reads the same from its JSON. The error is nil only if all is well; otherwise errors.Is and errors.As find in it
// why each phase failed and what cancelled the run.
//
// All decisions (what is next, how long to wait, what the report says) are made by one deterministic loop behind
// the Driver interface. Run uses a driver that lives in the process; engines that keep a durable history bring
// their own and come to the same report.
package orchestrator
