package main

import (
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// quickRace keeps the race detector from sleeping for a second at the end of each program that the tests run.
const quickRace = "atexit_sleep_ms=0"

func TestMain(m *testing.M) {
	if os.Getenv("GORACE") == "" {
		if err := os.Setenv("GORACE", quickRace); err != nil {
			panic(err)
		}
	}
	if strings.HasSuffix(strings.TrimSuffix(os.Args[0], ".exe"), ".test") { // not in the program itself
		if err := os.Unsetenv("GITHUB_ACTIONS"); err != nil { // the tests set it where it matters
			panic(err)
		}
	}
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
			env.Setenv("GORACE", os.Getenv("GORACE"))
			return nil
		},
	})
}
