//go:build unix

package wholefile

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/backspan/backspan/internal/safefile"
)

// opened is the file that is open in this process already, if path means one. To open the path anew would begin at the
// beginning of a file that a shell opened for appending, and fail for a socket.
func opened(path string) (file *os.File, ok bool, err error) {
	fd, ok := safefile.Descriptor(path)
	if !ok {
		return nil, false, nil
	}
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, true, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(own), path), true, nil
}
