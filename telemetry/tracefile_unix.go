//go:build unix

package telemetry

import (
	"os"

	"golang.org/x/sys/unix"
)

// openAppend refuses symbolic links, and does not wait for a reader when path is a FIFO.
func openAppend(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
}
