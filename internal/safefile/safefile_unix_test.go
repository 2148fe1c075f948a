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

// A hard link needs no right to the file on some systems. Who may write the directory could link any file of ours to a
// default path, and have us append to it.
func TestAHardLinkInADirectoryOfOthers(t *testing.T) {
	for _, c := range []struct {
		name   string
		mode   os.FileMode
		origin safefile.Origin
		want   error
	}{
		{"a directory of ours", 0o755, safefile.Default, nil},
		{"one that all may write", 0o777, safefile.Default, safefile.ErrForeign},
		{"a sticky one", 0o777 | os.ModeSticky, safefile.Default, safefile.ErrForeign},
		{"a path that somebody named", 0o777, safefile.Named, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			victim, dir := filepath.Join(t.TempDir(), "victim"), t.TempDir()
			link, alone := filepath.Join(dir, "events.jsonl"), filepath.Join(dir, "alone.jsonl")
			for _, err := range []error{
				os.WriteFile(victim, []byte("honest"), 0o600), os.Link(victim, link),
				os.WriteFile(alone, nil, 0o600), os.Chmod(dir, c.mode),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
			if err := appendTo(t, link, c.origin); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("the link: %v, want %v", err, c.want)
			}
			if err := appendTo(t, alone, c.origin); err != nil {
				t.Errorf("a file with one name: %v", err)
			}
			content, err := os.ReadFile(victim)
			if err != nil || c.want != nil && string(content) != "honest" {
				t.Errorf("the other file has %q (%v)", content, err)
			}
		})
	}
}

func appendTo(t *testing.T, name string, origin safefile.Origin) error {
	t.Helper()
	path, err := safefile.New(name, origin)
	if err != nil {
		t.Fatal(err)
	}
	defer path.Close() //nolint:errcheck // a directory's descriptor
	file, err := path.OpenAppend(0)
	if err != nil {
		return err
	}
	_, err = file.WriteString("appended")
	return errors.Join(err, file.Close())
}
