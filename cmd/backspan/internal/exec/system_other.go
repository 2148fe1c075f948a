//go:build !unix

package exec

import "os"

// otherSignals are passed to the command. They do not end the retrying.
var otherSignals []os.Signal

// shell returns the arguments that run a command line in the shell.
func shell(line string) []string { return []string{"cmd", "/C", line} }
