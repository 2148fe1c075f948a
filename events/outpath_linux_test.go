package events

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// ordinary makes the rest of the test do without root's rights to files, and returns a directory to work in. Root keeps
// its name and gives up only its capabilities, so that the directories above, which may be open to root alone, stay
// passable.
func ordinary(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if os.Getuid() != 0 {
		return dir
	}
	runtime.LockOSThread() // a thread has capabilities of its own
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var all, fewer [2]unix.CapUserData
	if err := unix.Capget(&header, &all[0]); err != nil {
		t.Fatal(err)
	}
	fewer = all
	fewer[0].Effective &^= 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH | 1<<unix.CAP_FOWNER
	if err := unix.Capset(&header, &fewer[0]); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Capset(&header, &all[0]); err != nil {
			t.Error(err)
		}
		runtime.UnlockOSThread()
	})
	return dir
}

// Somebody exchanges the file and something else again and again, so that this is often there only after Open has
// looked. A link must not be followed even then, and a FIFO neither block nor be taken for a log.
func TestWhatIsSwappedInIsNotOpened(t *testing.T) {
	fifo := func(mode uint32) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			if err := errors.Join(unix.Mkfifo(path, mode), os.Chmod(path, os.FileMode(mode))); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, test := range []struct {
		name   string
		put    func(t *testing.T, path string)
		errors []error
	}{
		{"link", func(t *testing.T, path string) {
			victim := filepath.Join(filepath.Dir(path), "victim")
			if err := errors.Join(os.WriteFile(victim, nil, 0o600), os.Symlink(victim, path)); err != nil {
				t.Fatal(err)
			}
		}, []error{ErrSymlink, unix.ELOOP}}, // ELOOP: it was a link, and is no more
		{"FIFO", fifo(0o600), []error{ErrNotRegular}},
		{"FIFO that may only be written", fifo(0o200), []error{ErrNotRegular, unix.ENXIO}}, // ENXIO: there is no reader
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := ordinary(t)
			path, other := filepath.Join(dir, "events.jsonl"), filepath.Join(dir, "other")
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			test.put(t, other)
			openWhileSwapped(t, path, other, test.errors)
		})
	}
}

// openWhileSwapped opens path again and again while it is exchanged with other: every error must be one of allowed,
// and what is opened must not be what other was.
func openWhileSwapped(t *testing.T, path, other string, allowed []error) {
	var st unix.Stat_t
	p, err := newOutPath(path)
	if err == nil {
		err = errors.Join(unix.Stat(other, &st), os.Link(other, other+".again"))
	}
	if err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(20*time.Second, func() {
		t.Error("open blocks")
		unix.Open(other+".again", unix.O_RDONLY|unix.O_NONBLOCK, 0) //nolint:errcheck // a FIFO waits for a reader
	})
	defer late.Stop()
	stop := exchange(t, path, other)
	const tries = 20_000
	opened := 0
	for range tries {
		f, err := p.open()
		if err != nil {
			if !slices.ContainsFunc(allowed, func(a error) bool { return errors.Is(err, a) }) {
				t.Fatal(err)
			}
			continue
		}
		if opened++; f.info.Sys().(*syscall.Stat_t).Ino == st.Ino {
			t.Fatal("it was opened")
		}
		if err := f.close(); err != nil {
			t.Error(err)
		}
	}
	stop()
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if opened == 0 || opened == tries {
		t.Errorf("the file was there %d times of %d, so nothing was tested", opened, tries)
	}
}

// exchange exchanges two paths again and again until stop is called, or the test ends.
func exchange(t *testing.T, a, b string) (stop func()) {
	quit, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-quit:
				return
			default:
				if err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE); err != nil {
					t.Error(err)
					return
				}
			}
		}
	}()
	stop = sync.OnceFunc(func() {
		close(quit)
		<-stopped
	})
	t.Cleanup(stop)
	return stop
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
	if got, want := content(t, path), "torn\n"+lineOf(w, sample()); got != want {
		t.Errorf("got %q", got)
	}
}

// A directory that may be passed but not listed (mode 0711, as /home often is) is no obstacle; one that may not
// be written is told of at Open, and what should have gone there is counted.
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
	var told []error
	w = open(t, filepath.Join(passed, "new", "events.jsonl"),
		Options{OnError: func(err error) { told = append(told, err) }})
	w.Write(sample())
	if err := w.Flush(); len(told) != 1 || !errors.Is(told[0], syscall.EACCES) || w.Dropped() != 1 ||
		!errors.Is(err, syscall.EACCES) {
		t.Errorf("told %v, %d dropped, Flush said %v, want permission denied once, 1 and the same",
			told, w.Dropped(), err)
	}
}
