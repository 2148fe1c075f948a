//go:build unix && !linux

package child

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// catchStops has SIGTSTP and SIGCONT sent to c. One at a time may do that.
func catchStops(c chan<- os.Signal) { signal.Notify(c, unix.SIGTSTP, unix.SIGCONT) }

// releaseStops ends that. SIGTSTP then does nothing: Go's runtime leaves its handler, and there is no way to take it away.
func releaseStops(c chan<- os.Signal) { signal.Stop(c) }

// stopBy stops a process or group that this process is in. It uses SIGSTOP, because Go's runtime has taken the default
// action from SIGTSTP for good; so it has to know itself whether a shell looks after the group. There is none around
// the group of a session's leader.
func stopBy(_ syscall.Signal, target int) (undo func()) {
	if session, err := unix.Getsid(0); err == nil && session != unix.Getpgrp() {
		_ = unix.Kill(target, unix.SIGSTOP) // it cannot fail: this process is among those who get it
	}
	return func() {}
}

// unstopped keeps SIGTTOU from this process, for good: there is no way back. Commands that are started later inherit
// that, and may write to the terminal from the background, which is no harm.
func unstopped() (undo func()) {
	signal.Ignore(unix.SIGTTOU)
	return func() {}
}
