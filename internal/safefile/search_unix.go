//go:build unix && !linux && !aix

package safefile

import "golang.org/x/sys/unix"

// searchOnly opens a directory for reading: what Linux calls O_PATH has no common name elsewhere.
// The directories above the file must be readable here.
const searchOnly = unix.O_RDONLY
