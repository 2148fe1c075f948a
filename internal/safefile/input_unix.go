//go:build unix

package safefile

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// Descriptor says whether path means a file that is open in this process already, and which: /dev/stdin, or
// /dev/fd/63, as shells call >(command) and <(command).
func Descriptor(path string) (fd int, ok bool) {
	path = filepath.Clean(path)
	if i := slices.Index([]string{"/dev/stdin", "/dev/stdout", "/dev/stderr"}, path); i >= 0 {
		return i, true
	}
	dir, name := filepath.Split(path)
	switch dir {
	case "/dev/fd/", "/proc/self/fd/", "/proc/thread-self/fd/", fmt.Sprintf("/proc/%d/fd/", os.Getpid()):
		fd, err := strconv.ParseUint(name, 10, 31)
		return int(fd), err == nil
	}
	return 0, false
}

// openInput opens path without waiting for the other end of a FIFO, unless it is open already.
func openInput(path string) (*os.File, error) {
	if exempt(path) {
		return os.Open(path)
	}
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
}
