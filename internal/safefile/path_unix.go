//go:build unix && !aix

package safefile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Path is the path of a file that is walked anew at every opening, one directory at a time, and on which no component
// may be a symbolic link. The one exception is a link of root's directly below /, such as macOS's /tmp and /var: nobody
// else could have put it there.
//
// A relative path is walked from the working directory at New, so that a later chdir does not move the file.
type Path struct {
	given  string // as it was given, for messages
	origin Origin
	anchor int // a descriptor of the working directory, or of /
	dirs   []string
	name   string
	rel    string // dirs and name, to be looked up from anchor
	abs    bool
}

// New returns the path. It has to be closed. The error is of the text, not of the file system.
func New(path string, origin Origin) (*Path, error) {
	dirs, name, err := splitPath(path)
	if err != nil {
		return nil, err
	}
	p := &Path{given: path, origin: origin, dirs: dirs, name: name, abs: filepath.IsAbs(path)}
	p.rel = filepath.Join(append(append([]string{}, dirs...), name)...)
	start := "."
	if p.abs {
		start = "/"
	}
	p.anchor, err = openat(unix.AT_FDCWD, start, searchOnly|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, fmt.Errorf("open the directory %s: %w", start, err)
	}
	return p, nil
}

// Close lets go of the directory that the path begins at.
func (p *Path) Close() error { return unix.Close(p.anchor) }

// String is the path as it was given.
func (p *Path) String() string { return p.given }

// Check says why the file cannot be used, as far as that can be seen without making anything. A file that is not there
// is an error that matches fs.ErrNotExist when its directory is not there either.
func (p *Path) Check() error {
	return p.walk(false, func(dir int) error {
		_, err := p.lookAt(dir)
		return err
	})
}

// OpenAppend opens the file for appending, and for reading where that is allowed. Directories are made when they are
// missing, with mode 0700, and the file with mode 0600 or what is kept of mode.
func (p *Path) OpenAppend(mode fs.FileMode) (f *os.File, err error) {
	err = p.walk(true, func(dir int) (err error) {
		f, err = p.openFile(dir, mode)
		return err
	})
	return f, err
}

// Replace puts a file with that content in the place of the file. Whoever reads the path finds the old content or the
// new one. A new file has mode perm; one that is replaced keeps its permissions, unless everybody could write it.
func (p *Path) Replace(content []byte, perm fs.FileMode) error {
	return p.walk(true, func(dir int) error {
		was, err := p.lookAt(dir)
		if err != nil {
			return err
		}
		if was != nil {
			perm = keptMode(fs.FileMode(was.Mode))
		}
		return p.replaceIn(dir, content, perm)
	})
}

func (p *Path) replaceIn(dir int, content []byte, perm fs.FileMode) error {
	name := ".backspan-" + rand.Text()
	fd, err := openat(dir, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return os.NewSyscallError("open", err)
	}
	file := os.NewFile(uintptr(fd), p.given)
	_, err = file.Write(content)
	err = errors.Join(err, file.Chmod(perm), file.Close())
	if err == nil {
		err = os.NewSyscallError("rename", unix.Renameat(dir, name, dir, p.name))
	}
	if err != nil {
		err = errors.Join(err, os.NewSyscallError("unlink", unix.Unlinkat(dir, name, 0)))
	}
	return err
}

// Open opens the file for reading.
func (p *Path) Open() (f *os.File, err error) {
	err = p.walk(false, func(dir int) error {
		fd, err := openat(dir, p.name, unix.O_RDONLY|openFlags, 0)
		if err != nil {
			return p.orLink(dir, os.NewSyscallError("open", err))
		}
		f, err = p.taken(dir, fd)
		return err
	})
	return f, err
}

// Remove removes the file.
func (p *Path) Remove() error {
	return p.walk(false, func(dir int) error { return os.NewSyscallError("unlink", unix.Unlinkat(dir, p.name, 0)) })
}

// walk calls do with a descriptor of the directory that the file is in.
func (p *Path) walk(mkdir bool, do func(dir int) error) error {
	dir := p.anchor
	for i, name := range p.dirs {
		next, err := p.enter(dir, name, i, mkdir)
		if dir != p.anchor {
			unix.Close(dir) //nolint:errcheck // it was only passed through
		}
		if err != nil {
			return fmt.Errorf("%s: the directory %s: %w", p.given, p.upTo(i), err)
		}
		dir = next
	}
	err := do(dir)
	if dir != p.anchor {
		unix.Close(dir) //nolint:errcheck // it was only passed through
	}
	if err != nil {
		return fmt.Errorf("%s: %w", p.given, err)
	}
	return nil
}

// upTo is the path of the i-th directory, for messages.
func (p *Path) upTo(i int) string {
	path := filepath.Join(p.dirs[:i+1]...)
	if p.abs {
		return "/" + path
	}
	return path
}

// enter opens the directory called name, the i-th of the path. With mkdir it makes one that is missing.
func (p *Path) enter(dir int, name string, i int, mkdir bool) (int, error) {
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

// openFlags open no link, wait for no other end of a FIFO, and make no terminal the process's own.
const openFlags = unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY

// openFile opens the file itself. It looks before it opens, because opening alone can do things (to a tape, to the
// other end of a FIFO), and again afterwards, because the name may have changed hands in between.
func (p *Path) openFile(dir int, mode fs.FileMode) (*os.File, error) {
	was, err := p.lookAt(dir)
	if err != nil {
		return nil, err
	}
	const flags = unix.O_APPEND | openFlags
	fd, err := -1, error(unix.ENOENT)
	if was == nil {
		if fd, err = openat(dir, p.name, unix.O_RDWR|flags|unix.O_CREAT|unix.O_EXCL, 0o600); err == nil && mode != 0 {
			_ = unix.Fchmod(fd, uint32(keptMode(mode))) // where it cannot be had, the file stays its owner's alone
		}
	}
	if was != nil || err == unix.EEXIST {
		// Reading is for the last byte only; a file that we may just write to will do.
		fd, err = openat(dir, p.name, unix.O_RDWR|flags|unix.O_CREAT, 0o600)
		if err == unix.EACCES {
			fd, err = openat(dir, p.name, unix.O_WRONLY|flags|unix.O_CREAT, 0o600)
		}
	}
	if err != nil {
		return nil, p.orLink(dir, os.NewSyscallError("open", err))
	}
	return p.taken(dir, fd)
}

// orLink is err, or that the file is a link.
func (p *Path) orLink(dir int, err error) error {
	if target, _, isLink := readLink(dir, p.name); isLink {
		return &LinkError{p.given, target}
	}
	return err
}

// taken is the open file, if it is one to take. Else it is closed.
func (p *Path) taken(dir, fd int) (*os.File, error) {
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	if err == nil {
		err = p.check(&st, dir)
	}
	if err == nil {
		err = unix.SetNonblock(fd, false)
	}
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), p.given), nil
}

// lookAt returns what the file in dir is, nil when there is none, and what is wrong with it.
func (p *Path) lookAt(dir int) (*unix.Stat_t, error) {
	var st unix.Stat_t
	err := unix.Fstatat(dir, p.name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if err == unix.ENOENT {
		return nil, nil
	}
	if err == nil {
		err = p.check(&st, dir)
	}
	return &st, err
}

// check takes regular files only, and of defaults only those that are nobody else's and were put there by nobody else.
func (p *Path) check(st *unix.Stat_t, dir int) error {
	err := p.wrong(kindOf(uint32(st.Mode)), func() string {
		target, _, _ := readLink(dir, p.name)
		return target
	})
	if err == nil && p.origin == Default {
		if err = foreign(st.Uid, st.Gid, uint32(st.Mode)); err == nil {
			err = planted(st, dir)
		}
	}
	return err
}

// planted says that the file has other names too, and that others may have given it this one: where they may write the
// directory, sticky or not, they can link any file of ours into it. Linux forbids that by default, other systems do
// not.
func planted(st *unix.Stat_t, dir int) error {
	if st.Nlink < 2 {
		return nil
	}
	var in unix.Stat_t
	if err := unix.Fstat(dir, &in); err != nil {
		return os.NewSyscallError("stat", err)
	}
	if foreign(in.Uid, in.Gid, uint32(in.Mode)) == nil {
		return nil
	}
	return fmt.Errorf("%w: it is a hard link to a file with another name, in a directory that others may write; "+
		"remove the link, or chmod go-w the directory", ErrForeign)
}

// kindOf is the type of a file.
func kindOf(mode uint32) fs.FileMode {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return 0
	case unix.S_IFLNK:
		return fs.ModeSymlink
	case unix.S_IFDIR:
		return fs.ModeDir
	case unix.S_IFIFO:
		return fs.ModeNamedPipe
	case unix.S_IFSOCK:
		return fs.ModeSocket
	}
	return fs.ModeDevice
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

// LeadsTo says whether the path still leads to the file with that info.
func (p *Path) LeadsTo(info fs.FileInfo) bool {
	var st unix.Stat_t
	err := unix.Fstatat(p.anchor, p.rel, &st, unix.AT_SYMLINK_NOFOLLOW)
	was, ok := info.Sys().(*syscall.Stat_t)
	return err == nil && ok && st.Dev == was.Dev && st.Ino == was.Ino
}

func openat(dir int, name string, flags int, mode uint32) (int, error) {
	for {
		fd, err := unix.Openat(dir, name, flags|unix.O_CLOEXEC, mode)
		if err != unix.EINTR { // a network file system may be interrupted
			return fd, err
		}
	}
}
