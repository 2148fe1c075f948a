package events

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"
)

// classes are the short stable names of why lines are lost. They are the values of error.type on spans.
var classes = []struct {
	err  error
	name string
}{
	{errClosed, "closed"},
	{errFull, "queue_full"},
	{errSlow, "timeout"},
	{errDeleted, "deleted"},
	{ErrSymlink, "symbolic_link"},
	{ErrNotRegular, "not_regular"},
	{ErrForeign, "foreign_file"},
	{io.ErrShortWrite, "short_write"},
	{syscall.ENOSPC, "disk_full"},
	{syscall.EDQUOT, "quota_exceeded"},
	{syscall.EFBIG, "file_too_large"},
	{syscall.EROFS, "read_only"},
	{syscall.EIO, "io_error"},
	{syscall.EMFILE, "too_many_files"},
	{syscall.ENFILE, "too_many_files"},
	{fs.ErrNotExist, "not_found"},
	{fs.ErrPermission, "permission_denied"},
}

// errorType is the name of err's class, or its Go type below what wraps it.
func errorType(err error) string {
	for _, c := range classes {
		if errors.Is(err, c.err) {
			return c.name
		}
	}
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	return fmt.Sprintf("%T", err)
}
