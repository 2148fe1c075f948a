//go:build unix

package doctor

import (
	"os"

	"golang.org/x/sys/unix"
)

// mayMakeIn returns an error when this process may not make files in dir. It makes none.
func mayMakeIn(dir string) error {
	if err := unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
		return &os.PathError{Op: "access", Path: dir, Err: err}
	}
	return kernelsOwn(dir)
}
