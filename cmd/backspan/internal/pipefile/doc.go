// Package pipefile reads the pipeline files of backspan run, checks them, says what they would do, and makes
// orchestrator.Pipelines of them.
//
//	file, err := pipefile.Parse("pipeline.yaml", text)
//	if err != nil {
//		return err // an *Error: every problem with file:line:column, key, and what would be right
//	}
//	pipeline := file.Pipeline(pipefile.Runner{Out: print})
//	report, err := pipeline.Run(ctx, orchestrator.Options{EnableRecovery: true})
//
// A file is a list of phases, and a phase a list of steps. A step is a command, and one operation: it is retried by its
// own policy (package retry). A phase fails when one of its steps was given up, and is then tried again from its first
// step by its recovery policy (package orchestrator). Those are the two levels.
//
// There is no expression language and no template language: what a command needs to know stands in its environment.
// That is what env and vars of the file say, BACKSPAN_SESSION, BACKSPAN_PHASE, BACKSPAN_ATTEMPT and the like, and
// BACKSPAN_OUTPUT_<PHASE>_<STEP> for each step upstream that declares an output.
//
// The keys of the file are one table (keys.go) from which both the parser and the JSON Schema for editors are made, so
// that neither knows what the other does not.
package pipefile
