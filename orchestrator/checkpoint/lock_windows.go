package checkpoint

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// region is the byte that is locked: one that no journal reaches, because nobody could read a byte that is.
func region() *windows.Overlapped { return &windows.Overlapped{OffsetHigh: 1 << 30} }

// lock locks f without waiting, alone or with others. The lock ends when f is closed. The error is ErrLocked when
// somebody has it.
func lock(f *os.File, alone bool) error {
	how := uint32(windows.LOCKFILE_FAIL_IMMEDIATELY)
	if alone {
		how |= windows.LOCKFILE_EXCLUSIVE_LOCK
	}
	err := windows.LockFileEx(windows.Handle(f.Fd()), how, 0, 1, 0, region())
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return ErrLocked
	}
	return os.NewSyscallError("LockFileEx", err)
}

func unlock(f *os.File) error {
	return os.NewSyscallError("UnlockFileEx", windows.UnlockFileEx(windows.Handle(f.Fd()), 0, 1, 0, region()))
}
