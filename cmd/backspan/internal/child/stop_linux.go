package child

import (
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A sigaction is the kernel's struct of that name. Its size and order depend on the machine; in all of them zeros are
// SIG_DFL without flags and mask.
type sigaction [64]byte

// setAction sets the action of s and returns the previous one. os/signal cannot do that: Go's runtime keeps its
// handler after signal.Reset, so SIGTSTP would do nothing once it had been asked for.
func setAction(s syscall.Signal, next *sigaction) (previous *sigaction, err error) {
	const maskSize = 8
	previous = new(sigaction)
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(s),
		uintptr(unsafe.Pointer(next)), uintptr(unsafe.Pointer(previous)), maskSize, 0, 0)
	if errno != 0 {
		return nil, errno
	}
	return previous, nil
}

// tstpHandler is the handler of Go's runtime for SIGTSTP while the default action replaces it; otherwise nil.
var tstpHandler *sigaction

// catchStops has SIGTSTP and SIGCONT sent to c. One job at a time may call it.
func catchStops(c chan<- os.Signal) {
	signal.Notify(c, unix.SIGTSTP, unix.SIGCONT)
	if tstpHandler != nil { // the runtime takes its handler for installed
		_, _ = setAction(unix.SIGTSTP, tstpHandler) // it worked before
		tstpHandler = nil
	}
}

// releaseStops lets SIGTSTP stop this process again. os/signal would leave a handler that does nothing.
func releaseStops(c chan<- os.Signal) {
	signal.Stop(c)
	tstpHandler, _ = setAction(unix.SIGTSTP, &sigaction{}) // if it fails, Ctrl-Z does nothing
}

// stopBy sends s, whose action is to stop, to a process or group that this process is in. undo is to be called when
// it has been continued. The system drops s for a group that has no shell to continue it.
func stopBy(s syscall.Signal, target int) (undo func()) {
	previous, err := setAction(s, &sigaction{})
	_ = unix.Kill(target, s) // it cannot fail: this process is one that gets it
	return func() {
		if err == nil {
			_, _ = setAction(s, previous) // as it worked before, it does now
		}
	}
}

// unstopped blocks SIGTTOU in this goroutine until undo is called, so that it can use the terminal from the
// background. The command does not inherit that, as it would inherit an ignored signal.
func unstopped() (undo func()) {
	runtime.LockOSThread()
	var previous, set unix.Sigset_t
	// A kernel's set counts signals from bit 0 of the first word, whatever the word's width.
	set.Val[0] = 1 << (uint(unix.SIGTTOU) - 1)
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &set, &previous); err != nil {
		return runtime.UnlockOSThread
	}
	return func() {
		if unix.PthreadSigmask(unix.SIG_SETMASK, &previous, nil) == nil {
			runtime.UnlockOSThread() // otherwise the thread ends with the goroutine
		}
	}
}
