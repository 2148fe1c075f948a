package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"go.temporal.io/sdk/client"
)

// A stage has the server and the workers.
type stage struct {
	temporal string // the server's executable
	dir      string
	address  string
	client   client.Client
	server   *exec.Cmd
	worker   *exec.Cmd
	workers  int // that were started so far
}

// start runs a program whose output goes to a file in the stage's folder.
func (s *stage) start(name string, env []string, program string, args ...string) (*exec.Cmd, error) {
	out, err := os.OpenFile(filepath.Join(s.dir, name+".log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, args...) //nolint:noctx // it is ended by a signal
	cmd.Stdout, cmd.Stderr, cmd.Env = out, out, append(os.Environ(), env...)
	return cmd, errors.Join(cmd.Start(), out.Close()) // the process has its own
}

// end ends a process with a signal and waits for it.
func end(cmd *exec.Cmd, signal os.Signal) error {
	if err := cmd.Process.Signal(signal); err != nil {
		return err
	}
	err := cmd.Wait()
	if _, exited := errors.AsType[*exec.ExitError](err); exited && signal == syscall.SIGKILL {
		return nil
	}
	return err
}

// startServer starts the server on its old port and file, and waits until it answers.
func (s *stage) startServer() (err error) {
	host, port, err := net.SplitHostPort(s.address)
	if err != nil {
		return err
	}
	s.server, err = s.start("server", nil, s.temporal,
		"server", "start-dev", "--headless", "--ip", host, "--port", port, "--log-level", "error",
		"--db-filename", filepath.Join(s.dir, "temporal.db"))
	if err != nil {
		return err
	}
	return until(time.Minute, "the server answers", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, err := s.client.CheckHealth(ctx, &client.CheckHealthRequest{})
		return err == nil
	})
}

// startWorker starts a worker, of the changed pipeline where version says so.
func (s *stage) startWorker(version string) (err error) {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	s.workers++
	name := fmt.Sprint("worker-", s.workers)
	s.worker, err = s.start(name, []string{notesVariable + "=" + s.dir}, self,
		"-worker", s.address, "-traces", filepath.Join(s.dir, name+".traces"), "-version", version)
	return err
}

// until polls for a condition.
func until(most time.Duration, what string, holds func() bool) error {
	for deadline := time.Now().Add(most); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: not within %v", what, most)
		}
	}
	return nil
}

// noted waits until a phase of a run has noted its first call.
func (s *stage) noted(run, phase string) error {
	return until(time.Minute, phase+" is called", func() bool { return len(s.calls(run, phase)) > 0 })
}

// calls are the calls that a phase of a run noted.
func (s *stage) calls(run, phase string) []string {
	data, err := os.ReadFile(filepath.Join(s.dir, run+"."+phase))
	if err != nil {
		return nil
	}
	return lines(string(data))
}

// freePort returns a loopback address that nobody listens on.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
