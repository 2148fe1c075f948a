//go:build !windows

package term

// enableEscapes reports whether the terminal obeys escape sequences. Outside of Windows all do.
func enableEscapes(int) bool { return true }
