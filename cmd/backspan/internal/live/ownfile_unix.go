//go:build unix

package live

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// ownFile is a second handle of w when that is a file, else nil. The Go runtime ends the program when a write to its
// standard output or error finds the reader gone; a second handle gets an error instead, and the program whose spans
// are shown goes on.
func ownFile(w io.Writer) *os.File {
	f, ok := w.(*os.File)
	if !ok || f == nil {
		return nil
	}
	conn, err := f.SyscallConn()
	if err != nil {
		return nil
	}
	own := -1
	var failed error
	err = conn.Control(func(fd uintptr) {
		own, failed = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 3)
	})
	if err != nil || failed != nil {
		return nil
	}
	return os.NewFile(uintptr(own), f.Name())
}
