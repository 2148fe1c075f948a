//go:build !unix

package exec

import "os"

// otherSignals are handed on to the command and end nothing.
var otherSignals []os.Signal

// shell are the arguments that let the shell run a command line.
func shell(line string) []string { return []string{"cmd", "/C", line} }

// readerGone cannot be told here.
func readerGone(*os.File) bool { return false }
