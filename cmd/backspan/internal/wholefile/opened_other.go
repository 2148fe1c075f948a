//go:build !unix

package wholefile

import "os"

// opened says that no path means a file that is open in this process already.
func opened(string) (file *os.File, ok bool, err error) { return nil, false, nil }
