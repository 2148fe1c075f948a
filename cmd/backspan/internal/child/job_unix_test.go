//go:build unix

package child

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// A screen is a terminal with a program on it.
type screen struct {
	t    *testing.T
	tty  *os.File
	mu   sync.Mutex
	more *sync.Cond
	text string
	seen int // what expect has consumed
	over bool
}

// helper runs what is in its arguments with the terminal; see TestMain.
const helper = `$HELPER `

// onTerminal starts a program as the leader of a session with a terminal of its own.
func onTerminal(t *testing.T, program ...string) *screen {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program[0], program[1:]...)
	cmd.Env = append(os.Environ(), "HELPER=env "+asHelper+"=run "+os.Args[0], "PS1=$ ", "GORACE=atexit_sleep_ms=0",
		"TERM=dumb", "HISTFILE=")
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 33, Cols: 111})
	if err != nil {
		t.Fatal(err)
	}
	s := &screen{t: t, tty: tty}
	s.more = sync.NewCond(&s.mu)
	var reader sync.WaitGroup
	reader.Go(s.read)
	patience := time.AfterFunc(30*time.Second, s.end)
	t.Cleanup(func() {
		patience.Stop()
		endSession(t, cmd.Process.Pid)
		_ = cmd.Wait() // however it ended
		_ = tty.Close()
		reader.Wait()
	})
	return s
}

// endSession ends whatever a failed test leaves behind.
func endSession(t *testing.T, leader int) {
	out, err := exec.Command("ps", "-eo", "sess=,pid=").Output()
	if err != nil {
		t.Error(err)
	}
	for process := range strings.Lines(string(out)) {
		fields := strings.Fields(process)
		pid, err := strconv.Atoi(fields[1])
		if err == nil && fields[0] == strconv.Itoa(leader) {
			_ = unix.Kill(pid, unix.SIGKILL) // it may have ended since
		}
	}
}

func (s *screen) read() {
	defer s.end()
	buf := make([]byte, 4096)
	for {
		n, err := s.tty.Read(buf)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.text += string(buf[:n])
		s.mu.Unlock()
		s.more.Broadcast()
	}
}

func (s *screen) end() {
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	s.more.Broadcast()
}

// expect waits until want is on the screen, after what was expected before.
func (s *screen) expect(want string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if i := strings.Index(s.text[s.seen:], want); i >= 0 {
			s.seen += i + len(want)
			return
		}
		if s.over {
			s.t.Fatalf("the screen shows\n%s\nwant %q after the first %d bytes", s.text, want, s.seen)
		}
		s.more.Wait()
	}
}

func (s *screen) typing(keys string) {
	s.t.Helper()
	if _, err := s.tty.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

const (
	ctrlC = "\x03"
	ctrlZ = "\x1a"
)

func TestTheCommandReadsTheTerminal(t *testing.T) {
	s := onTerminal(t, "sh", "-c",
		helper+`sh -c 'read x; echo got $x; ps -o pgid=,tpgid= -p $$ | awk "{print \"same\", \$1 == \$2}"'`)
	s.typing("hello\n")
	s.expect("got hello")
	s.expect("same 1")
	s.expect("[exit code 0, held true")
}

func TestCtrlC(t *testing.T) {
	s := onTerminal(t, "sh", "-c", helper+`sh -c 'echo ready; exec sleep 1000'; echo and this lives on, $?`)
	s.expect("ready")
	s.typing(ctrlC)
	s.expect("[killed by SIGINT, held true")
	s.expect("and this lives on, 130")
}

// Where no shell looks after the jobs (a container, ssh with a command), nothing may be stopped for ever.
func TestCtrlZWithoutAShell(t *testing.T) {
	s := onTerminal(t, "sh", "-c",
		helper+`sh -c 'trap "echo going on" CONT; echo ready; until read x; do :; done; echo got $x'`)
	s.expect("ready")
	s.typing(ctrlZ)
	s.expect("going on")
	s.typing("hello\n")
	s.expect("got hello")
	s.expect("[exit code 0, held true")
}

func TestSuspendAndContinueInAShell(t *testing.T) {
	s := onTerminal(t, "bash", "--norc", "--noediting", "-i")
	for range 2 {
		s.typing(helper + `sh -c 'trap "echo going on" CONT; echo re''ady; until read x; do :; done; echo got $x'` +
			"\n")
		s.expect("ready")
		for range 2 {
			s.typing(ctrlZ)
			s.expect("Stopped")
			s.typing("echo shell has the terminal, $((6 * 7))\n")
			s.expect("terminal, 42")
			s.typing("fg\n")
			s.expect("$HELPER")
			s.expect("going on\r") // what is typed sooner is lost, as with every shell
		}
		s.typing("hello\n")
		s.expect("got hello")
		s.expect("[exit code 0, held true")
	}
	s.typing("exit\n")
	s.expect("exit")
}

func TestInTheBackground(t *testing.T) {
	s := onTerminal(t, "bash", "--norc", "--noediting", "-i")
	s.typing(helper + `sh -c 'echo re''ady; read x; echo got $x' &` + "\n")
	s.expect("ready")
	s.typing("wait %1; jobs\n")
	s.expect("Stopped")
	s.typing("fg\n")
	s.expect("$HELPER")
	s.typing("hello\n")
	s.expect("got hello")
	s.expect("[exit code 0, held true")
	s.typing("exit\n")
}

// The others of a pipeline may want the terminal too, so the command gets it only when it asks.
func TestInAPipeline(t *testing.T) {
	s := onTerminal(t, "bash", "--norc", "--noediting", "-i")
	s.typing(helper +
		`sh -c 'ps -o pgid=,tpgid= -p $$ | awk "{print \"same\", \$1 == \$2}"; read x; echo got $x' | cat` + "\n")
	s.expect("same 0")
	s.typing("hello\n")
	s.expect("got hello")
	s.expect("[exit code 0, held true")
	s.typing(helper + `sh -c 'trap "echo going on; exit" CONT; echo re''ady; while :; do sleep 0.01; done' | cat` +
		"\n")
	s.expect("ready")
	s.typing(ctrlZ)
	s.expect("Stopped")
	s.typing("fg\n")
	s.expect("$HELPER")
	s.expect("going on\r")
	s.expect("[exit code 0, held false")
	s.typing("exit\n")
}

func TestStdinFromElsewhere(t *testing.T) {
	s := onTerminal(t, "sh", "-c", helper+`sh -c 'read x < /dev/tty; echo got $x' < /dev/null`)
	s.typing("hello\n")
	s.expect("got hello")
	s.expect("[exit code 0, held true")
}

// The command sees that its stderr is a terminal, and of what size, and what it writes arrives as it was.
func TestStderrIsATerminal(t *testing.T) {
	s := onTerminal(t, "sh", "-c", helper+`sh -c 'test -t 2 && stty size <&2; printf "a\033[1mb\033[0m\n" >&2; exit 3'`)
	s.expect("33 111\r\n")
	s.expect("a\x1b[1mb\x1b[0m\r\n")
	s.expect(`[exit code 3, held true, tail "a\x1b[1mb\x1b[0m\n"]`)
}

func TestTheTerminalIsLeftInOrder(t *testing.T) {
	for _, c := range []struct{ name, script, shows string }{
		{"a command that ends at once", helper + `true; ` + helper + `true; ` + helper + "true", "[exit code 0"},
		{"one that does not exist", helper + "no-such-program", "[no-such-program: command not found"},
		{"one that cannot be executed", helper + "/dev/null", "[cannot run /dev/null: permission denied"},
		{"one that is killed while it is raw", helper + `sh -c 'stty raw -echo; kill -KILL $$'`, "[killed by SIGKILL"},
		{
			"one that writes while others may not", "stty tostop; " + helper + `sh -c 'echo text >&2'`,
			"text\r\n[exit code 0",
		},
		{
			"one that leaves something behind",
			helper + `sh -c 'sleep 1000 2>/dev/null & echo $! > '"$0"`, "[exit code 0",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			left := t.TempDir() + "/pid"
			s := onTerminal(t, "sh", "-c",
				c.script+`; stty -a; test -f "$0" && kill $(cat "$0"); read x; echo got $x`, left)
			s.expect(c.shows)
			s.expect(" icanon ")
			s.expect(" echo ")
			s.typing("hello\n")
			s.expect("got hello")
		})
	}
}
