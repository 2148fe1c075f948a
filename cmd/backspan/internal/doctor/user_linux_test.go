package doctor

import (
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// asOrdinaryUser calls f as a user to whom the modes of files apply, unlike root. On Linux each thread has its own user
// for file operations, so the rest of the process is not affected.
func asOrdinaryUser(t *testing.T, f func()) {
	t.Helper()
	if os.Getuid() != 0 {
		f()
		return
	}
	const nobody = 65534
	for _, name := range []string{"log.jsonl", "dir", "shut", "secret.jsonl"} {
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
			t.Error(err) // the thread stays locked, and ends with its goroutine
			runtime.LockOSThread()
		}
	}()
	f()
}
