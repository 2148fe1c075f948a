package doctor

import (
	"errors"

	"golang.org/x/sys/unix"
)

// kernelsOwn returns an error when dir is of a file system whose files only the kernel makes. It lets root write
// there, and has no such file when root tries.
func kernelsOwn(dir string) error {
	var system unix.Statfs_t
	if err := unix.Statfs(dir, &system); err != nil {
		return nil //nolint:nilerr // who may write there can be told without
	}
	switch system.Type {
	case unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC:
		return errors.New("only the kernel makes files there")
	}
	return nil
}
