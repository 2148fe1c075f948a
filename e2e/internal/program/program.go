package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Build compiles the package of the module in dir into the file out, as its users would.
func Build(ctx context.Context, dir, pkg, out string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", out, pkg)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, output)
	}
	return nil
}

// A Command is a program to run.
type Command struct {
	Path string
	Args []string
	Dir  string            // working directory
	Env  map[string]string // on top of PATH, HOME and the temporary directory; nothing else is inherited
}

// A Result is what a program that has ended leaves behind.
type Result struct {
	Code           int // exit code; -1 when a signal killed it
	Stdout, Stderr string
	Took           time.Duration
}

// String is the result for failure messages, without the middle of what is long.
func (r Result) String() string {
	return fmt.Sprintf("exit code %d after %v\n-- stdout\n%s\n-- stderr\n%s",
		r.Code, r.Took, ends(r.Stdout), ends(r.Stderr))
}

// ends returns a long text without its middle.
func ends(s string) string {
	const each = 1500
	if len(s) <= 2*each {
		return s
	}
	return s[:each] + "\n[…]\n" + s[len(s)-each:]
}

// A Process is a Command that was started.
type Process struct {
	cmd            *exec.Cmd
	stdout, stderr buffer
	done           chan struct{} // closed when the process is gone
	result         Result        // both set before done is closed
	err            error
}

// Start runs the command; Wait or Stop must be called. When ctx ends, the process is killed.
func (c Command) Start(ctx context.Context) (*Process, error) {
	p := &Process{cmd: exec.CommandContext(ctx, c.Path, c.Args...), done: make(chan struct{})}
	p.cmd.Dir = c.Dir
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	p.cmd.WaitDelay = 10 * time.Second // a grandchild may hold the pipes
	p.cmd.SysProcAttr = dieWithParent()
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "TEMP", "SYSTEMROOT"} {
		if value, ok := os.LookupEnv(name); ok {
			p.cmd.Env = append(p.cmd.Env, name+"="+value)
		}
	}
	for name, value := range c.Env {
		p.cmd.Env = append(p.cmd.Env, name+"="+value)
	}
	started := make(chan error)
	go p.supervise(ctx, started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s %s: %w", c.Path, strings.Join(c.Args, " "), err)
	}
	return p, nil
}

// supervise starts the process and stays until its end, on a thread of its own: on Linux the child is to die with its
// parent, and for the kernel the parent is the thread.
func (p *Process) supervise(ctx context.Context, started chan<- error) {
	runtime.LockOSThread()
	begin := time.Now()
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	err = p.cmd.Wait()
	p.result = Result{
		Code: p.cmd.ProcessState.ExitCode(), Took: time.Since(begin),
		Stdout: p.stdout.String(), Stderr: p.stderr.String(),
	}
	exit := (*exec.ExitError)(nil)
	switch {
	case ctx.Err() != nil && p.result.Code < 0:
		p.err = fmt.Errorf("killed %s: %w\n%v", p.cmd.Path, context.Cause(ctx), p.result)
	case err != nil && !errors.As(err, &exit):
		p.err = fmt.Errorf("run %s: %w\n%v", p.cmd.Path, err, p.result)
	}
	close(p.done)
}

// Run runs the command to its end. A program that could not be started, or had to be killed because ctx ended, is an
// error; one that fails by itself is not: its code is in the result.
func (c Command) Run(ctx context.Context) (Result, error) {
	p, err := c.Start(ctx)
	if err != nil {
		return Result{}, err
	}
	return p.Wait()
}

// Signal sends a signal to the process alone, not to its children.
func (p *Process) Signal(sig os.Signal) error { return p.cmd.Process.Signal(sig) }

// Stdout is what the process has written to stdout so far.
func (p *Process) Stdout() string { return p.stdout.String() }

// Stderr is what the process has written to stderr so far.
func (p *Process) Stderr() string { return p.stderr.String() }

// Done is closed when the process is gone.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits for the end of the process. Errors are those of Command.Run.
func (p *Process) Wait() (Result, error) {
	<-p.done
	return p.result, p.err
}

// Stop asks the process to end (SIGTERM), kills it after the grace period, and returns when it is gone. It is an error
// if it had to be killed; what its exit code says is not.
func (p *Process) Stop(grace time.Duration) error {
	if err := p.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.cmd.Path, err)
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
		return p.err
	case <-timer.C:
	}
	err := p.cmd.Process.Kill()
	<-p.done
	return errors.Join(fmt.Errorf("%s was still there %v after SIGTERM", p.cmd.Path, grace), err, p.err)
}

// A buffer can be read while the process writes.
type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
