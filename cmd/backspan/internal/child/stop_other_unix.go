//go:build unix && !linux

package child

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// catchStops has SIGTSTP and SIGCONT sent to c. One job at a time may call it.
func catchStops(c chan<- os.Signal) { signal.Notify(c, unix.SIGTSTP, unix.SIGCONT) }

// releaseStops ends that. SIGTSTP then does nothing: Go's runtime never removes its handler.
func releaseStops(c chan<- os.Signal) { signal.Stop(c) }

// stopBy stops a process or group that this process is in. It uses SIGSTOP, because Go's runtime has replaced the
// default action of SIGTSTP for good. SIGSTOP also stops a group that has no shell to continue it, such as that of a
// session's leader, so stopBy leaves that one alone.
func stopBy(_ syscall.Signal, target int) (undo func()) {
	if session, err := unix.Getsid(0); err == nil && session != unix.Getpgrp() {
		_ = unix.Kill(target, unix.SIGSTOP) // it cannot fail: this process is one that gets it
	}
	return func() {}
}

// unstopped ignores SIGTTOU in this process for good: Go has no way back. Commands that are started later inherit
// that, and may write to the terminal from the background, which does no harm.
func unstopped() (undo func()) {
	signal.Ignore(unix.SIGTTOU)
	return func() {}
}
