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

// Die ends this process by signal s. Its parent then sees the same as of a command that s ended: a shell leaves its
// loop when a command died of Ctrl-C, but not when one returned 130. There is no core dump. Die returns when s does
// not end the process: in the first process of a container, and for rare signals on systems other than Linux.
func Die(s syscall.Signal) {
	// When the limit cannot be set, there is one core dump more.
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	signal.Reset(s)
	raise(s)
	if s == unix.SIGKILL || s == unix.SIGTERM || s == unix.SIGINT || s == unix.SIGHUP {
		time.Sleep(50 * time.Millisecond) // another thread may get it first
	}
}
