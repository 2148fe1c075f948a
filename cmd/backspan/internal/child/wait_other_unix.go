//go:build unix && !linux

package child

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// A waiter waits for one process.
type waiter struct {
	pid    int
	status unix.WaitStatus
}

// next waits for the next stop of the process and returns its signal, or 0 when the process has ended. Its number is
// free then: what is sent to its group afterwards could meet another one.
func (w *waiter) next() (stopped syscall.Signal, err error) {
	for {
		_, err := unix.Wait4(w.pid, &w.status, unix.WUNTRACED, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err == nil && w.status.Stopped():
			return w.status.StopSignal(), nil
		default:
			return 0, err
		}
	}
}

// reap returns how the process ended.
func (w *waiter) reap() (unix.WaitStatus, error) { return w.status, nil }
