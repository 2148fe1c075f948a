package child

import (
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// raise gives s its default action again, which Go's runtime has replaced for most signals. It sends s to the calling
// thread, so that s is delivered before raise returns.
func raise(s syscall.Signal) {
	runtime.LockOSThread()
	// No core dump, also where the system pipes dumps to a program. When Prctl fails, there is one dump more.
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	// When setAction fails, the runtime's handler still ends the process for the signals that matter most.
	_, _ = setAction(s, &sigaction{})
	_ = unix.Tgkill(unix.Getpid(), unix.Gettid(), s)
}

// endWithParent lets the kernel send TERM to the process when this one is killed. The processes that it starts itself,
// and a program that runs as another user, get nothing.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = unix.SIGTERM }
