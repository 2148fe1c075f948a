//go:build unix

package events

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

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
