//go:build !unix

package doctor

import (
	"errors"
	"io/fs"
	"os"
)

// mayMakeIn says whether dir is there. Whether files may be made in it, this system tells only who tries.
func mayMakeIn(dir string) error {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "open", Path: dir, Err: errors.New("is no directory")}
	}
	return err
}

// linkOnTheWay returns path when it is a symbolic link.
func linkOnTheWay(path string) string {
	if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSymlink != 0 {
		return path
	}
	return ""
}
