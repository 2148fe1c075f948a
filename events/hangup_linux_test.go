package events

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

func init() { roles["alone"] = alone }

// alone opens EVENTS without ReopenOnSIGHUP in a process that has left SIGHUP to the kernel, and waits.
func alone() error {
	// Nobody else is asked: the signal may be ignored from outside (nohup), and Go would keep to that.
	var byDefault struct {
		handler, flags, restorer, mask uintptr
	}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(syscall.SIGHUP),
		uintptr(unsafe.Pointer(&byDefault)), 0, 8, 0, 0)
	if errno != 0 {
		return errno
	}
	w, err := Open(os.Getenv("EVENTS"), Options{})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	parent()
	return w.Close()
}

// A Writer without ReopenOnSIGHUP leaves SIGHUP alone: it ends the process, as ever.
func TestSIGHUPIsLeftAloneUnlessAskedFor(t *testing.T) {
	c := spawn(t, "alone", "EVENTS="+logPath(t))
	c.line(t)
	if err := c.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(10*time.Second, func() { c.in.Close() }) //nolint:errcheck // it is not there any more
	defer late.Stop()
	for c.out.Scan() {
		t.Error(c.out.Text())
	}
	c.Wait() //nolint:errcheck // the state says it
	if status := c.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGHUP {
		t.Errorf("the process ended with %v, want SIGHUP", c.ProcessState)
	}
}
