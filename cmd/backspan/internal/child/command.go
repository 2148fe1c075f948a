package child

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// DefaultOutputDelay is what an OutputDelay of 0 means: time enough for a process that ends with the command, such as
// the tee of a shell's process substitution.
const DefaultOutputDelay = 500 * time.Millisecond

// A Command is one command to run. It is a plain value and may be run several times, also at the same time unless it
// has the terminal.
type Command struct {
	// Args are the program and its arguments. The program is found as execvp(3) finds it, in the PATH of Env.
	Args []string

	// Env is the whole environment of the command, as name=value. Nil: this process's.
	Env []string

	// Dir is the working directory. Empty: this process's.
	Dir string

	// Stdin is handed to the command. Nil: it reads the null device.
	Stdin *os.File

	// Stdout and Stderr get what the command writes. Nil: the null device. An *os.File is handed to the command itself
	// (Stderr: unless Tail says to keep of it). Another Writer is written to from a goroutine of Run's, and none is
	// after Run has returned; Stdout and Stderr have one each, so if both are the same, it must bear that. When
	// Stdout fails, or nobody reads either any more (EPIPE), the command sees a broken pipe, as it would have without
	// anybody in between. When Stderr fails otherwise, as on a full disk, text is lost, and the command not disturbed.
	Stdout, Stderr io.Writer

	// Tail is how many bytes of the end of stderr to keep for Result.Tail. 0: none. When Stderr is a terminal, the
	// command still sees one, of the same size, so that it writes its colours and progress as ever. It is not the
	// controlling terminal, though, which matters to shells alone: bash manages jobs through its stderr.
	Tail int

	// Grace is how long the group may take to end after SIGTERM, when the context ended, before it gets SIGKILL.
	// 0 sends SIGKILL at once.
	Grace time.Duration

	// OutputDelay is how long to go on reading the command's output after its end, when a process that lives on
	// holds it open. 0 means DefaultOutputDelay.
	OutputDelay time.Duration

	// Signals are handed on to the group while the command runs. They end nothing by themselves. Nil: none.
	Signals <-chan os.Signal

	// Terminal gives the command the part in job control that it would have without this process around it; see
	// the package comment. One command at a time may have it. Without a controlling terminal it does nothing.
	Terminal bool
}

// Run runs the command to its end and says how that was. It returns later than ctx ends: by Grace, and by what the
// kernel needs to end a process. A command that could not be started has a Result with an Err; one that was not started
// because ctx had ended before is Stopped, and has no PID.
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
	}
	if c.Dir != "" {
		// The kernel's error would be that of a program that does not exist.
		if info, err := os.Stat(c.Dir); err != nil {
			return bad(err)
		} else if !info.IsDir() {
			return bad(fmt.Errorf("%s is no directory", c.Dir))
		}
	}
	return nil
}
