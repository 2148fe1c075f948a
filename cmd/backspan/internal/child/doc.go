// Package child runs one command as a process group of its own, and looks after it until the end: who gets which signal,
// who has the terminal, what is done about processes that do not want to end, and what was said last on stderr.
//
//	r := child.Command{
//		Args:   []string{"curl", "-fsS", url},
//		Stdout: os.Stdout,
//		Stderr: os.Stderr,
//		Tail:   4096,             // keep the end of stderr
//		Grace:  10 * time.Second, // between TERM and KILL
//	}.Run(ctx)
//	os.Exit(r.Code())
//
// When ctx ends first, the whole group gets SIGTERM, after Grace it gets SIGKILL, and Run returns when no process of the
// group is left: also not one that ignores SIGTERM while its parent has gone. A descendant that made a group or a session
// of its own (setsid, daemons, the jobs of an interactive shell) is out of reach. Everything that comes over
// Command.Signals is handed on to the group and otherwise left to the command.
//
// A Result knows the exit code that timeout(1) would have had: the command's own, 124 when ctx ended first, 125 when the
// command could not be tried, 126 when it cannot be executed, 127 when it does not exist, 128+N for signal N.
//
// With Command.Terminal the group takes part in job control as if the shell had started it: it may read the terminal,
// Ctrl-C and Ctrl-Z reach it, and when it stops, this process stops too. See job_unix.go.
//
// An *os.File as Stdout is handed to the command itself. Everything else goes through a pipe, or through a
// pseudo-terminal where the command should see that its stderr is one; a process that lives on and holds the pipe open
// keeps Run from returning for OutputDelay at most.
//
// On systems that are not Unix there are no groups and no signals: when ctx ends, the process itself is ended at once,
// and what it had started lives on.
package child
