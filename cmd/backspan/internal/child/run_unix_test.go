//go:build unix

package child

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func sh(script string, args ...string) Command {
	return Command{Args: append([]string{"sh", "-c", script, "sh"}, args...), Tail: 1000, Grace: 10 * time.Second}
}

func TestHowCommandsEnd(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	plain := write("plain", "text\n", 0o600)
	bare := write("bare", "exit $1\n", 0o700)
	lost := write("lost", "#!/no/such/interpreter\n", 0o700)
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"true"}, 0, "exit code 0"},
		{[]string{"sh", "-c", "exit 3"}, 3, "exit code 3"},
		{[]string{"sh", "-c", "exit 255"}, 255, "exit code 255"},
		{[]string{"sh", "-c", "kill -TERM $$"}, 143, "killed by SIGTERM"},
		{[]string{"sh", "-c", "kill -KILL $$"}, 137, "killed by SIGKILL"},
		{[]string{"no-such-program"}, 127, "no-such-program: command not found"},
		{[]string{""}, 127, `"": command not found`},
		{[]string{dir + "/no/such"}, 127, dir + "/no/such: command not found"},
		{[]string{lost}, 127, "cannot run " + lost + ": the interpreter that it names does not exist"},
		{[]string{plain}, 126, "cannot run " + plain + ": permission denied"},
		{[]string{"plain"}, 126, "cannot run plain: permission denied"},
		{[]string{plain + "/x"}, 126, "cannot run " + plain + "/x: not a directory"},
		{[]string{dir}, 126, "cannot run " + dir + ": permission denied"},
		{[]string{bare, "5"}, 5, "exit code 5"},
		{[]string{"bare", "6"}, 6, "exit code 6"},
		{nil, 125, "cannot run a command: no command"},
	} {
		r := Command{Args: c.args, Env: []string{"PATH=" + dir + "::/usr/bin:/bin"}}.Run(t.Context())
		if r.Code() != c.code || r.String() != c.says {
			t.Errorf("%q: code %d, %q, want %d, %q", c.args, r.Code(), r.String(), c.code, c.says)
		}
		if want := c.code == 0; r.OK() != want {
			t.Errorf("%q: OK() = %v, want %v", c.args, r.OK(), want)
		}
	}
}

func TestUnusableCommands(t *testing.T) {
	for _, c := range []struct {
		command Command
		says    string
	}{
		{Command{Args: []string{"true"}, Grace: -1}, "cannot run true: Command.Grace is -1ns, want 0 or more"},
		{Command{Args: []string{"true"}, Tail: -1}, "cannot run true: Command.Tail is -1, want 0 or more"},
		{Command{Args: []string{"true"}, StdoutTail: -1}, "cannot run true: Command.StdoutTail is -1, want 0 or more"},
		{
			Command{Args: []string{"true"}, OutputDelay: -1},
			"cannot run true: Command.OutputDelay is -1ns, want 0 or more",
		},
		{Command{Args: []string{"true"}, Dir: "/no/such"}, "cannot run true: stat /no/such: no such file or directory"},
		{Command{Args: []string{"true"}, Dir: "/dev/null"}, "cannot run true: /dev/null is no directory"},
	} {
		r := c.command.Run(t.Context())
		if r.Transient() || r.Code() != CodeOwn || r.String() != c.says {
			t.Errorf("code %d, %q, want %d, %q", r.Code(), r.String(), CodeOwn, c.says)
		}
	}
}

// Who has no time left has timed out, also when there was none for a start.
func TestTheContextHasEndedBefore(t *testing.T) {
	late, cancel := context.WithTimeout(t.Context(), -1)
	defer cancel()
	if r := (Command{Args: []string{"true"}}).Run(late); r.Code() != CodeTimedOut || !r.Stopped || r.PID != 0 ||
		r.OK() {
		t.Errorf("%v, code %d, process %d; want that it timed out, and no process", r, r.Code(), r.PID)
	}
}

func TestALackIsTransient(t *testing.T) {
	for err, want := range map[error]bool{
		syscall.EAGAIN: true, syscall.ENFILE: true, syscall.EACCES: false, errors.New("nothing"): false,
	} {
		r := Result{Err: startError("x", &os.PathError{Op: "fork", Path: "x", Err: err})}
		if r.Transient() != want || (r.Code() == CodeOwn) != want {
			t.Errorf("%v: transient %v, code %d", err, r.Transient(), r.Code())
		}
	}
	if (Result{}).Transient() {
		t.Error("a success is transient")
	}
}

func TestEnvironmentDirectoryAndStreams(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "in"), []byte("from stdin"), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(filepath.Join(dir, "in"))
	if err != nil {
		t.Fatal(err)
	}
	defer closeFile(t, in)
	out, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer closeFile(t, out)
	var stderr bytes.Buffer
	c := sh(`pwd; echo "$A"; cat; echo one >&2; echo two >&2`)
	c.Env, c.Dir, c.Stdin, c.Stdout, c.Stderr = []string{"A=b", "PATH=/usr/bin:/bin"}, dir, in, out, &stderr
	r := c.Run(t.Context())
	if !r.OK() {
		t.Fatal(r)
	}
	got, err := os.ReadFile(out.Name())
	if want := dir + "\nb\nfrom stdin"; err != nil || string(got) != want {
		t.Errorf("stdout is %q (%v), want %q", got, err, want)
	}
	if want := "one\ntwo\n"; stderr.String() != want || r.Tail != want {
		t.Errorf("stderr is %q, the tail %q, want both %q", stderr.String(), r.Tail, want)
	}
}

// The end of stdout can be kept, too: beside a writer, beside a file, and without either.
func TestTheEndOfStdoutIsKept(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer closeFile(t, file)
	var buffer bytes.Buffer
	for _, out := range []io.Writer{nil, &buffer, file} {
		c := sh(`seq 1000; echo said >&2`)
		c.Stdout, c.StdoutTail = out, 9
		if r := c.Run(t.Context()); r.StdoutTail != "999\n1000\n" || !r.OK() {
			t.Errorf("%T: the tail is %q (%v), want the last two numbers", out, r.StdoutTail, r)
		}
	}
	written, err := os.ReadFile(file.Name())
	if err != nil || len(written) != 3893 || buffer.String() != string(written) {
		t.Errorf("%d bytes in the file (%v), %d in the buffer, want all 3893 in both", len(written), err, buffer.Len())
	}
}

func TestAFileIsHandedOverAsItIs(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer closeFile(t, read)
	defer closeFile(t, write)
	own, err := write.Stat()
	if err != nil {
		t.Fatal(err)
	}
	c := sh(`exec 3>&1; stat -L -c %i /dev/fd/3 >&2`)
	c.Stdout = write
	r := c.Run(t.Context())
	if want := strconv.FormatUint(own.Sys().(*syscall.Stat_t).Ino, 10) + "\n"; r.Tail != want {
		t.Errorf("the command's stdout is inode %q, want %q (%v)", r.Tail, want, r)
	}
}

func closeFile(t *testing.T, f *os.File) {
	t.Helper()
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// started runs c and returns what it prints, to wait for, and the result to come.
func started(ctx context.Context, t *testing.T, c Command) (*bufio.Reader, <-chan Result) {
	t.Helper()
	read, write := io.Pipe()
	c.Stdout = write
	result := make(chan Result, 1)
	go func() {
		r := c.Run(ctx)
		_ = write.Close() // always nil
		result <- r
	}()
	t.Cleanup(func() { _ = read.Close() }) // always nil
	return bufio.NewReader(read), result
}

func line(t *testing.T, r *bufio.Reader, want string) string {
	t.Helper()
	got, err := r.ReadString('\n')
	got = strings.TrimSuffix(got, "\n")
	if err != nil || want != "" && got != want {
		t.Fatalf("the command printed %q (%v), want %q", got, err, want)
	}
	return got
}

// nobodyLeft asks ps, which tells the dead from the living.
func nobodyLeft(t *testing.T, group int) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ps", "-eo", "pgid=,stat=,args=").Output()
	if err != nil {
		t.Fatal(err)
	}
	for process := range strings.Lines(string(out)) {
		fields := strings.Fields(process)
		if fields[0] == strconv.Itoa(group) && !strings.HasPrefix(fields[1], "Z") {
			t.Errorf("a process of the group is alive: %s", process)
		}
	}
}

func TestTheContextEndsTheGroup(t *testing.T) {
	for _, c := range []struct {
		name, script string
		grace        time.Duration
		code         int
		signal       syscall.Signal
	}{
		{"dies of TERM", `echo ready; sleep 1000`, time.Hour, 124, unix.SIGTERM},
		{"handles TERM", `trap 'exit 0' TERM; sh -c 'echo ready; exec sleep 1000' & wait`, time.Hour, 124, 0},
		{"ignores TERM", `trap '' TERM; echo ready; sleep 1000`, 10 * time.Millisecond, 137, unix.SIGKILL},
		{"no grace", `echo ready; sleep 1000`, 0, 137, unix.SIGKILL},
		{"is stopped", `echo ready; kill -STOP $$; sleep 1000`, time.Hour, 124, unix.SIGTERM},
		{
			"leaves a deaf child", `trap 'exit 0' TERM; (trap '' TERM; echo ready; sleep 1000) & wait`,
			200 * time.Millisecond, 124, 0,
		},
		{
			"leaves a deaf orphan", `(trap '' TERM; (echo ready; sleep 1000) & ) ; sleep 1000`,
			200 * time.Millisecond, 124, unix.SIGTERM,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			command := sh(c.script)
			command.Grace = c.grace
			out, result := started(ctx, t, command)
			line(t, out, "ready")
			cancel()
			r := <-result
			if !r.Stopped || r.Code() != c.code || r.Signal != c.signal {
				t.Errorf("stopped %v, code %d, signal %v, want true, %d, %v",
					r.Stopped, r.Code(), r.Signal, c.code, c.signal)
			}
			nobodyLeft(t, r.PID)
		})
	}
}

// A process that forks faster than it is looked at is caught as well: what is killed is the group.
func TestNobodyEscapesByForking(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := sh(`trap '' TERM; fork() { echo ready; sleep 0.01; fork & }; fork; exec sleep 1000`)
	c.Grace = time.Millisecond
	out, result := started(ctx, t, c)
	line(t, out, "ready")
	line(t, out, "ready")
	cancel()
	go io.Copy(io.Discard, out) //nolint:errcheck // it ends with the pipe
	r := <-result
	nobodyLeft(t, r.PID)
}

func TestSignalsGoToTheGroup(t *testing.T) {
	signals := make(chan os.Signal)
	c := sh(`trap 'echo parent' USR1; trap 'exit 7' TERM
		(trap 'echo child' USR1; echo ready; while :; do sleep 1000 & wait; done) &
		while :; do wait; done`)
	c.Signals = signals
	out, result := started(t.Context(), t, c)
	line(t, out, "ready")
	signals <- unix.SIGUSR1
	if got := line(t, out, "") + line(t, out, ""); got != "parentchild" && got != "childparent" {
		t.Errorf("USR1 made the group print %q, want parent and child", got)
	}
	signals <- unix.SIGTERM
	if r := <-result; r.Stopped || r.Code() != 7 {
		t.Errorf("stopped %v, code %d, want false, 7", r.Stopped, r.Code())
	}
}

// Something that lives on and holds the pipes must not hold Run.
func TestADaemonDoesNotHoldRun(t *testing.T) {
	c := sh(`sleep 1000 & echo $!; echo last words >&2; exit 4`)
	c.OutputDelay = time.Millisecond
	out, result := started(t.Context(), t, c)
	daemon, err := strconv.Atoi(line(t, out, ""))
	if err != nil {
		t.Fatal(err)
	}
	r := <-result
	if r.Code() != 4 || r.Tail != "last words\n" {
		t.Errorf("code %d, tail %q, want 4, last words", r.Code(), r.Tail)
	}
	if err := unix.Kill(daemon, unix.SIGKILL); err != nil {
		t.Errorf("the daemon should live on, as nobody stopped it: %v", err)
	}
}

// What a process writes that ends a little later than the command is not lost.
func TestLateWriters(t *testing.T) {
	c := sh(`(sleep 0.05; echo late >&2) & exit 4`)
	c.OutputDelay = time.Minute
	if r := c.Run(t.Context()); r.Tail != "late\n" || r.Elapsed >= time.Minute {
		t.Errorf("tail %q after %v, want late, at once", r.Tail, r.Elapsed)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("broken") }

func TestABrokenWriterIsABrokenPipe(t *testing.T) {
	r := Command{Args: []string{"yes"}, Stdout: brokenWriter{}}.Run(t.Context())
	if r.Signal != unix.SIGPIPE || r.Code() != 141 {
		t.Errorf("%v, code %d, want SIGPIPE, 141", r, r.Code())
	}
}

type writerThat struct{ err error }

func (w writerThat) Write([]byte) (int, error) { return 0, w.err }

// A disk that is full of a log does not end what is logged; nobody at the other end of a pipe does, as ever.
func TestABrokenStderr(t *testing.T) {
	for err, want := range map[error]syscall.Signal{
		unix.ENOSPC: 0, &os.PathError{Op: "write", Path: "x", Err: unix.EPIPE}: unix.SIGPIPE,
	} {
		c := sh(`head -c 1000000 /dev/zero >&2; echo last words >&2`)
		c.Stderr = writerThat{err}
		if r := c.Run(t.Context()); r.Signal != want || r.OK() != (want == 0) ||
			want == 0 && !strings.HasSuffix(r.Tail, "last words\n") {
			t.Errorf("%v: %v, tail %.20q, want signal %d", err, r, r.Tail, want)
		}
	}
}

func TestMuchOutput(t *testing.T) {
	var out, errOut bytes.Buffer
	c := sh(`head -c 3000000 /dev/zero & head -c 3000000 /dev/zero >&2; wait`)
	c.Stdout, c.Stderr = &out, &errOut
	if r := c.Run(t.Context()); !r.OK() || out.Len() != 3000000 || errOut.Len() != 3000000 || len(r.Tail) != 1000 {
		t.Errorf("%v: %d bytes of stdout, %d of stderr, tail of %d", r, out.Len(), errOut.Len(), len(r.Tail))
	}
}
