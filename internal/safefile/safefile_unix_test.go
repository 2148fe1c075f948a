//go:build unix

package safefile_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/backspan/backspan/internal/safefile"
)

func Example() {
	dir, err := os.MkdirTemp("", "safefile")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir) //nolint:errcheck // of an example
	path, err := safefile.New(filepath.Join(dir, "data", "result.json"), safefile.Default)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer path.Close() //nolint:errcheck // of an example
	if err := path.Replace([]byte("{}"), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	file, err := safefile.Open(path.String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer file.Close() //nolint:errcheck // of an example
	text, err := io.ReadAll(file)
	fmt.Println(string(text), err)
	// Output: {} <nil>
}

// What is read is a file, is open already, or is the null device. Nothing is waited for.
func TestOpen(t *testing.T) {
	t.Chdir(t.TempDir())
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close() //nolint:errcheck // nothing was written
	defer writer.Close() //nolint:errcheck // likewise
	for _, err := range []error{
		os.WriteFile("file", nil, 0o600), os.Symlink("file", "link"),
		unix.Mkfifo("pipe", 0o600), os.Symlink("pipe", "piped"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]error{
		"file": nil, "link": nil, os.DevNull: nil, fmt.Sprintf("/dev/fd/%d", reader.Fd()): nil,
		"pipe": safefile.ErrNotRegular, "piped": safefile.ErrNotRegular, ".": safefile.ErrNotRegular,
		"/dev/zero": safefile.ErrNotRegular, "missing": fs.ErrNotExist,
	} {
		file, err := safefile.Open(path)
		if !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
		if err == nil {
			if err := file.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestDescriptor(t *testing.T) {
	for path, want := range map[string]int{
		"/dev/stdin": 0, "/dev/stderr": 2, "/dev/fd/63": 63, "/dev/../dev/fd//7": 7, "/proc/self/fd/5": 5,
		fmt.Sprintf("/proc/%d/fd/4", os.Getpid()): 4,
		"/proc/1/fd/4": -1, "/dev/fd/x": -1, "/dev/fd": -1, "fd/3": -1, "/dev/null": -1, "": -1,
	} {
		fd, ok := safefile.Descriptor(path)
		if ok != (want >= 0) || ok && fd != want {
			t.Errorf("%q: %d %v, want %d", path, fd, ok, want)
		}
	}
}

// A path that somebody named is taken with the links on the way to the file, but a link that leads nowhere is no
// directory to make.
func TestResolve(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for _, err := range []error{os.Mkdir("real", 0o700), os.Symlink("real", "link"), os.Symlink("none", "dangling")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		"file": "file", "link/file": "real/file", "link/a/b/file": "real/a/b/file",
		dir + "/link/x/f": dir + "/real/x/f",
		"missing/file":    "missing/file", "dangling/file": "",
	} {
		if got, err := safefile.Resolve(path); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q %v, want %q", path, got, err, want)
		}
	}
}

// The modes that let others write make a file foreign, and so does the sticky bit of a directory not.
func TestForeign(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path string
		mode os.FileMode
		want error
	}{
		{file, 0o600, nil},
		{file, 0o644, nil},
		{file, 0o606, safefile.ErrForeign},
		{file, 0o602, safefile.ErrForeign},
		{dir, 0o755, nil},
		{dir, 0o707, safefile.ErrForeign},
		{dir, 0o707 | os.ModeSticky, nil},
	} {
		if err := os.Chmod(c.path, c.mode); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(c.path)
		if err != nil {
			t.Fatal(err)
		}
		if err := safefile.Foreign(info); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s with mode %v: %v, want %v", c.path, c.mode, err, c.want)
		}
	}
}
