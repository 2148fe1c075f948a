//go:build !unix

package main

import (
	"os"
	"syscall"
)

var (
	endingSignals = []os.Signal{os.Interrupt, syscall.SIGTERM}
	otherSignals  []os.Signal
)

const brokenPipe = syscall.SIGPIPE

// shell are the arguments that let the shell run a command line.
func shell(line string) []string { return []string{"cmd", "/C", line} }

// readerGone cannot be told here.
func readerGone(*os.File) bool { return false }
