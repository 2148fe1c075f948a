package semconv

import "syscall"

// Winsock has numbers of its own, and package syscall's invented ECONNREFUSED does not match them.
const (
	errnoConnRefused = syscall.Errno(10061) // WSAECONNREFUSED
	errnoConnReset   = syscall.Errno(10054) // WSAECONNRESET
)
