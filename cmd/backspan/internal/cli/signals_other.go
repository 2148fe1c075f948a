//go:build !unix

package cli

import (
	"os"
	"syscall"
)

// EndingSignals are the signals that ask a program to end.
var EndingSignals = []os.Signal{os.Interrupt, syscall.SIGTERM}
