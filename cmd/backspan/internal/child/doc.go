// Package child runs one command as a process group of its own. It passes signals to the group, gives it the
// terminal, ends it when the context ends, and keeps the end of what it writes to stderr.
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
// When ctx ends first, the whole group gets SIGTERM, and SIGKILL after Grace. Run returns when no process of the
// group is left, not even one that ignores SIGTERM and whose parent has ended. A descendant that made a group or a
// session of its own (setsid, daemons, the jobs of an interactive shell) is out of reach. One that runs as another user
// (setuid) cannot be told to end: Run waits for it, and Result.OutOfReach says so; see Command.OnOutOfReach.
//
// On Linux the ended command stays a zombie until its group is swept, so that no other process can have got its number.
// Other Unix systems have no such wait in package unix: a signal sent in that moment could meet another group. On Linux
// the command gets SIGTERM when this process is killed; elsewhere it lives on.
//
// Result.Code is the exit code that timeout(1) would return: the command's own, 124 when ctx ended first, 125 when
// the command could not be tried, 126 when it cannot be executed, 127 when it does not exist, 128+N for signal N.
//
// With Command.Terminal the group takes part in job control as if the shell had started it: it may read the terminal,
// Ctrl-C and Ctrl-Z reach it, and when it stops, this process stops too. See job_unix.go.
//
// On systems other than Unix there are no groups and no signals: when ctx ends, the process itself is ended at once,
// and the processes that it started live on.
package child
