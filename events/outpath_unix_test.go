//go:build unix

package events

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestModes(t *testing.T) {
	old := unix.Umask(0)
	defer unix.Umask(old)
	dir := t.TempDir()
	open(t, filepath.Join(dir, "data", "session", "events.jsonl"), Options{})
	for path, want := range map[string]os.FileMode{
		"data": os.ModeDir | 0o700, "data/session": os.ModeDir | 0o700, "data/session/events.jsonl": 0o600,
	} {
		info, err := os.Stat(filepath.Join(dir, path))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode(); got != want {
			t.Errorf("%s has mode %v, want %v", path, got, want)
		}
	}
}

// A relative path is one of the directory that the process was in at Open, whatever it does later.
func TestRelativePathsStayWhereTheyWere(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	w := open(t, DefaultPath, Options{CheckInterval: time.Nanosecond})
	t.Chdir(t.TempDir())
	w.Write(sample())
	if err := os.Rename(filepath.Join(dir, DefaultPath), filepath.Join(dir, "rotated")); err != nil {
		t.Fatal(err)
	}
	w.Write(sample())
	if got := len(records(t, filepath.Join(dir, DefaultPath))); got != 1 {
		t.Errorf("%d records in the new file, want 1", got)
	}
	if w.Path() != DefaultPath {
		t.Errorf("the path is %s, want it as it was given", w.Path())
	}
}

// No component of the path may be a symbolic link: not the file, not a directory far above it, and neither at Open nor
// at a rotation. Nothing is written or made at the other end.
func TestSymbolicLinksAreNotFollowed(t *testing.T) {
	for _, where := range []string{"events.jsonl", "session", "data"} {
		for _, relative := range []bool{false, true} {
			for _, dangling := range []bool{false, true} { // and with Options.Lazy
				dir, elsewhere := t.TempDir(), t.TempDir()
				t.Chdir(dir)
				path := filepath.Join("data", "session", "events.jsonl")
				link := path[:strings.Index(path, where)+len(where)]
				if err := os.MkdirAll(filepath.Dir(link), 0o700); err != nil {
					t.Fatal(err)
				}
				target := elsewhere
				if where == "events.jsonl" || dangling {
					target = filepath.Join(elsewhere, "target")
				}
				if where == "events.jsonl" && !dangling {
					if err := os.WriteFile(target, nil, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				if err := os.Symlink(target, link); err != nil {
					t.Fatal(err)
				}
				if !relative {
					path = filepath.Join(dir, path)
				}
				before := tree(t, elsewhere)
				w, err := Open(path, Options{Lazy: dangling})
				isLink := filepath.Join(filepath.Dir(path), "../..", link)
				if relative {
					isLink = link
				}
				at, ok := errors.AsType[*LinkError](err)
				if !ok || *at != (LinkError{Path: isLink, Target: target}) || !errors.Is(err, ErrSymlink) ||
					!strings.Contains(err.Error(), target) {
					w.Close() //nolint:errcheck // it should be nil
					t.Errorf("%s is a link, relative=%v dangling=%v: Open said %v", where, relative, dangling, err)
				}
				if after := tree(t, elsewhere); after != before {
					t.Errorf("%s is a link: %q became %q at the other end", where, before, after)
				}
			}
		}
	}
}

// tree lists what is below dir, with sizes.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var list strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() && path == dir {
			return err
		}
		info, err := d.Info()
		if err == nil && !d.IsDir() {
			list.WriteString(path + " " + time.Duration(info.Size()).String() + "\n")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list.String()
}

// A link that takes the log's place later is not followed either; when it is gone the log goes on.
func TestALinkPlantedAtARotationIsNotFollowed(t *testing.T) {
	dir := t.TempDir()
	path, victim := filepath.Join(dir, "events.jsonl"), filepath.Join(dir, "victim")
	w := open(t, path, Options{CheckInterval: time.Nanosecond})
	w.Write(sample())
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Rename(path, path+".1"), os.Symlink(victim, path)); err != nil {
		t.Fatal(err)
	}
	w.Write(sample())
	if got := content(t, victim); got != "precious" || w.Dropped() != 1 {
		t.Errorf("the link's target is %q, %d dropped", got, w.Dropped())
	}
	if err := w.Flush(); !errors.Is(err, ErrSymlink) {
		t.Errorf("Flush said %v, want ErrSymlink", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	w.Write(sample())
	if got := records(t, path); len(got) != 2 || got[0].Type != TypeEventsDropped {
		t.Errorf("got %+v", got)
	}
}

// What may pass does not keep the host from starting: it is told once, at Open, and what is lost is counted.
func TestOpenPutsUpWithWhatMayPass(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(file, "session", "events.jsonl")
	var told []error
	w := open(t, path, Options{CheckInterval: time.Nanosecond, OnError: func(err error) { told = append(told, err) }})
	if len(told) != 1 || !errors.Is(told[0], unix.ENOTDIR) || !strings.Contains(told[0].Error(), path) {
		t.Errorf("Open told %v, want that %s is not a directory", told, file)
	}
	for range 3 {
		w.Write(sample())
	}
	if err := w.Close(); !errors.Is(err, unix.ENOTDIR) || !strings.Contains(err.Error(), "events lost: 3") ||
		len(told) != 1 {
		t.Errorf("Close said %v, told %v, want it once and that 3 are lost", err, told)
	}
}

// Only a regular file will do, and finding that out must not block (a FIFO has nobody at its other end).
func TestOnlyRegularFiles(t *testing.T) {
	dir := t.TempDir()
	fifo, socket := filepath.Join(dir, "fifo"), filepath.Join(dir, "socket")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		err = errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: socket}), unix.Close(fd))
	}
	if err != nil {
		t.Fatal(err)
	}
	for path, kind := range map[string]string{
		fifo: "named pipe", socket: "socket", "/dev/zero": "device", dir: "directory",
	} {
		opened := make(chan error, 1)
		go func() {
			w, err := Open(path, Options{})
			opened <- errors.Join(err, w.Close())
		}()
		select {
		case err := <-opened:
			if !errors.Is(err, ErrNotRegular) || !strings.Contains(err.Error(), kind) {
				t.Errorf("%s: got %v, want ErrNotRegular and %q", path, err, kind)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("Open(%s) blocks", path)
		}
	}
}

// A FIFO that takes the log's place later neither blocks the host nor gets anything.
func TestAFIFOAtARotationDoesNotBlock(t *testing.T) {
	path := logPath(t)
	w := open(t, path, Options{CheckInterval: time.Nanosecond})
	if err := errors.Join(os.Remove(path), unix.Mkfifo(path, 0o600)); err != nil {
		t.Fatal(err)
	}
	w.Write(sample())
	if err := w.Flush(); !errors.Is(err, ErrNotRegular) || w.Dropped() != 1 {
		t.Errorf("Flush said %v, %d dropped", err, w.Dropped())
	}
}
