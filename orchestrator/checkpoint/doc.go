// Package checkpoint runs pipelines that survive the death of their process. Run keeps a journal of what happened; when
// the process was killed, or the run was stopped, Resume goes on where it was:
//
//	store := checkpoint.Dir("/var/lib/nightly")
//	report, err := checkpoint.Run(ctx, pipeline, orchestrator.Options{RunID: id, EnableRecovery: true},
//		checkpoint.Options{Store: store})
//	…
//	report, err := checkpoint.Resume(ctx, pipeline, id, orchestrator.Options{}, checkpoint.Options{Store: store})
//
// Phases that succeeded do not run again: their outputs are in the journal, as they are, secrets included. An attempt
// that was cut off is made again, with the same Input.Attempt and Input.IdempotencyKey; how often, and what counts as a
// failure then, see [Resume]. The resumed run is one with the run before: the same id, one report, and, with
// telemetry.Start or an engine.IDGenerator, one trace, in which each span of the run and its phases is ended once.
//
// Time: a wait before a recovery attempt ends when it would have ended, so that it passes also while no process has the
// run. Beside waits, Phase.Timeout and Policy.MaxElapsed count only the time in which a process had it, up to the last
// that is known of that. Report.Started is the beginning of the first process, Report.Ended the end of the last.
//
// Errors of attempts that another process made are known by their texts, at most 8 KiB of each: errors.Is does not find
// in them what they wrapped.
package checkpoint
