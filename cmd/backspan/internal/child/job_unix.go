//go:build unix

package child

import (
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	xterm "golang.org/x/term"

	"github.com/backspan/backspan/cmd/backspan/internal/term"
)

// A job lets a command's group take part in job control. The terminal has one foreground group, which may read from
// it and gets Ctrl-C and Ctrl-Z. For the shell that is the group of this process. The job gives the foreground to the
// command's group, and takes it back when the command ends or stops, because the shell must then see this process
// stop.
//
// The command starts in the foreground when this process has it and neither stdin nor stdout is shared. In a pipeline
// (backspan exec … | less) the other commands are in this process's group and may want the terminal too. Then the
// command gets the foreground when it first asks: reading the terminal from the background stops it, and the job
// continues it in the foreground.
//
// All methods may be called on a nil job.
type job struct {
	tty    int // the controlling terminal
	own    int // the group of this process
	pid    int // the command's; 0 before it started
	wanted bool
	held   bool         // the command's group has the foreground
	modes  *xterm.State // as they were before the command
	notify chan os.Signal
}

// continued is how long a process that has stopped itself waits for SIGCONT once it runs again. It waits that long
// only when it did not stop at all: the system does not stop a group that has no shell to continue it.
const continued = 250 * time.Millisecond

// newJob returns nil when this process has no controlling terminal.
func newJob(stdin *os.File) *job {
	tty, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	j := &job{tty: tty, own: unix.Getpgrp(), notify: make(chan os.Signal, 8)}
	j.wanted = term.IsTerminal(stdin) && !inPipeline(os.Stdout)
	if j.wanted = j.wanted && j.foreground() == j.own; j.wanted {
		j.remember()
	}
	// Before the command starts: a Ctrl-Z that comes at once must stop it too.
	catchStops(j.notify)
	return j
}

// inPipeline reports whether another process may read what this one writes. That process may be in its group.
func inPipeline(stdout *os.File) bool {
	info, err := stdout.Stat()
	return err == nil && info.Mode()&(os.ModeNamedPipe|os.ModeSocket) != 0
}

func (j *job) eager() bool { return j != nil && j.wanted }

func (j *job) holds() bool { return j != nil && j.held }

func (j *job) signals() <-chan os.Signal {
	if j == nil {
		return nil
	}
	return j.notify
}

// foreground is the terminal's foreground group, or 0 when the terminal is gone.
func (j *job) foreground() int {
	group, err := unix.IoctlGetInt(j.tty, unix.TIOCGPGRP)
	if err != nil {
		return 0
	}
	return group
}

// remember saves the terminal's modes, in case the command is killed while it has changed them.
func (j *job) remember() {
	if modes, err := xterm.GetState(j.tty); err == nil {
		j.modes = modes
	}
}

// began is called when the command has started. foreground says whether it started in the foreground.
func (j *job) began(pid int, foreground bool) {
	if j != nil {
		j.pid, j.held = pid, foreground
	}
}

// grant gives the command's group the foreground. It fails when the terminal or the command is gone.
func (j *job) grant() {
	j.held = unix.IoctlSetPointerInt(j.tty, unix.TIOCSPGRP, j.pid) == nil
}

// takeBack takes the foreground from the command's group, unless another process has taken it.
func (j *job) takeBack(restore bool) {
	if !j.held {
		return
	}
	j.held = false
	defer unstopped()()
	if now := j.foreground(); now == j.pid || errors.Is(unix.Kill(-now, 0), unix.ESRCH) {
		// It fails when the terminal is gone, and then there is no foreground.
		_ = unix.IoctlSetPointerInt(j.tty, unix.TIOCSPGRP, j.own)
	}
	if restore && j.modes != nil && j.foreground() == j.own {
		_ = xterm.Restore(j.tty, j.modes) // it fails likewise
	}
}

// end is called after the command. restore says whether the command may have left the terminal's modes changed.
func (j *job) end(restore bool) {
	if j == nil {
		return
	}
	if j.pid == 0 && j.wanted {
		j.held = true // it never ran, but the forked process may have taken the foreground
	}
	j.takeBack(restore)
	releaseStops(j.notify)
	_ = unix.Close(j.tty) // nothing was written to it
}

// stopped is called when s has stopped the command.
func (j *job) stopped(s syscall.Signal) {
	switch {
	case j == nil:
	case s == unix.SIGTTIN || s == unix.SIGTTOU:
		// The command wants the terminal. It gets the foreground when this process has or gets it.
		j.takeBack(false)
		j.wanted = true
		if j.foreground() != j.own {
			j.suspend(s, 0)
		}
		j.resume()
	case j.held:
		// Ctrl-Z: without backspan the terminal would have stopped this process's whole group. The shell must see that.
		j.takeBack(false)
		j.suspend(unix.SIGTSTP, 0)
		j.resume()
	}
}

// signalled is called when this process got s. Ctrl-Z sends it SIGTSTP only while the command is in the background.
func (j *job) signalled(s os.Signal) {
	switch {
	case s == unix.SIGCONT:
		j.resume()
	case j.held: // this process stops when the command has: see stopped
		_ = unix.Kill(-j.pid, unix.SIGTSTP)
	default:
		_ = unix.Kill(-j.pid, unix.SIGTSTP)
		j.suspend(unix.SIGTSTP, unix.Getpid())
		j.resume()
	}
}

// suspend stops this process, or its group when target is 0. It returns when it has been continued.
func (j *job) suspend(s syscall.Signal, target int) {
	for len(j.notify) > 0 {
		<-j.notify
	}
	defer stopBy(s, target)()
	awake := time.NewTimer(continued)
	defer awake.Stop()
	for {
		select {
		case s := <-j.notify:
			if s == unix.SIGCONT {
				return
			}
		case <-awake.C:
			return
		}
	}
}

// resume continues the command, in the foreground if it wants that and this process has it.
func (j *job) resume() {
	if j.wanted && !j.held && j.foreground() == j.own {
		if j.modes == nil {
			j.remember()
		}
		j.grant()
	}
	_ = unix.Kill(-j.pid, unix.SIGCONT)
}
