package doctor

import (
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// asOrdinaryUser calls f as a user for whom the modes of files mean something, which they do not for root. On Linux the
// user of file operations is a thread's own, so the rest of the process does not notice.
func asOrdinaryUser(t *testing.T, f func()) {
	t.Helper()
	if os.Getuid() != 0 {
		f()
		return
	}
	const nobody = 65534
	for _, name := range []string{"log.jsonl", "dir", "secret.jsonl"} {
		if err := os.Chown(name, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Setfsuid(nobody); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Setfsuid(0); err != nil {
			t.Error(err) // and the thread stays locked: it ends with its goroutine
			runtime.LockOSThread()
		}
	}()
	f()
}
