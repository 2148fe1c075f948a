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

// Somebody exchanges the file and a link again and again, so that the link is often there only after Open has looked.
// It must not be followed even then.
func TestALinkSwappedInIsNotFollowed(t *testing.T) {
	dir := t.TempDir()
	path, other, victim := filepath.Join(dir, "events.jsonl"), filepath.Join(dir, "other"), filepath.Join(dir, "victim")
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.WriteFile(victim, nil, 0o600), os.Symlink(victim, other)); err != nil {
		t.Fatal(err)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				if err := unix.Renameat2(unix.AT_FDCWD, path, unix.AT_FDCWD, other, unix.RENAME_EXCHANGE); err != nil {
					t.Error(err)
					return
				}
			}
		}
	}()
	var st unix.Stat_t
	p, err := newPlace(path)
	if err == nil {
		err = unix.Stat(victim, &st)
	}
	if err != nil {
		t.Fatal(err)
	}
	const tries = 50_000
	opened := 0
	for range tries {
		f, err := p.open()
		switch {
		case err == nil:
			if opened++; f.ino == st.Ino {
				t.Fatal("the link was followed")
			}
			if err := f.close(); err != nil {
				t.Error(err)
			}
		case !errors.Is(err, ErrSymlink) && !errors.Is(err, unix.ELOOP): // ELOOP: it was a link, and is no more
			t.Error(err)
		}
	}
	close(stop)
	<-stopped
	if err := p.close(); err != nil {
		t.Error(err)
	}
	if opened == 0 || opened == tries {
		t.Errorf("the file was there %d times of %d, so nothing was tested", opened, tries)
	}
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
