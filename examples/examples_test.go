// Package examples_test runs every example as a user would and compares what it prints with its output.txt.
package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestExamplesPrintWhatTheySay(t *testing.T) {
	mains, err := filepath.Glob("*/main.go")
	if err != nil || len(mains) == 0 {
		t.Fatalf("no examples found: %v", err)
	}
	for _, main := range mains {
		name := filepath.Dir(main)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, err := os.ReadFile(filepath.Join(name, "output.txt"))
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			program := filepath.Join(dir, "example")
			out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./"+name).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			command := exec.CommandContext(t.Context(), program)
			command.Dir = dir
			command.Env = append(os.Environ(), "EVENTS="+filepath.Join(dir, "events.jsonl"),
				"OTEL_TRACES_EXPORTER=none")
			got, err := command.Output()
			if err != nil {
				t.Errorf("%s ended with %v", name, err)
			}
			if string(got) != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}
