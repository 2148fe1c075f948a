//go:build !windows

package semconv

import "syscall"

const (
	errnoConnRefused = syscall.ECONNREFUSED
	errnoConnReset   = syscall.ECONNRESET
)
