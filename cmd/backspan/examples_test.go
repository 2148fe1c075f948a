package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestExamplePipeline runs the pipeline in examples, as its first lines say.
func TestExamplePipeline(t *testing.T) {
	example, err := filepath.Abs("../../examples/pipeline")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Files: []string{"testdata/example_pipeline.txtar"},
		Setup: func(env *testscript.Env) error {
			env.Setenv("OTEL_TRACES_EXPORTER", "none")
			return os.CopyFS(filepath.Join(env.WorkDir, "pipeline"), os.DirFS(example))
		},
	})
}
