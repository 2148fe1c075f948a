package events

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// roleVar names what a child process does instead of running the tests: this test binary starts itself.
const roleVar = "BACKSPAN_TEST_ROLE"

// roles are what child processes can do. Each file of tests adds its own.
var roles = map[string]func() error{}

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVar); role != "" {
		if err := roles[role](); err != nil {
			fmt.Fprintln(os.Stderr, role+":", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// scaled is whole when BACKSPAN_FULL is set (make test-full), and else the short form.
func scaled(short, whole int) int {
	if os.Getenv("BACKSPAN_FULL") != "" {
		return whole
	}
	return short
}

// A child is a process in one of the roles.
type child struct {
	*exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
	err strings.Builder
}

// spawn starts a child. What is given to it are variables for its environment, and files, from descriptor 3 on. It is
// killed when the test ends, if need be.
func spawn(t *testing.T, role string, given ...any) *child {
	t.Helper()
	c := &child{Cmd: exec.Command(os.Args[0])}
	c.Env = childEnv(roleVar + "=" + role)
	for _, g := range given {
		if file, ok := g.(*os.File); ok {
			c.ExtraFiles = append(c.ExtraFiles, file)
		} else {
			c.Env = append(c.Env, fmt.Sprint(g))
		}
	}
	c.Stderr = &c.err
	var err error
	if c.in, err = c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.out = bufio.NewScanner(out)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if c.ProcessState == nil {
			c.Process.Kill() //nolint:errcheck // it may have ended
			c.Wait()         //nolint:errcheck // it was killed
		}
	})
	return c
}

// childEnv is the environment of a child. The race detector has every process wait a second at its end by default.
func childEnv(more string) []string {
	return append(os.Environ(), more, "GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE"))
}

// line waits for the next line that the child prints.
func (c *child) line(t *testing.T) string {
	t.Helper()
	if !c.out.Scan() {
		c.Wait() //nolint:errcheck // the test fails anyway
		t.Fatalf("the child ended early: %v\n%s", c.out.Err(), c.err.String())
	}
	return c.out.Text()
}

// end lets the child go on and waits for it to end well.
func (c *child) end(t *testing.T) {
	t.Helper()
	c.in.Close() //nolint:errcheck // a child that is gone shows in Wait
	for c.out.Scan() {
		t.Log(c.out.Text())
	}
	if err := c.Wait(); err != nil {
		t.Fatalf("the child failed: %v\n%s", err, c.err.String())
	}
}

// parent waits until the test closes the child's input.
func parent() { io.Copy(io.Discard, os.Stdin) } //nolint:errcheck // whatever happens to it, the wait is over

// logPath is a path for a log in a directory of its own.
func logPath(t testing.TB) string { return filepath.Join(t.TempDir(), "events.jsonl") }

func open(t testing.TB, path string, opts Options) *Writer {
	t.Helper()
	w, err := Open(path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() }) //nolint:errcheck // the test closes it itself where the error matters
	return w
}

// numbered is a record that can be told from all others: writer's n-th, with a line of about size bytes.
func numbered(writer, n, size int) *Record {
	r := sample()
	r.Details = append(r.Details, Int("writer", int64(writer)), Int("n", int64(n)))
	for left := size - 560; left > 0; left -= MaxField {
		r.Details = append(r.Details, String("filler", strings.Repeat("x", min(left, MaxField))))
	}
	return r
}

// found counts how often each numbered record is in the files.
func found(t testing.TB, paths ...string) (map[[2]int]int, Tally) {
	t.Helper()
	seen := map[[2]int]int{}
	var all Tally
	for _, path := range paths {
		r, err := OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for l := range r.All() {
			writer, isNumbered := l.Detail("writer").Float()
			n, _ := l.Detail("n").Float()
			if isNumbered {
				seen[[2]int{int(writer), int(n)}]++
			}
		}
		if err := r.Err(); err != nil {
			t.Error(err)
		}
		all.add(r.Tally())
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	return seen, all
}

// lost says how many of writer's records 0 to n-1 are missing, and how many are there more than once.
func lost(seen map[[2]int]int, writer, n int) (missing, doubled int) {
	for i := range n {
		switch seen[[2]int{writer, i}] {
		case 0:
			missing++
		case 1:
		default:
			doubled++
		}
	}
	return missing, doubled
}

// eventually waits until ok is true.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited 30s for: %s", what)
		}
	}
}
