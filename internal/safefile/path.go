package safefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// What keeps a path from being used.
var (
	ErrSymlink    = errors.New("is a symbolic link, which is not followed")
	ErrNotRegular = errors.New("is not a regular file")
	ErrForeign    = errors.New("is open to other users")
)

// A LinkError says which part of a path is a symbolic link. It matches ErrSymlink.
type LinkError struct {
	Path   string // the link: the path that was given, or a directory on the way to it
	Target string // where it leads; empty where the system does not tell
}

func (e *LinkError) Error() string {
	if e.Target == "" {
		return ErrSymlink.Error()
	}
	return ErrSymlink.Error() + " (it leads to " + e.Target + ")"
}

// Unwrap returns ErrSymlink.
func (e *LinkError) Unwrap() error { return ErrSymlink }

// An Origin says who named a path.
type Origin bool

// The origins.
const (
	Named   Origin = false // a person or a program: the file may be anybody's
	Default Origin = true  // nobody: a file that another user owns or may write is refused (on Unix)
)

// Resolve is path with the symbolic links on the way to the file followed, as far as there are directories. It is for
// paths that somebody named.
func Resolve(path string) (string, error) {
	dir, name := filepath.Split(path)
	if dir == "" {
		return path, nil
	}
	dir = filepath.Clean(dir)
	missing := name
	for {
		resolved, err := filepath.EvalSymlinks(dir)
		if err == nil {
			return filepath.Join(resolved, missing), nil
		}
		above := filepath.Dir(dir)
		if _, there := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) || there == nil || above == dir {
			return "", err // also a link that leads nowhere
		}
		dir, missing = above, filepath.Join(filepath.Base(dir), missing)
	}
}

// splitPath cuts a path into the directories to walk through and the file's name.
func splitPath(path string) (dirs []string, name string, err error) {
	switch {
	case path == "":
		return nil, "", fmt.Errorf("the path is empty: %w", os.ErrInvalid)
	case strings.ContainsRune(path, 0):
		return nil, "", fmt.Errorf("the path %q contains a NUL byte: %w", path, os.ErrInvalid)
	}
	clean := filepath.Clean(path)
	clean = strings.TrimLeft(clean[len(filepath.VolumeName(clean)):], string(filepath.Separator))
	dirs = strings.Split(clean, string(filepath.Separator))
	name = dirs[len(dirs)-1]
	if name == "" || name == "." || name == ".." || os.IsPathSeparator(path[len(path)-1]) {
		return nil, "", fmt.Errorf("the path %s %w", path, kindError("names a directory; name a file in it"))
	}
	return dirs[:len(dirs)-1], name, nil
}

// keptMode is what is kept of the permissions of a file that is made anew. What everybody could write was not meant for
// others to read.
func keptMode(mode fs.FileMode) fs.FileMode {
	mode = mode.Perm()
	if mode&0o002 != 0 {
		return mode &^ 0o007
	}
	return mode
}

// wrong says why a file of that kind is not taken; nil for a regular one. link is where a symbolic link leads.
func (p *Path) wrong(mode fs.FileMode, link func() string) error {
	switch {
	case mode.IsRegular():
		return nil
	case mode&fs.ModeSymlink != 0:
		return &LinkError{p.given, link()}
	}
	return notRegular(mode)
}

// A kindError matches ErrNotRegular.
type kindError string

func (e kindError) Error() string { return string(e) }
func (e kindError) Unwrap() error { return ErrNotRegular }

// notRegular names what a file is instead.
func notRegular(mode fs.FileMode) error {
	kind := "device"
	switch {
	case mode.IsDir():
		return kindError("is a directory; name a file in it")
	case mode&fs.ModeNamedPipe != 0:
		kind = "named pipe"
	case mode&fs.ModeSocket != 0:
		kind = "socket"
	case mode&fs.ModeDevice == 0:
		return ErrNotRegular
	}
	return fmt.Errorf("%w but a %s", ErrNotRegular, kind)
}
