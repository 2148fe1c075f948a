//go:build !unix

package child

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os/exec"
	"syscall"
)

// run runs the command without process groups and signals; see the package comment.
func (c *Command) run(ctx context.Context) Result {
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	cmd.Env, cmd.Dir, cmd.WaitDelay = c.Env, c.Dir, c.OutputDelay
	if c.Stdin != nil {
		cmd.Stdin = c.Stdin
	}
	stdout, stderr := newTail(c.StdoutTail), newTail(c.Tail)
	cmd.Stdout, cmd.Stderr = kept(c.Stdout, stdout), kept(c.Stderr, stderr)
	if err := cmd.Start(); err != nil {
		return Result{ExitCode: -1, Err: startError(c.Args[0], err)}
	}
	ended := make(chan struct{})
	go c.ignoreSignals(ended)
	err := cmd.Wait()
	close(ended)
	r := Result{PID: cmd.Process.Pid, ExitCode: -1, Stopped: ctx.Err() != nil}
	r.StdoutTail, r.Tail = stdout.String(), stderr.String()
	if cmd.ProcessState == nil {
		r.Err = &StartError{Name: c.Args[0], Code: CodeOwn, Err: err}
		return r
	}
	r.ExitCode = cmd.ProcessState.ExitCode()
	return r
}

// kept is w and keep; either may be nil.
func kept(w io.Writer, keep *tail) io.Writer {
	switch {
	case keep == nil:
		return w
	case w == nil:
		return keep
	default:
		return io.MultiWriter(keep, w)
	}
}

// ignoreSignals receives signals, so that their sender never waits. A Ctrl-C in a console reaches the command by
// itself.
func (c *Command) ignoreSignals(ended <-chan struct{}) {
	for {
		select {
		case <-c.Signals:
		case <-ended:
			return
		}
	}
}

func startError(name string, err error) error {
	code := CodeNotExecutable
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		code, err = CodeNotFound, fs.ErrNotExist
	}
	return &StartError{Name: name, Code: code, Err: err}
}

// SignalName is the name of a signal.
func SignalName(s syscall.Signal) string { return s.String() }

// Die does nothing: no signal ends a process here.
func Die(syscall.Signal) {}
