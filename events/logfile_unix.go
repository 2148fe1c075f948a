//go:build unix && !aix

package events

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// A logFile is the open file. It is written by its descriptor because os.File's Write goes on after a short write, and
// another process may append in between.
type logFile struct {
	file *os.File
	info os.FileInfo
	fd   int // of file
}

func newLogFile(file *os.File, info os.FileInfo) *logFile {
	return &logFile{file, info, int(file.Fd())}
}

// write is one write(2). It is repeated only when it was interrupted before it wrote anything.
func (f *logFile) write(line []byte) (int, error) {
	for {
		n, err := unix.Write(f.fd, line)
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

// torn says whether the file ends in the middle of a line. It looks twice, because another process may be writing just
// now. What cannot be read is taken to: an empty line too many does less harm than two records in one.
func (f *logFile) torn() bool {
	var size int64 = -1
	for {
		var st unix.Stat_t
		if err := unix.Fstat(f.fd, &st); err != nil || st.Size == size {
			return true
		}
		if size = st.Size; size == 0 {
			return false
		}
		var last [1]byte
		n, err := unix.Pread(f.fd, last[:], size-1)
		if err != nil {
			return true
		}
		if n == 0 || last[0] == '\n' { // 0: it was emptied in between
			return false
		}
	}
}

// writtenAfterDeletion says whether something was written to the file after its last name was removed, where nobody
// can find it. Removing a name sets the ctime alone, and writing sets both times: where the ctime is later, the
// removing came last.
func (f *logFile) writtenAfterDeletion() bool {
	var st unix.Stat_t
	return unix.Fstat(f.fd, &st) == nil && st.Nlink == 0 && st.Ctim.Nano() <= st.Mtim.Nano()
}

// nameless says whether a file was deleted. It takes its space until nobody has it open.
func nameless(info os.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Nlink == 0
}

func (f *logFile) sync() error {
	for {
		if err := unix.Fsync(f.fd); err != unix.EINTR {
			return err
		}
	}
}

func (f *logFile) close() error { return f.file.Close() }

// broken says whether err means that the descriptor is of no use any more, while opening the path again may be.
func broken(err error) bool {
	for _, gone := range []error{unix.EBADF, unix.EIO, unix.ESTALE, unix.ENXIO, unix.ENODEV} {
		if errors.Is(err, gone) {
			return true
		}
	}
	return false
}
