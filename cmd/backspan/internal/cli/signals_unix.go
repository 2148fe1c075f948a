//go:build unix

package cli

import (
	"os"

	"golang.org/x/sys/unix"
)

// EndingSignals are the signals that ask a program to end.
var EndingSignals = []os.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT}
