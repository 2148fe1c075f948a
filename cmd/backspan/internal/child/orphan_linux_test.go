package child

import (
	"os"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// The kernel takes the thread that started the command for its parent. Threads of this process may end at any time; the
// command must not hear of it.
func TestThreadsMayEnd(t *testing.T) {
	signals := make(chan os.Signal, 1)
	c := sh(`trap 'exit 7' USR1; echo ready; while :; do sleep 0.01; done`)
	c.Signals = signals
	out, result := started(t.Context(), t, c)
	line(t, out, "ready")
	var threads sync.WaitGroup
	for range 100 {
		threads.Go(runtime.LockOSThread) // a goroutine that ends so takes its thread with it
	}
	threads.Wait()
	signals <- unix.SIGUSR1
	if r := <-result; r.ExitCode != 7 {
		t.Errorf("the command ended with %v, want exit code 7, its own", r)
	}
}
