// Package wholefile writes files whole or not at all: whoever reads the path finds the old content or the new one.
package wholefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Write writes data to path by way of a file beside it, which then takes its place. Directories that are missing are
// made, 0700; a new file is 0600, one that is replaced keeps its permissions, and a symbolic link stays and has its
// target replaced. A device or a pipe is not replaced but written to.
func Write(path string, data []byte) error {
	mode := fs.FileMode(0o600)
	switch info, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s is a directory; name a file in it", path)
	case !info.Mode().IsRegular():
		return os.WriteFile(path, data, mode) // /dev/null must stay what it is
	default:
		mode = info.Mode().Perm()
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return err
		}
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".backspan-*")
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	err = errors.Join(err, file.Chmod(mode), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(file.Name()))
	}
	return err
}
