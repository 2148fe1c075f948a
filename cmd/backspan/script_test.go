package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"backspan": main})
}

// TestScripts types what a user would type: see testdata/script.
// UPDATE=1 rewrites the expected outputs that are part of the scripts.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: os.Getenv("UPDATE") != "",
		Setup: func(env *testscript.Env) error {
			env.Setenv("OTEL_TRACES_EXPORTER", "none") // the scripts that export say so
			return nil
		},
	})
}
