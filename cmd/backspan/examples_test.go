package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestExamplePipelines runs the pipelines in examples, as their first lines say, and has each of them fail.
func TestExamplePipelines(t *testing.T) {
	for _, name := range []string{"pipeline", "pipelines"} {
		example, err := filepath.Abs("../../examples/" + name)
		if err != nil {
			t.Fatal(err)
		}
		testscript.Run(t, testscript.Params{
			Files: []string{"testdata/example_" + name + ".txtar"},
			Setup: func(env *testscript.Env) error {
				env.Setenv("OTEL_TRACES_EXPORTER", "none")
				env.Setenv("BACKSPAN_TRACE_FILE", "off")
				return os.CopyFS(filepath.Join(env.WorkDir, name), os.DirFS(example))
			},
		})
	}
}
