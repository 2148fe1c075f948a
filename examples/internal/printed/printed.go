package printed

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Check builds and runs each program in a folder below the working directory. The programs export nothing, and write
// their events, where EVENTS names them, into a folder of the test.
func Check(t *testing.T) {
	t.Helper()
	mains, err := filepath.Glob("*/main.go")
	if err != nil || len(mains) == 0 {
		t.Fatalf("no examples found: %v", err)
	}
	for _, main := range mains {
		name := filepath.Dir(main)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, name)
		})
	}
}

func check(t *testing.T, name string) {
	t.Helper()
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
	command.Env = append(os.Environ(), "EVENTS="+filepath.Join(dir, "events.jsonl"), "OTEL_TRACES_EXPORTER=none")
	command.Stderr = os.Stderr
	got, err := command.Output()
	if err != nil {
		t.Errorf("%s ended with %v", name, err)
	}
	if string(got) != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
