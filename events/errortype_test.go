package events

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"
)

func TestErrorType(t *testing.T) {
	for want, err := range map[string]error{
		"disk_full":           syscall.ENOSPC,
		"file_too_large":      syscall.EFBIG,
		"read_only":           os.NewSyscallError("open", syscall.EROFS),
		"permission_denied":   syscall.EACCES,
		"not_found":           syscall.ENOENT,
		"short_write":         io.ErrShortWrite,
		"symbolic_link":       fmt.Errorf("%w (it leads to x)", ErrSymlink),
		"queue_full":          errFull,
		"deleted":             errDeleted,
		"syscall.Errno":       syscall.ENOTDIR,
		"*errors.errorString": errors.New("disk full"),
	} {
		if got := errorType(fmt.Errorf("events: write x: %w", err)); got != want {
			t.Errorf("%v: got %s, want %s", err, got, want)
		}
	}
}
