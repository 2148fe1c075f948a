//go:build !unix

package doctor

import (
	"errors"
	"io/fs"
	"os"
)

// mayMakeIn returns an error when dir is not there. This system says only to who tries whether files may be made in it.
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
