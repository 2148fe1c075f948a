//go:build unix

package wholefile_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/backspan/backspan/cmd/backspan/internal/wholefile"
	"github.com/backspan/backspan/internal/safefile"
)

// What is open in the process already is written to where it stands, as >(command) and >>file have it.
func TestWhatIsOpenIsWrittenTo(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close() //nolint:errcheck // it was only read
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte("before\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	appended, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer appended.Close() //nolint:errcheck // what was written is read
	for _, file := range []*os.File{writer, appended} {
		if err := wholefile.Write(fmt.Sprintf("/dev/fd/%d", file.Fd()), safefile.Named, []byte("through")); err != nil {
			t.Error(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(reader); err != nil || string(text) != "through" {
		t.Errorf("the pipe got %q (%v)", text, err)
	}
	if text := read(t, path); text != "before\nthrough" {
		t.Errorf("the file holds %q", text)
	}
}

// A named pipe without a reader would never end, and a disk would lose what is on it. Neither is touched.
func TestWhatIsNoFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := unix.Mkfifo("pipe", 0o600); err != nil {
		t.Fatal(err)
	}
	socket, err := new(net.ListenConfig).Listen(t.Context(), "unix", "socket")
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close() //nolint:errcheck // it is the test's end
	for path, want := range map[string]string{"pipe": "named pipe", "socket": "is a socket", ".": "is a directory"} {
		for _, origin := range []safefile.Origin{safefile.Named, safefile.Default} {
			before, err := os.Lstat(path)
			if err != nil {
				t.Fatal(err)
			}
			err = wholefile.Write(path, origin, []byte("x"))
			if err == nil || path != "." && !strings.Contains(err.Error(), strings.TrimPrefix(want, "is a ")) {
				t.Errorf("%s (default: %v): error %v, want %q", path, origin, err, want)
			}
			if after, err := os.Lstat(path); err != nil || after.Mode() != before.Mode() {
				t.Errorf("%s became %v (%v)", path, after.Mode(), err)
			}
		}
	}
	if err := wholefile.Write("/dev/full", safefile.Named, []byte("x")); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("/dev/full: %v", err)
	}
}

// What everybody could write is not kept so.
func TestAModeForEverybodyIsNotKept(t *testing.T) {
	for was, want := range map[fs.FileMode]fs.FileMode{0o666: 0o660, 0o662: 0o660, 0o644: 0o644, 0o640: 0o640} {
		path := filepath.Join(t.TempDir(), "file")
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chmod(path, was)); err != nil {
			t.Fatal(err)
		}
		if err := wholefile.Write(path, safefile.Named, []byte("new")); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%v became %v (%v), want %v", was, info.Mode(), err, want)
		}
	}
}

// On the way to a default path no link is followed, and what others may write is not replaced.
func TestADefaultIsNobodyElses(t *testing.T) {
	t.Chdir(t.TempDir())
	const path = "data/session/result.json"
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.Mkdir(victim, 0o700); err != nil {
		t.Fatal(err)
	}
	for link, want := range map[string]error{
		"data": safefile.ErrSymlink, "data/session": safefile.ErrSymlink, path: safefile.ErrSymlink,
	} {
		if err := errors.Join(os.RemoveAll("data"), os.MkdirAll(filepath.Dir(link), 0o700)); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(victim, link); err != nil {
			t.Fatal(err)
		}
		if err := wholefile.Write(path, safefile.Default, []byte("x")); !errors.Is(err, want) {
			t.Errorf("%s is a link: %v", link, err)
		}
		if there, err := os.ReadDir(victim); err != nil || len(there) != 0 {
			t.Errorf("%s is a link: at its other end is %v (%v)", link, there, err)
		}
	}
	if err := os.RemoveAll("data"); err != nil {
		t.Fatal(err)
	}
	if err := wholefile.Write(path, safefile.Default, []byte("one")); err != nil || read(t, path) != "one" {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	err := wholefile.Write(path, safefile.Default, []byte("two"))
	if !errors.Is(err, safefile.ErrForeign) || read(t, path) != "one" {
		t.Errorf("a file with mode 0666: %v, content %q", err, read(t, path))
	}
}
