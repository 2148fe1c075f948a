//go:build unix

package wholefile_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/backspan/backspan/cmd/backspan/internal/wholefile"
)

// What is no regular file is written to and stays; a report that is sent to /dev/null must not take its place.
func TestAPipeStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 1)
	go func() {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
		}
		got <- string(text)
	}()
	if err := wholefile.Write(path, []byte("through")); err != nil {
		t.Error(err)
	}
	if text := <-got; text != "through" {
		t.Errorf("read %q", text)
	}
	if info, err := os.Stat(path); err != nil || info.Mode()&fs.ModeNamedPipe == 0 {
		t.Errorf("the pipe became %v (%v)", info.Mode(), err)
	}
}
