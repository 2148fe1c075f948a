//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What make builds stays small: a template of cobra's, or gRPC's debug pages, would make the linker keep every method.
func TestTheBinaryIsSmall(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	const output = " -o bin/backspan ./cmd/backspan"
	_, after, found := strings.Cut(string(makefile), "\nbuild:")
	before, _, closed := strings.Cut(after, output)
	_, build, indented := strings.Cut(before, "\n\t")
	if !found || !closed || !indented {
		t.Fatalf("the Makefile's build no longer ends in %q", output)
	}
	path := filepath.Join(t.TempDir(), "backspan")
	printed, err := exec.CommandContext(t.Context(), "sh", "-c", build+` -o "$0" .`, path).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", build, err, printed)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	// 0.4 MB of it are whatif and advise, of which gonum's incomplete beta has 20 kB, 0.3 MB are runs that can be
	// resumed, and 70 kB what reads and writes logs and trace files without decoding all of them.
	const most = 19_400_000
	if info.Size() > most {
		t.Errorf("%s makes %d bytes, want at most %d", build, info.Size(), most)
	}
	t.Logf("%d bytes", info.Size())
}
