//go:build !unix || aix

package safefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// A Path is the path of a file on which no component may be a symbolic link. Without openat the check for links and the
// opening are two steps here: a link that was there before is refused, one that is put there in between is not. A
// relative path is made absolute at New.
//
// On Windows a file that is open cannot be renamed, so rotation has to stop the program first.
type Path struct {
	given  string // as it was given, for messages
	origin Origin
	full   string   // absolute
	dirs   []string // every directory above the file, the outermost first
}

// New returns the path. The error is of the text, not of the file system.
func New(path string, origin Origin) (*Path, error) {
	if _, _, err := splitPath(path); err != nil {
		return nil, err
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	p := &Path{given: path, origin: origin, full: full}
	for dir := filepath.Dir(full); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		p.dirs = append([]string{dir}, p.dirs...)
	}
	return p, nil
}

// Close does nothing.
func (p *Path) Close() error { return nil }

// String is the path as it was given.
func (p *Path) String() string { return p.given }

// Check says why the file cannot be used, as far as that can be seen without making anything. A file that is not there
// is an error that matches fs.ErrNotExist when its directory is not there either.
func (p *Path) Check() error {
	_, err := p.walk(false)
	return err
}

// walk looks at the directories, which it makes with mkdir, and at the file. info is nil when the file is not there.
func (p *Path) walk(mkdir bool) (info fs.FileInfo, err error) {
	for _, dir := range p.dirs {
		if err := enter(dir, mkdir); err != nil {
			return nil, fmt.Errorf("%s: the directory %s: %w", p.given, dir, err)
		}
	}
	if info, err = os.Lstat(p.full); err != nil {
		return nil, nil //nolint:nilerr // opening says what is wrong
	}
	return info, p.check(info)
}

func (p *Path) check(info fs.FileInfo) error {
	err := p.wrong(info.Mode(), func() string { return "" })
	if err == nil && p.origin == Default {
		err = Foreign(info)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", p.given, err)
	}
	return nil
}

// OpenAppend opens the file for appending. Directories and file are made when they are missing. The mode is not used.
func (p *Path) OpenAppend(fs.FileMode) (*os.File, error) {
	if _, err := p.walk(true); err != nil {
		return nil, err
	}
	return p.taken(os.OpenFile(p.full, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600))
}

// Open opens the file for reading.
func (p *Path) Open() (*os.File, error) {
	if _, err := p.walk(false); err != nil {
		return nil, err
	}
	return p.taken(os.Open(p.full))
}

// taken is the open file, if it is one to take. Else it is closed.
func (p *Path) taken(f *os.File, err error) (*os.File, error) {
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil {
		err = p.check(info)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Replace puts a file with that content in the place of the file. Whoever reads the path finds the old content or the
// new one. A new file has mode perm; one that is replaced keeps its permissions, unless everybody
// could write it.
func (p *Path) Replace(content []byte, perm fs.FileMode) error {
	info, err := p.walk(true)
	if err != nil {
		return err
	}
	if info != nil {
		perm = keptMode(info.Mode())
	}
	file, err := os.CreateTemp(filepath.Dir(p.full), ".backspan-*")
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	err = errors.Join(err, file.Chmod(perm), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), p.full)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(file.Name()))
	}
	return err
}

// Remove removes the file.
func (p *Path) Remove() error {
	if _, err := p.walk(false); err != nil {
		return err
	}
	return os.Remove(p.full)
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

// LeadsTo says whether the path still leads to the file with that info.
func (p *Path) LeadsTo(was fs.FileInfo) bool {
	info, err := os.Lstat(p.full)
	return err == nil && os.SameFile(info, was)
}
