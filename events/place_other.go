//go:build !unix || aix

package events

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// A place is where the log belongs. Without openat the check for links and the opening are two steps here: a link
// that was there before is refused, one that is put there in between is not. A relative path is made absolute at Open.
//
// On Windows a file that is open cannot be renamed, so rotation has to stop the program first.
type place struct {
	path string   // as it was given, for messages
	full string   // absolute
	dirs []string // every directory above the file, the outermost first
}

func newPlace(path string) (*place, error) {
	if _, _, err := splitPath(path); err != nil {
		return nil, err
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("events: %s: %w", path, err)
	}
	p := &place{path: path, full: full}
	for dir := filepath.Dir(full); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		p.dirs = append([]string{dir}, p.dirs...)
	}
	return p, nil
}

func (p *place) close() error { return nil }

// open opens the log for appending. Directories and file are made when they are missing.
func (p *place) open() (*logFile, error) {
	for _, dir := range p.dirs {
		if err := enter(dir); err != nil {
			return nil, fmt.Errorf("events: %s: the directory %s: %w", p.path, dir, err)
		}
	}
	if info, err := os.Lstat(p.full); err == nil {
		if err := checkMode(info.Mode()); err != nil {
			return nil, fmt.Errorf("events: %s: %w", p.path, err)
		}
	}
	f, err := os.OpenFile(p.full, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	info, err := f.Stat()
	if err == nil {
		err = checkMode(info.Mode())
	}
	if err != nil {
		return nil, fmt.Errorf("events: %s: %w", p.path, errors.Join(err, f.Close()))
	}
	return &logFile{file: f, info: info}, nil
}

// enter makes dir when it is missing, and refuses it when it is a link.
func enter(dir string) error {
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.Mkdir(dir, 0o700); err == nil || errors.Is(err, fs.ErrExist) {
			info, err = os.Lstat(dir)
		}
	}
	if err != nil {
		return err
	}
	if info.Mode()&(fs.ModeSymlink|fs.ModeIrregular) != 0 { // irregular: a junction of Windows
		return fmt.Errorf("%w; name the directory it leads to instead", ErrSymlink)
	}
	return nil
}

// checkMode takes regular files only.
func checkMode(mode fs.FileMode) error {
	switch {
	case mode.IsRegular():
		return nil
	case mode&fs.ModeSymlink != 0:
		return ErrSymlink
	case mode.IsDir():
		return fmt.Errorf("%w but a directory; name a file in it", ErrNotRegular)
	}
	return ErrNotRegular
}

// holds says whether the path still leads to f.
func (p *place) holds(f *logFile) bool {
	info, err := os.Lstat(p.full)
	return err == nil && os.SameFile(info, f.info)
}
