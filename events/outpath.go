package events

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/backspan/backspan/internal/safefile"
)

// Why Open refuses a path. Its error then matches ErrPath, and one of the others when that is what is wrong.
var (
	ErrPath       = errors.New("can never be an event log")
	ErrSymlink    = safefile.ErrSymlink
	ErrNotRegular = safefile.ErrNotRegular
	ErrForeign    = safefile.ErrForeign // only of DefaultPath: another user owns the file or may write it
)

// A LinkError says which part of a path is a symbolic link: Path, which is the path that was given or a directory on
// the way to it. Target is where it leads, empty where the system does not tell. It matches ErrSymlink.
type LinkError = safefile.LinkError

// A pathError is an error that matches ErrPath.
type pathError struct{ error }

func (e pathError) Unwrap() []error { return []error{e.error, ErrPath} }

// An outPath is the path of a log.
type outPath struct {
	*safefile.Path
	mode fs.FileMode // of the file that was open last; 0: none was
}

// newOutPath returns the log's path. The file at the default path, which nobody named, has to be this user's own.
func newOutPath(path string) (*outPath, error) {
	if path == "" {
		return nil, pathError{fmt.Errorf("events: the path is empty; the usual one is %s", DefaultPath)}
	}
	safe, err := safefile.New(path, safefile.Origin(path == DefaultPath))
	if err != nil {
		return nil, pathError{fmt.Errorf("events: %w", err)}
	}
	return &outPath{Path: safe}, nil
}

// check says why the path can never be an event log, or nil. It makes nothing.
func (p *outPath) check() error {
	if err := p.Check(); err != nil && lasting(err) {
		return fmt.Errorf("events: %w", err)
	}
	return nil
}

// open opens the log for appending. Directories are made when they are missing, with mode 0700, and the file with the
// mode of the one that was open last, else 0600.
func (p *outPath) open() (*logFile, error) {
	file, err := p.OpenAppend(p.mode)
	if err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("events: %w", errors.Join(err, file.Close()))
	}
	return newLogFile(file, info), nil
}

// lasting says whether err means that the path can never be an event log. What may pass does not count: a full or
// broken disk, missing rights, or a file where a directory should be must not keep the host from starting.
func lasting(err error) bool {
	for _, wrong := range []error{
		ErrSymlink, ErrNotRegular, ErrForeign, os.ErrInvalid, syscall.EISDIR, syscall.ENAMETOOLONG, syscall.EINVAL,
	} {
		if errors.Is(err, wrong) {
			return true
		}
	}
	return false
}
