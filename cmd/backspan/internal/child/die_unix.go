//go:build unix

package child

import (
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// SignalName is the name of a signal as kill(1) and shells know it, such as SIGTERM.
func SignalName(s syscall.Signal) string {
	if name := unix.SignalName(s); name != "" {
		return name
	}
	return s.String()
}

// Die ends this process by signal s, as a command that s has ended did, so that who waits for this process sees the same
// as without it: a shell leaves its loop when a command died of Ctrl-C, but not when one returned 130. It leaves no
// core dump. It returns when that cannot be done: for the first process of a container, which signals do not end, and
// for rare signals on systems other than Linux.
func Die(s syscall.Signal) {
	// If the limit cannot be set, the worst is a core dump more.
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	signal.Reset(s)
	raise(s)
	if s == unix.SIGKILL || s == unix.SIGTERM || s == unix.SIGINT || s == unix.SIGHUP {
		time.Sleep(50 * time.Millisecond) // it may reach another thread first
	}
}
