package program

import "syscall"

// dieWithParent makes the child die with the test process, also when that is killed or runs into go test's timeout.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
