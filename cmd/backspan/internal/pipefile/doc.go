// Package pipefile reads and checks the pipeline files of backspan run. Package plan says what a run of a file would
// do, and package steps runs its commands.
//
//	file, err := pipefile.Parse("pipeline.yaml", text)
//	if err != nil {
//		return err // an *Error: every problem with file:line:column, key, and what would be right
//	}
//	r := &steps.Runner{Stdout: os.Stdout, Stderr: os.Stderr, Environ: os.Environ()}
//	report, err := r.Pipeline(file).Run(ctx, orchestrator.Options{EnableRecovery: true})
//
// A file is a list of phases, and a phase a list of steps. A step is a command, and one operation: it is retried by
// its own policy (package retry). A phase fails when one of its steps was given up, and is then tried again from its
// first step by its recovery policy (package orchestrator). Those are the two levels.
//
// There is no expression language and no template language: what a command needs to know is in its environment. That
// is what env and vars of the file say, BACKSPAN_SESSION, BACKSPAN_PHASE, BACKSPAN_ATTEMPT and the like, and
// BACKSPAN_OUTPUT_<PHASE>_<STEP> for each step upstream that declares an output.
//
// The keys of a file are one table (keys.go). The parser and the JSON Schema for editors are both made from it.
package pipefile
