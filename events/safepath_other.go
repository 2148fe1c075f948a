//go:build !unix || aix

package events

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// A safePath is the path of a log on which no component may be a symbolic link. Without openat the check for links
// and the opening are two steps here: a link that was there before is refused, one that is put there in between is
// not. A relative path is made absolute at Open.
//
// On Windows a file that is open cannot be renamed, so rotation has to stop the program first.
type safePath struct {
	given string   // as it was given, for messages
	mode  uint32   // not used
	full  string   // absolute
	dirs  []string // every directory above the file, the outermost first
}

func newSafePath(path string) (*safePath, error) {
	if _, _, err := splitPath(path); err != nil {
		return nil, err
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("events: %s: %w", path, err)
	}
	p := &safePath{given: path, full: full}
	for dir := filepath.Dir(full); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		p.dirs = append([]string{dir}, p.dirs...)
	}
	return p, nil
}

func (p *safePath) close() error { return nil }

// check says why the path can never be an event log, or nil. It makes nothing.
func (p *safePath) check() error {
	if err := p.walk(false); err != nil && lasting(err) {
		return err
	}
	return nil
}

// walk looks at the directories, which it makes with mkdir, and at the file.
func (p *safePath) walk(mkdir bool) error {
	for _, dir := range p.dirs {
		if err := enter(dir, mkdir); err != nil {
			return fmt.Errorf("events: %s: the directory %s: %w", p.given, dir, err)
		}
	}
	if info, err := os.Lstat(p.full); err == nil {
		if err := p.checkMode(info.Mode()); err != nil {
			return fmt.Errorf("events: %s: %w", p.given, err)
		}
	}
	return nil
}

// open opens the log for appending. Directories and file are made when they are missing.
func (p *safePath) open() (*logFile, error) {
	if err := p.walk(true); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(p.full, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	info, err := f.Stat()
	if err == nil {
		err = p.checkMode(info.Mode())
	}
	if err != nil {
		return nil, fmt.Errorf("events: %s: %w", p.given, errors.Join(err, f.Close()))
	}
	return &logFile{file: f, info: info}, nil
}

// enter refuses dir when it is a link. With mkdir it makes one that is missing.
func enter(dir string, mkdir bool) error {
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) && mkdir {
		if err = os.Mkdir(dir, 0o700); err == nil || errors.Is(err, fs.ErrExist) {
			info, err = os.Lstat(dir)
		}
	}
	if err != nil {
		return err
	}
	if info.Mode()&(fs.ModeSymlink|fs.ModeIrregular) != 0 { // irregular: a junction of Windows
		return &LinkError{Path: dir}
	}
	return nil
}

// checkMode takes regular files only.
func (p *safePath) checkMode(mode fs.FileMode) error {
	switch {
	case mode.IsRegular():
		return nil
	case mode&fs.ModeSymlink != 0:
		return &LinkError{Path: p.given}
	case mode.IsDir():
		return fmt.Errorf("%w but a directory; name a file in it", ErrNotRegular)
	}
	return ErrNotRegular
}

// leadsTo says whether the path still leads to f.
func (p *safePath) leadsTo(f *logFile) bool {
	info, err := os.Lstat(p.full)
	return err == nil && os.SameFile(info, f.info)
}
