// Package wholefile writes files whole or not at all: whoever reads the path finds the old content or the new one.
package wholefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/backspan/backspan/internal/safefile"
)

// Write writes data to path by way of a file beside it, which then takes its place. Directories that are missing are
// made, 0700; a new file is 0600, and one that is replaced keeps its permissions.
//
// At a path that somebody named, symbolic links are followed, and a device or what is open in this process already
// (/dev/stdout, /dev/fd/63) is not replaced but written to. A named pipe and a socket are refused. A default path leads
// to a regular file of this user or of root, without a link on the way, or is refused.
func Write(path string, origin safefile.Origin, data []byte) error {
	if origin == safefile.Default {
		return replace(path, origin, data, 0o600)
	}
	if file, ok, err := opened(path); ok {
		if err == nil {
			_, err = file.Write(data)
			err = errors.Join(err, file.Close())
		}
		return err
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		path, err = safefile.Resolve(path)
	case err != nil:
	case info.Mode()&fs.ModeType == fs.ModeDevice|fs.ModeCharDevice: // /dev/null must stay what it is
		return os.WriteFile(path, data, 0)
	default:
		if err = Writable(info); err == nil {
			path, err = filepath.EvalSymlinks(path)
		}
	}
	if err != nil {
		return err
	}
	return replace(path, origin, data, 0o600)
}

// Writable says why Write refuses a file with that info at a path that somebody named.
func Writable(info fs.FileInfo) error {
	switch mode := info.Mode(); {
	case mode.IsRegular(), mode&fs.ModeCharDevice != 0:
		return nil
	case mode.IsDir():
		return errors.New("is a directory; name a file in it")
	case mode&fs.ModeNamedPipe != 0:
		return errors.New("is a named pipe, whose reader may never come; want a file, or what is open already, " +
			"such as >(command)")
	case mode&fs.ModeSocket != 0:
		return errors.New("is a socket; want a file")
	}
	return errors.New("is no regular file; want one")
}

// WriteBelow is Write for a file in a directory that somebody named. The file, whose name nobody chose, is no link. A
// new one has mode perm.
func WriteBelow(dir, name string, data []byte, perm fs.FileMode) error {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	return replace(filepath.Join(dir, name), safefile.Named, data, perm)
}

func replace(path string, origin safefile.Origin, data []byte, perm fs.FileMode) error {
	safe, err := safefile.New(path, origin)
	if err != nil {
		return err
	}
	return errors.Join(safe.Replace(data, perm), safe.Close())
}
