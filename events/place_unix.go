//go:build unix && !aix

package events

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// A place is where the log belongs: a path that is walked anew at every opening, one directory at a time, and on
// which no component may be a symbolic link. Otherwise whoever can write to one of its directories (or wrote the
// archive that they were unpacked from) could have us create and append to files elsewhere. The one exception is a
// link of root's directly below /, such as macOS's /tmp and /var: nobody else could have put it there.
//
// A relative path is walked from the working directory at Open, so that a later chdir does not move the log.
type place struct {
	path   string
	anchor int // a descriptor of the working directory, or of /
	dirs   []string
	name   string
	rel    string // dirs and name, to be looked up from anchor
	abs    bool
}

func newPlace(path string) (*place, error) {
	dirs, name, err := splitPath(path)
	if err != nil {
		return nil, err
	}
	p := &place{path: path, dirs: dirs, name: name, abs: filepath.IsAbs(path)}
	p.rel = filepath.Join(append(append([]string{}, dirs...), name)...)
	start := "."
	if p.abs {
		start = "/"
	}
	p.anchor, err = openat(unix.AT_FDCWD, start, searchOnly|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, fmt.Errorf("events: open the directory %s: %w", start, err)
	}
	return p, nil
}

func (p *place) close() error { return unix.Close(p.anchor) }

// open opens the log for appending. Directories and file are made when they are missing, with modes 0700 and 0600.
func (p *place) open() (*logFile, error) {
	dir := p.anchor
	for i, name := range p.dirs {
		next, err := p.enter(dir, name, i)
		if dir != p.anchor {
			unix.Close(dir) //nolint:errcheck // it was only passed through
		}
		if err != nil {
			return nil, fmt.Errorf("events: %s: the directory %s: %w", p.path, p.upTo(i), err)
		}
		dir = next
	}
	f, err := openFile(dir, p.name)
	if dir != p.anchor {
		unix.Close(dir) //nolint:errcheck // it was only passed through
	}
	if err != nil {
		return nil, fmt.Errorf("events: %s: %w", p.path, err)
	}
	return f, nil
}

// upTo is the path of the i-th directory, for messages.
func (p *place) upTo(i int) string {
	path := filepath.Join(p.dirs[:i+1]...)
	if p.abs {
		return "/" + path
	}
	return path
}

// enter opens the directory called name, the i-th of the path, and makes it when it is missing.
func (p *place) enter(dir int, name string, i int) (int, error) {
	const flags = searchOnly | unix.O_DIRECTORY | unix.O_NOFOLLOW
	fd, err := openat(dir, name, flags, 0)
	if err == unix.ENOENT {
		if err = unix.Mkdirat(dir, name, 0o700); err == nil || err == unix.EEXIST {
			fd, err = openat(dir, name, flags, 0)
		}
	}
	if err == nil {
		return fd, nil
	}
	target, owner, isLink := readLink(dir, name)
	if !isLink {
		return -1, err
	}
	if p.abs && i == 0 && owner == 0 {
		return openat(dir, name, searchOnly|unix.O_DIRECTORY, 0)
	}
	return -1, fmt.Errorf("%w; name the directory it leads to (%s) instead", ErrSymlink, target)
}

// openFile opens the file itself. It looks before it opens, because opening alone can do things (to a tape, to the
// other end of a FIFO), and again afterwards, because the name may have changed hands in between.
func openFile(dir int, name string) (*logFile, error) {
	var st unix.Stat_t
	err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if err == nil {
		err = checkMode(uint32(st.Mode), dir, name)
	}
	if err != nil && err != unix.ENOENT {
		return nil, err
	}
	const flags = unix.O_APPEND | unix.O_CREAT | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY
	// Reading is for the last byte only; a file that we may just write to will do.
	fd, err := openat(dir, name, unix.O_RDWR|flags, 0o600)
	if err == unix.EACCES {
		fd, err = openat(dir, name, unix.O_WRONLY|flags, 0o600)
	}
	if err != nil {
		if target, _, isLink := readLink(dir, name); isLink {
			return nil, fmt.Errorf("%w (it leads to %s)", ErrSymlink, target)
		}
		return nil, os.NewSyscallError("open", err)
	}
	if err = unix.Fstat(fd, &st); err == nil {
		err = checkMode(uint32(st.Mode), dir, name)
	}
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return &logFile{fd: fd, dev: uint64(st.Dev), ino: uint64(st.Ino)}, nil
}

// checkMode takes regular files only.
func checkMode(mode uint32, dir int, name string) error {
	kind := "device"
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return nil
	case unix.S_IFLNK:
		target, _, _ := readLink(dir, name)
		return fmt.Errorf("%w (it leads to %s)", ErrSymlink, target)
	case unix.S_IFDIR:
		return fmt.Errorf("%w but a directory; name a file in it", ErrNotRegular)
	case unix.S_IFIFO:
		kind = "named pipe"
	case unix.S_IFSOCK:
		kind = "socket"
	}
	return fmt.Errorf("%w but a %s", ErrNotRegular, kind)
}

func readLink(dir int, name string) (target string, owner uint32, isLink bool) {
	var st unix.Stat_t
	if unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil || uint32(st.Mode)&unix.S_IFMT != unix.S_IFLNK {
		return "", 0, false
	}
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(dir, name, buf)
	if err != nil {
		n = copy(buf, "?")
	}
	return string(buf[:n]), st.Uid, true
}

// holds says whether the path still leads to f.
func (p *place) holds(f *logFile) bool {
	var st unix.Stat_t
	err := unix.Fstatat(p.anchor, p.rel, &st, unix.AT_SYMLINK_NOFOLLOW)
	return err == nil && uint64(st.Dev) == f.dev && uint64(st.Ino) == f.ino
}

func openat(dir int, name string, flags int, mode uint32) (int, error) {
	for {
		fd, err := unix.Openat(dir, name, flags|unix.O_CLOEXEC, mode)
		if err != unix.EINTR { // a network file system may be interrupted
			return fd, err
		}
	}
}
