//go:build unix

package child

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// An event is a stop of the process, or its end.
type event struct {
	stopped syscall.Signal // 0: the process has ended
	err     error          // of waiting, when there was no such process
}

// run is one running command.
type run struct {
	*Command
	pid     int // of the process and of its group
	waiter  waiter
	streams streams
	job     *job // nil: the command takes no part in job control
	events  chan event
	kill    <-chan time.Time // when SIGKILL is due; nil when none is
	result  Result
}

func (c *Command) run(ctx context.Context) Result {
	r := &run{Command: c, events: make(chan event), result: Result{ExitCode: -1}}
	var err error
	if r.streams, err = c.open(); err != nil {
		r.result.Err = &StartError{Name: c.Args[0], Code: CodeOwn, Err: err}
		return r.result
	}
	if c.Terminal {
		r.job = newJob(c.Stdin)
	}
	started := make(chan error)
	go r.live(started)
	if err := <-started; err != nil {
		r.job.end(false)
		r.streams.abort()
		r.result.Err = err
		return r.result
	}
	r.streams.pump()

	err = r.supervise(ctx)
	r.result.Held = r.job.holds()
	if r.result.Stopped && err == nil {
		r.sweep()
	}
	// No signal is sent from here on: another process may get the number.
	r.end(err)
	// A command that was killed could not restore the terminal's modes.
	r.job.end(r.result.Signal != 0 || r.result.Stopped)
	r.streams.finish(c.OutputDelay)
	r.result.StdoutTail, r.result.Tail = r.streams.tails[1].String(), r.streams.tails[2].String()
	return r.result
}

// live starts the process and reports every stop of it, and at last its end. It keeps its thread to itself: on Linux
// the process gets a signal when the thread that started it ends, and any thread may end that another goroutine had.
func (r *run) live(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := r.start()
	started <- err
	if err != nil {
		return
	}
	for {
		stopped, err := r.waiter.next()
		r.events <- event{stopped, err}
		if err != nil || stopped == 0 {
			return
		}
	}
}

// end frees the process's number and notes how it ended. err says that its end was missed.
func (r *run) end(err error) {
	var status unix.WaitStatus
	if err == nil {
		status, err = r.waiter.reap()
	}
	switch {
	case err != nil:
		r.result.Err = &StartError{Name: r.Args[0], Code: CodeOwn, Err: fmt.Errorf("its end was missed: %w", err)}
	case status.Signaled():
		r.result.Signal = status.Signal()
	default:
		r.result.ExitCode = status.ExitStatus()
	}
}

// start starts the process in a group of its own, in the foreground if the job says so.
func (r *run) start() error {
	env := r.Env
	if env == nil {
		env = os.Environ()
	}
	path, err := find(r.Args[0], env, r.Dir)
	if err != nil {
		return startError(r.Args[0], err)
	}
	args := r.Args
	err = r.spawn(path, args, env)
	if errors.Is(err, syscall.ENOEXEC) {
		// A script without #! line: execvp gives it to the shell.
		args = slices.Concat([]string{"/bin/sh", path}, r.Args[1:])
		err = r.spawn("/bin/sh", args, env)
	}
	if errors.Is(err, syscall.ENOENT) {
		err := errors.New("the interpreter that it names does not exist")
		return &StartError{Name: r.Args[0], Code: CodeNotFound, Err: err}
	}
	if err != nil {
		return startError(r.Args[0], err)
	}
	return nil
}

func (r *run) spawn(path string, args, env []string) error {
	attr := &os.ProcAttr{Dir: r.Dir, Env: env, Files: r.streams.files(), Sys: &syscall.SysProcAttr{Setpgid: true}}
	endWithParent(attr.Sys)
	if r.job.eager() {
		attr.Sys.Foreground, attr.Sys.Ctty = true, r.job.tty
	}
	p, err := os.StartProcess(path, args, attr)
	if err != nil && attr.Sys.Foreground && terminalTrouble(err) {
		// The terminal may be gone by now. If that was not the reason, the second try fails too.
		attr.Sys.Foreground = false
		p, err = os.StartProcess(path, args, attr)
	}
	if err != nil {
		return err
	}
	r.pid, r.result.PID, r.waiter.pid = p.Pid, p.Pid, p.Pid
	r.job.began(r.pid, attr.Sys.Foreground)
	return p.Release() // the waiter waits for it, and gets its stops too
}

func terminalTrouble(err error) bool {
	return errors.Is(err, syscall.ENOTTY) || errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EIO)
}

// startError gives an error the exit code that execvp's caller would return.
func startError(name string, err error) error {
	var path *os.PathError // its text repeats the name
	if errors.As(err, &path) {
		err = path.Err
	}
	code := CodeNotExecutable
	switch {
	case errors.Is(err, syscall.ENOENT):
		code = CodeNotFound
	case Result{Err: err}.Transient():
		code = CodeOwn // there was no process to execute it
	}
	return &StartError{Name: name, Code: code, Err: err}
}

// supervise returns when the process has ended, or with an error when its end was missed.
func (r *run) supervise(ctx context.Context) error {
	done := ctx.Done()
	for {
		select {
		case e := <-r.events:
			if e.err != nil || e.stopped == 0 {
				return e.err
			}
			r.job.stopped(e.stopped)
		case <-done:
			done = nil
			r.stop()
		case <-r.kill:
			r.kill = nil
			r.signal(unix.SIGKILL)
		case s := <-r.Signals:
			if number, ok := s.(syscall.Signal); ok {
				r.signal(number)
			}
		case s := <-r.job.signals():
			r.job.signalled(s)
		}
	}
}

// stop ends the group because the context ended.
func (r *run) stop() {
	r.result.Stopped = true
	if r.Grace == 0 {
		r.signal(unix.SIGKILL)
		return
	}
	r.signal(unix.SIGTERM)
	r.kill = time.After(r.Grace)
}

// signal sends s to the group. A stopped process has to be continued before it can end by s.
func (r *run) signal(s syscall.Signal) {
	r.send(s)
	switch s {
	case unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGQUIT:
		r.send(unix.SIGCONT)
	case unix.SIGKILL:
	default:
		return
	}
	if errors.Is(unix.Kill(r.pid, 0), unix.EPERM) {
		r.outOfReach(r.pid)
	}
}

// send sends s to the group, and to the process itself in case it has moved to another group.
func (r *run) send(s syscall.Signal) {
	// Errors mean that no process is left, or one that this process may not signal.
	_ = unix.Kill(-r.pid, s)
	if group, err := unix.Getpgid(r.pid); err == nil && group != r.pid {
		_ = unix.Kill(r.pid, s)
	}
}

// outOfReach notes that a process cannot be told to end, because it runs as another user.
func (r *run) outOfReach(pid int) {
	if !r.result.OutOfReach && r.OnOutOfReach != nil {
		r.OnOutOfReach(pid)
	}
	r.result.OutOfReach = true
}

// How often sweep looks: at first, later, and for a process that cannot be told to end. How long it waits after
// SIGKILL.
const (
	sweepFirst = time.Millisecond
	sweepMost  = 50 * time.Millisecond
	sweepSlow  = time.Second
	sweepAfter = time.Second
)

// sweep returns when no process of the group is left. The command itself has ended, but processes that it started may
// ignore SIGTERM. Those that run as another user are waited for, as the command itself would be: another attempt
// beside them could do harm.
func (r *run) sweep() {
	var giveUp <-chan time.Time
	kill := func() {
		r.kill = nil
		r.signal(unix.SIGKILL)
		giveUp = time.After(sweepAfter)
	}
	if r.kill == nil { // SIGKILL was sent, but a process that was started since did not get it
		kill()
	}
	look := time.NewTimer(sweepFirst)
	defer look.Stop()
	for every := sweepFirst; !r.gone(); {
		select {
		case <-look.C:
			every = min(2*every, sweepMost)
			if r.result.OutOfReach {
				every = sweepSlow
			}
			look.Reset(every)
		case <-r.kill:
			kill()
		case <-giveUp: // a process hangs in the kernel, unless it is out of reach
			if !r.result.OutOfReach {
				return
			}
		case s := <-r.Signals:
			if number, ok := s.(syscall.Signal); ok {
				r.signal(number)
			}
		}
	}
}
