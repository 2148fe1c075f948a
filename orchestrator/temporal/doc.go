// Package temporal runs pipelines on Temporal: a run goes on where it was when a worker, the server or the starter
// dies.
//
//	w := worker.New(c, "nightly", worker.Options{})
//	err := temporal.Register(w, pipeline)
//
//	report, err := temporal.NewEngine(c, "nightly").Run(ctx, pipeline, orchestrator.Options{EnableRecovery: true})
//
// The pipeline is the value that Pipeline.Run runs, and the report and the spans are the same. A run is a workflow: its
// waits are durable timers, and each attempt is an activity that Temporal itself does not repeat. An attempt whose
// worker dies counts as one that failed, and is followed by another as its policy says.
//
// A worker that is told to stop ends the contexts of its attempts. One that fails then counts as lost, too. Functions
// are called at least once, so what they do should bear repeating: see Input.IdempotencyKey.
//
// Results pass through Temporal, which carries little: see Engine.MaxResult. Where they are larger, give all clients a
// converter.ExternalStorage and raise the limits.
//
// The spans of attempts are written by the workers that make them. Those of the run and its phases are written once it
// has ended, by the worker that ends it. telemetry.Start has the ids agree; a program with a tracer provider of its own
// gives it an engine.IDGenerator. Should a worker die between sending a span and telling Temporal what it tells, the
// span is written again, with the same id.
package temporal
