//go:build unix && !linux

package child

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// raise sends s to this process, whose runtime does what the default action would for the signals that matter most.
func raise(s syscall.Signal) {
	switch s {
	case unix.SIGKILL, unix.SIGTERM, unix.SIGINT, unix.SIGHUP:
		_ = unix.Kill(unix.Getpid(), s) // it returns when it failed, as Die says
	}
}
