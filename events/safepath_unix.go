//go:build unix && !aix

package events

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// A safePath is the path of a log that is walked anew at every opening, one directory at a time, and on
// which no component may be a symbolic link. Otherwise whoever can write to one of its directories (or wrote the
// archive that they were unpacked from) could have us create and append to files elsewhere. The one exception is a
// link of root's directly below /, such as macOS's /tmp and /var: nobody else could have put it there.
//
// A relative path is walked from the working directory at Open, so that a later chdir does not move the log.
type safePath struct {
	given  string // as it was given, for messages
	anchor int    // a descriptor of the working directory, or of /
	dirs   []string
	name   string
	rel    string // dirs and name, to be looked up from anchor
	abs    bool
	mode   uint32 // of the file that was open last; 0: none was
}

func newSafePath(path string) (*safePath, error) {
	dirs, name, err := splitPath(path)
	if err != nil {
		return nil, err
	}
	p := &safePath{given: path, dirs: dirs, name: name, abs: filepath.IsAbs(path)}
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

func (p *safePath) close() error { return unix.Close(p.anchor) }

// open opens the log for appending. Directories are made when they are missing, with mode 0700, and the file with the
// mode of the one that was open last, else 0600.
func (p *safePath) open() (f *logFile, err error) {
	err = p.walk(true, func(dir int) (err error) {
		f, err = p.openFile(dir)
		return err
	})
	return f, err
}

// check says why the path can never be an event log, or nil. It makes nothing.
func (p *safePath) check() error {
	err := p.walk(false, func(dir int) error {
		_, err := p.lookAt(dir)
		return err
	})
	if err != nil && lasting(err) {
		return err
	}
	return nil
}

// walk calls do with a descriptor of the directory that the file is in.
func (p *safePath) walk(mkdir bool, do func(dir int) error) error {
	dir := p.anchor
	for i, name := range p.dirs {
		next, err := p.enter(dir, name, i, mkdir)
		if dir != p.anchor {
			unix.Close(dir) //nolint:errcheck // it was only passed through
		}
		if err != nil {
			return fmt.Errorf("events: %s: the directory %s: %w", p.given, p.upTo(i), err)
		}
		dir = next
	}
	err := do(dir)
	if dir != p.anchor {
		unix.Close(dir) //nolint:errcheck // it was only passed through
	}
	if err != nil {
		return fmt.Errorf("events: %s: %w", p.given, err)
	}
	return nil
}

// upTo is the path of the i-th directory, for messages.
func (p *safePath) upTo(i int) string {
	path := filepath.Join(p.dirs[:i+1]...)
	if p.abs {
		return "/" + path
	}
	return path
}

// enter opens the directory called name, the i-th of the path. With mkdir it makes one that is missing.
func (p *safePath) enter(dir int, name string, i int, mkdir bool) (int, error) {
	const flags = searchOnly | unix.O_DIRECTORY | unix.O_NOFOLLOW
	fd, err := openat(dir, name, flags, 0)
	if err == unix.ENOENT && mkdir {
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
	return -1, &LinkError{p.upTo(i), target}
}

// openFile opens the file itself. It looks before it opens, because opening alone can do things (to a tape, to the
// other end of a FIFO), and again afterwards, because the name may have changed hands in between.
//
// A file that it makes gets the permission bits of the one that was open last.
func (p *safePath) openFile(dir int) (*logFile, error) {
	there, err := p.lookAt(dir)
	if err != nil {
		return nil, err
	}
	const flags = unix.O_APPEND | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY
	fd, err := -1, error(unix.ENOENT)
	if !there {
		if fd, err = openat(dir, p.name, unix.O_RDWR|flags|unix.O_CREAT|unix.O_EXCL, 0o600); err == nil && p.mode != 0 {
			_ = unix.Fchmod(fd, p.mode) // where it cannot be had, the file stays its owner's alone
		}
	}
	if there || err == unix.EEXIST {
		// Reading is for the last byte only; a file that we may just write to will do.
		fd, err = openat(dir, p.name, unix.O_RDWR|flags|unix.O_CREAT, 0o600)
		if err == unix.EACCES {
			fd, err = openat(dir, p.name, unix.O_WRONLY|flags|unix.O_CREAT, 0o600)
		}
	}
	if err != nil {
		if target, _, isLink := readLink(dir, p.name); isLink {
			return nil, &LinkError{p.given, target}
		}
		return nil, os.NewSyscallError("open", err)
	}
	var st unix.Stat_t
	if err = unix.Fstat(fd, &st); err == nil {
		err = p.checkMode(uint32(st.Mode), dir)
	}
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return &logFile{fd: fd, dev: uint64(st.Dev), ino: uint64(st.Ino)}, nil
}

// lookAt says whether the file is in dir, and what is wrong with it.
func (p *safePath) lookAt(dir int) (there bool, err error) {
	var st unix.Stat_t
	err = unix.Fstatat(dir, p.name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if err == unix.ENOENT {
		return false, nil
	}
	if err == nil {
		err = p.checkMode(uint32(st.Mode), dir)
	}
	return true, err
}

// checkMode takes regular files only.
func (p *safePath) checkMode(mode uint32, dir int) error {
	kind := "device"
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return nil
	case unix.S_IFLNK:
		target, _, _ := readLink(dir, p.name)
		return &LinkError{p.given, target}
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

// leadsTo says whether the path still leads to f.
func (p *safePath) leadsTo(f *logFile) bool {
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
