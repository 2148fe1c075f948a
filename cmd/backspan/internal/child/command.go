package child

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// DefaultOutputDelay is what an OutputDelay of 0 means. It is enough for a process that ends with the command, such
// as the tee of a shell's process substitution.
const DefaultOutputDelay = 500 * time.Millisecond

// A Command is one command to run. It is a plain value and may be run several times, also at the same time unless it
// has the terminal.
type Command struct {
	// Args are the program and its arguments. The program is found as execvp(3) finds it, in the PATH of Env.
	Args []string

	// Env is the whole environment of the command, as name=value. Nil means that of this process.
	Env []string

	// Dir is the working directory. Empty means that of this process.
	Dir string

	// Stdin is the command's stdin. Nil means the null device.
	Stdin *os.File

	// Stdout and Stderr get what the command writes. Nil means the null device. An *os.File becomes the command's own
	// file, except where its end is kept. Any other Writer is written to by a goroutine, and no longer when Run has
	// returned. Stdout and Stderr have a goroutine each: a Writer that is both must be safe for that. When a Write to
	// Stdout fails, or one to Stderr with EPIPE, the command gets a broken pipe. When a Write to Stderr fails
	// otherwise, as on a full disk, that text is lost and the command goes on.
	Stdout, Stderr io.Writer

	// Tail is how many bytes of the end of stderr to keep for Result.Tail. When Stderr is a terminal, the command's
	// stderr is a pseudo-terminal of the same size, so that it still writes colours and progress; with TailPipe it is
	// a pipe there too. A pseudo-terminal is not the controlling terminal: pagers, which read keys from the terminal
	// that stderr is, wait for ever, and bash has no job control. With a pipe or without a Tail they work.
	Tail     int
	TailPipe bool

	// StdoutTail is how many bytes of the end of stdout to keep for Result.StdoutTail, in the same way.
	StdoutTail int

	// Grace is the time between SIGTERM and SIGKILL for the group when the context has ended. 0 sends SIGKILL at once.
	Grace time.Duration

	// OutputDelay is how long output is read after the command's end while another process keeps it open. 0 means
	// DefaultOutputDelay.
	OutputDelay time.Duration

	// Signals are passed to the group while the command runs. Nothing else follows from them. Nil means none.
	Signals <-chan os.Signal

	// OnOutOfReach is called once when a process of the command should end and this process may not signal it, because
	// it runs as another user (sudo, setuid). It must not block. Nil means that Result.OutOfReach is enough.
	OnOutOfReach func(pid int)

	// Terminal lets the command take part in job control as if the shell had started it; see the package comment.
	// One command at a time may have it. Without a controlling terminal it does nothing.
	Terminal bool
}

// Run runs the command and returns how it ended. When ctx ends, Run returns after at most Grace and the time that the
// kernel needs to end a process, unless a process is out of reach: that one is waited for. The Result of a command that
// could not be started has an Err. The Result of a command that was not started because ctx had ended is Stopped and
// has no PID.
func (c Command) Run(ctx context.Context) Result {
	if err := c.check(); err != nil {
		return Result{ExitCode: -1, Err: err}
	}
	if c.OutputDelay == 0 {
		c.OutputDelay = DefaultOutputDelay
	}
	if ctx.Err() != nil {
		return Result{ExitCode: -1, Stopped: true}
	}
	start := time.Now()
	r := c.run(ctx)
	r.Elapsed = time.Since(start)
	return r
}

func (c *Command) check() error {
	name := ""
	if len(c.Args) > 0 {
		name = c.Args[0]
	}
	bad := func(err error) error { return &StartError{Name: name, Code: CodeOwn, Err: err} }
	switch {
	case len(c.Args) == 0:
		return bad(errors.New("no command"))
	case c.Grace < 0:
		return bad(fmt.Errorf("Command.Grace is %v, want 0 or more", c.Grace))
	case c.OutputDelay < 0:
		return bad(fmt.Errorf("Command.OutputDelay is %v, want 0 or more", c.OutputDelay))
	case c.Tail < 0:
		return bad(fmt.Errorf("Command.Tail is %d, want 0 or more", c.Tail))
	case c.StdoutTail < 0:
		return bad(fmt.Errorf("Command.StdoutTail is %d, want 0 or more", c.StdoutTail))
	}
	if c.Dir != "" {
		// The kernel's error would be the same as for a program that does not exist.
		if info, err := os.Stat(c.Dir); err != nil {
			return bad(err)
		} else if !info.IsDir() {
			return bad(fmt.Errorf("%s is no directory", c.Dir))
		}
	}
	return nil
}
