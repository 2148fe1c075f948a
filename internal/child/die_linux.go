package child

import (
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// raise gives s its default action, which Go's runtime has taken away from most signals, and sends it to this very thread,
// so that it is delivered before raise returns.
func raise(s syscall.Signal) {
	runtime.LockOSThread()
	// No core dump, also where a program takes them and not a file. If it cannot be said, there is one dump more.
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	// The kernel's struct sigaction, whose size and order depend on the machine: in all of them zeros are SIG_DFL
	// without flags and mask.
	var action [64]byte
	const maskSize = 8
	// Should it fail, the runtime's own handler still ends the process for the signals that matter most.
	_, _, _ = syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(&action)), 0, maskSize, 0, 0)
	_ = unix.Tgkill(unix.Getpid(), unix.Gettid(), s)
}
