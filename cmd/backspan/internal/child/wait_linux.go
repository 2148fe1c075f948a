package child

import (
	"errors"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A waiter waits for one process.
type waiter struct{ pid int }

// next waits for the next stop of the process and returns its signal, or 0 when the process has ended. An ended
// process stays a zombie until reap: as long as it does, no other process or group can get its number.
func (w *waiter) next() (stopped syscall.Signal, err error) {
	var info unix.Siginfo
	if err := waitid(w.pid, &info, unix.WEXITED|unix.WSTOPPED|unix.WNOWAIT); err != nil {
		return 0, err
	}
	if info.Code != cldStopped {
		return 0, nil
	}
	// Without WEXITED this takes the stop alone, also when the process has been killed since.
	err = waitid(w.pid, nil, unix.WSTOPPED|unix.WNOHANG)
	return childStatus(&info), err
}

// reap frees the number of the process that has ended.
func (w *waiter) reap() (status unix.WaitStatus, err error) {
	for {
		_, err = unix.Wait4(w.pid, &status, 0, nil)
		if !errors.Is(err, unix.EINTR) {
			return status, err
		}
	}
}

func waitid(pid int, info *unix.Siginfo, options int) error {
	for {
		if err := unix.Waitid(unix.P_PID, pid, info, options, nil); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// cldStopped is CLD_STOPPED of waitid(2): a signal has stopped the process.
const cldStopped = 5

// childStatus is si_status, which package unix does not name. Before it are three numbers, padded to a word, and two
// more.
func childStatus(info *unix.Siginfo) syscall.Signal {
	const (
		word   = unsafe.Sizeof(uintptr(0))
		offset = (3*4+word-1)/word*word + 2*4
	)
	return syscall.Signal(*(*int32)(unsafe.Add(unsafe.Pointer(info), offset)))
}
