//go:build unix && !linux

package doctor

import (
	"os"
	"testing"
)

// asOrdinaryUser calls f. As root the test proves nothing, because root may write anywhere.
func asOrdinaryUser(t *testing.T, f func()) {
	t.Helper()
	if os.Getuid() != 0 {
		f()
	}
}
