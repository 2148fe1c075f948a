package events

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Why Open refuses a path. Its error then matches ErrPath, and ErrSymlink or ErrNotRegular when that is what is wrong.
var (
	ErrPath       = errors.New("can never be an event log")
	ErrSymlink    = errors.New("is a symbolic link, which the event log does not follow")
	ErrNotRegular = errors.New("is not a regular file")
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

// A pathError is an error that matches ErrPath.
type pathError struct{ error }

func (e pathError) Unwrap() []error { return []error{e.error, ErrPath} }

// splitPath cuts a path into the directories to walk through and the file's name.
func splitPath(path string) (dirs []string, name string, err error) {
	switch {
	case path == "":
		return nil, "", fmt.Errorf("events: the path is empty; the usual one is %s", DefaultPath)
	case strings.ContainsRune(path, 0):
		return nil, "", fmt.Errorf("events: the path %q contains a NUL byte", path)
	case os.IsPathSeparator(path[len(path)-1]):
		return nil, "", fmt.Errorf("events: the path %s names a directory; name a file in it, such as %s",
			path, filepath.Join(path, filepath.Base(DefaultPath)))
	}
	clean := filepath.Clean(path)
	clean = strings.TrimLeft(clean[len(filepath.VolumeName(clean)):], string(filepath.Separator))
	dirs = strings.Split(clean, string(filepath.Separator))
	name = dirs[len(dirs)-1]
	if name == "" || name == "." || name == ".." {
		return nil, "", fmt.Errorf("events: the path %s names a directory; name a file in it, such as %s",
			path, filepath.Join(path, filepath.Base(DefaultPath)))
	}
	return dirs[:len(dirs)-1], name, nil
}

// lasting says whether err means that the path can never be an event log. What may pass does not count: a full or
// broken disk, missing rights, or a file where a directory should be must not keep the host from starting.
func lasting(err error) bool {
	for _, wrong := range []error{
		ErrSymlink, ErrNotRegular, os.ErrInvalid, syscall.EISDIR, syscall.ENAMETOOLONG, syscall.EINVAL,
	} {
		if errors.Is(err, wrong) {
			return true
		}
	}
	return false
}
