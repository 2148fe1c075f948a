package child

import (
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// raise gives s its default action, which Go's runtime has taken away from most signals, and sends it to this very thread,
// so that it is delivered before raise returns.
func raise(s syscall.Signal) {
	runtime.LockOSThread()
	// No core dump, also where a program takes them and not a file. If it cannot be said, there is one dump more.
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	// Should it fail, the runtime's own handler still ends the process for the signals that matter most.
	_, _ = setAction(s, &sigaction{})
	_ = unix.Tgkill(unix.Getpid(), unix.Gettid(), s)
}
