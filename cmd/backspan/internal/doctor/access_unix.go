//go:build unix

package doctor

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// mayMakeIn returns an error when this process may not make files in dir. It makes none.
func mayMakeIn(dir string) error {
	if err := unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
		return &os.PathError{Op: "access", Path: dir, Err: err}
	}
	return nil
}

// linkOnTheWay returns the first part of path that is a symbolic link. The event log follows only links directly below
// the root directory, where only root can make one.
func linkOnTheWay(path string) string {
	path = filepath.Clean(path)
	for i := 1; i <= len(path); i++ {
		if i < len(path) && path[i] != filepath.Separator {
			continue
		}
		part := path[:i]
		if info, err := os.Lstat(part); err != nil || info.Mode()&os.ModeSymlink == 0 {
			continue
		}
		if filepath.Dir(part) != "/" || !strings.HasPrefix(path, part+"/") {
			return part
		}
	}
	return ""
}
