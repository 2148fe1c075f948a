//go:build unix

package exec

import (
	"os"

	"golang.org/x/sys/unix"
)

// otherSignals are passed to the command. They do not end the retrying.
var otherSignals = []os.Signal{unix.SIGUSR1, unix.SIGUSR2, unix.SIGPIPE}

// shell returns the arguments that run a command line in the shell, up to the first command that fails.
func shell(line string) []string { return []string{"sh", "-e", "-c", line} }

// readerGone reports whether file is a pipe that no process reads any more.
func readerGone(file *os.File) (gone bool) {
	conn, err := file.SyscallConn()
	if err != nil {
		return false
	}
	err = conn.Control(func(fd uintptr) {
		list := []unix.PollFd{{Fd: int32(fd)}}
		n, err := unix.Poll(list, 0)
		gone = err == nil && n > 0 && list[0].Revents&unix.POLLERR != 0
	})
	return gone && err == nil
}
