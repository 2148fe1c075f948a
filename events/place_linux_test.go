package events

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// ordinary makes the rest of the test do without root's rights to files, and returns a directory to work in.
func ordinary(t *testing.T) string {
	t.Helper()
	const nobody = 65534
	dir := t.TempDir()
	if os.Getuid() != 0 {
		return dir
	}
	if err := errors.Join(os.Chmod(filepath.Dir(dir), 0o711), os.Chown(dir, nobody, nobody)); err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread() // the user of file accesses is one of the thread
	if err := unix.Setfsuid(nobody); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Setfsuid(0); err != nil {
			t.Error(err)
		}
		runtime.UnlockOSThread()
	})
	return dir
}

// A log that may be written but not read is written; it begins with a newline because its end cannot be looked at.
func TestWriteOnlyFile(t *testing.T) {
	path := filepath.Join(ordinary(t), "events.jsonl")
	if err := os.WriteFile(path, []byte("torn"), 0o200); err != nil {
		t.Fatal(err)
	}
	w := open(t, path, Options{})
	w.Write(sample())
	if err := errors.Join(w.Close(), os.Chmod(path, 0o600)); err != nil {
		t.Fatal(err)
	}
	if got, want := content(t, path), "torn\n"+string(sample().Append(nil)); got != want {
		t.Errorf("got %q", got)
	}
}

// A directory that may be passed but not listed (mode 0711, as /home often is) is no obstacle; one that may not
// be written is a clear error at Open.
func TestDirectoriesOfOthers(t *testing.T) {
	dir := ordinary(t)
	passed := filepath.Join(dir, "passed")
	own := filepath.Join(passed, "own")
	if err := errors.Join(os.MkdirAll(own, 0o700), os.Chmod(passed, 0o100)); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(passed, 0o700) //nolint:errcheck // TempDir says when it cannot be removed
	w := open(t, filepath.Join(own, "events.jsonl"), Options{})
	if w.Write(sample()); w.Written() != 1 {
		t.Errorf("not written: %v", w.Flush())
	}
	if w, err := Open(filepath.Join(passed, "new", "events.jsonl"), Options{}); !errors.Is(err, syscall.EACCES) {
		w.Close() //nolint:errcheck // it should be nil
		t.Errorf("Open said %v, want permission denied", err)
	}
}
