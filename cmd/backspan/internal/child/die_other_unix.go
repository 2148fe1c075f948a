//go:build unix && !linux

package child

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// raise sends s to this process. For these signals Go's runtime then does what the default action would.
func raise(s syscall.Signal) {
	switch s {
	case unix.SIGKILL, unix.SIGTERM, unix.SIGINT, unix.SIGHUP:
		_ = unix.Kill(unix.Getpid(), s) // when it fails, Die returns
	}
}

// endWithParent does nothing: when this process is killed, the command lives on.
func endWithParent(*syscall.SysProcAttr) {}
