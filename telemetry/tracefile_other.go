//go:build !unix

package telemetry

import (
	"errors"
	"io/fs"
	"os"
)

// openAppend refuses symbolic links. Only Unix can do that while it opens the file.
func openAppend(path string) (*os.File, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return nil, &fs.PathError{Op: "open", Path: path, Err: errors.New("is a symbolic link")}
	}
	return os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
}
