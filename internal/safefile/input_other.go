//go:build !unix

package safefile

import "os"

// Descriptor says that no path means a file that is open in this process already.
func Descriptor(string) (fd int, ok bool) { return 0, false }

func openInput(path string) (*os.File, error) { return os.Open(path) }
