//go:build unix && !linux

package child

import "golang.org/x/sys/unix"

// gone reports whether the group is empty. On some systems kill(2) also counts processes that have ended and that
// their parent has not waited for. Processes that this one may not signal count as gone: on macOS those that have ended
// look the same.
func (r *run) gone() bool {
	for {
		// Orphans become children of this process when it is the first of a container.
		if pid, err := unix.Wait4(-r.pid, nil, unix.WNOHANG, nil); pid <= 0 || err != nil {
			break
		}
	}
	return unix.Kill(-r.pid, 0) != nil
}
