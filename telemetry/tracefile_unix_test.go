//go:build unix

package telemetry

import (
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// special are files that are not regular. To open a FIFO blocks until something reads it.
func special(t *testing.T, dir string) []string {
	t.Helper()
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{fifo, "/dev/null"}
}
