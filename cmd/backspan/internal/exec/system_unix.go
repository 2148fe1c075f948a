//go:build unix

package exec

import (
	"os"

	"golang.org/x/sys/unix"
)

// otherSignals are passed to the command. They do not end the retrying.
var otherSignals = []os.Signal{unix.SIGUSR1, unix.SIGUSR2, unix.SIGPIPE}

// shell returns the arguments that run a command line in the shell, up to the first command that fails.
func shell(line string) []string { return []string{"sh", "-e", "-c", line} }
