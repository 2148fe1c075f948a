package events

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const namespaceVar = "BACKSPAN_TEST_NAMESPACE"

// inNamespace says whether the test runs in a mount namespace of its own, where it may mount things. When it does not,
// it runs the test again in one and reports how that went, so the caller just returns.
//
// Root needs no more than the mount namespace; others get it with a user namespace, as unshare -Urm does. A machine
// that gives neither fails the test: what it shows cannot be left unshown.
func inNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv(namespaceVar) != "" {
		// EINVAL: "/" is no mount point, as in a chroot. Then others may see the test's mounts until it unmounts them.
		err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
		if err != nil && !errors.Is(err, unix.EINVAL) {
			t.Fatal("make the mounts private:", err)
		}
		return true
	}
	asRoot := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	asUser := &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	var failed error
	for _, attr := range []*syscall.SysProcAttr{asRoot, asUser} {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=60s")
		cmd.Env = childEnv(namespaceVar + "=1")
		cmd.SysProcAttr = attr
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		switch {
		case err == nil:
			t.Logf("%s", out)
			return false
		case errors.As(err, &exit):
			t.Fatalf("in a namespace of its own: %v\n%s", err, out)
		}
		failed = errors.Join(failed, err)
	}
	t.Fatalf(
		"this test has to mount a file system: run it as root, or where unprivileged user namespaces are allowed: %v",
		failed)
	return false
}

// tmpfs mounts an empty file system of size bytes on a new directory.
func tmpfs(t *testing.T, size int) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprint("mode=0700,size=", size)); err != nil {
		t.Fatal("mount a tmpfs:", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}
