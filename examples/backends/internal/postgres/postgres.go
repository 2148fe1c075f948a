// Package postgres runs a PostgreSQL of its own for an example: in a temporary directory, reached by a socket in it.
package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	startTimeout = 30 * time.Second // usually 0.2 s
	stopTimeout  = 20 * time.Second
)

// A Server is a running PostgreSQL.
type Server struct {
	Socket string // the path of its socket

	dir     string
	process *exec.Cmd
	ended   chan error // what became of the process
}

// Start makes a database in a temporary directory and serves it. Close must be called.
func Start(ctx context.Context) (*Server, error) {
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		return nil, err
	}
	s := &Server{Socket: filepath.Join(dir, ".s.PGSQL.5432"), dir: dir, ended: make(chan error, 1)}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Server) start(ctx context.Context) error {
	as, err := notAsRoot(s.dir)
	if err != nil {
		return err
	}
	data := filepath.Join(s.dir, "data")
	initdb, err := command(as, "initdb", "--pgdata="+data, "--username=postgres", "--auth=trust", "--no-sync",
		"--encoding=UTF8", "--no-locale")
	if err != nil {
		return err
	}
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	// No port, so that nobody else has it. Nothing here has to survive a power failure.
	server, err := command(as, "postgres", "-D", data, "-k", s.dir, "-c", "listen_addresses=", "-F",
		"-c", "deadlock_timeout=10ms")
	if err != nil {
		return err
	}
	var log bytes.Buffer
	server.Stdout, server.Stderr = &log, &log
	if err := server.Start(); err != nil {
		return err
	}
	s.process = server
	go func() { s.ended <- server.Wait() }()
	if err := s.ready(ctx); err != nil {
		return fmt.Errorf("postgres is not ready: %w\n%s", errors.Join(err, s.stop()), log.String())
	}
	return nil
}

// URL is where clients find the database.
func (s *Server) URL() string { return "user=postgres dbname=postgres sslmode=disable host=" + s.dir }

// ready waits for a server that answers.
func (s *Server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, s.URL())
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-tick.C:
		case ended := <-s.ended:
			s.ended <- ended
			return fmt.Errorf("it ended: %w", ended)
		case <-ctx.Done():
			return err
		}
	}
}

// Close stops the server, with whatever its clients are doing, and removes the directory.
func (s *Server) Close() error {
	return errors.Join(s.stop(), os.RemoveAll(s.dir))
}

// stop stops the server, if one was started.
func (s *Server) stop() error {
	if s.process == nil {
		return nil
	}
	if err := s.process.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	timer := time.AfterFunc(stopTimeout, func() { _ = s.process.Process.Kill() })
	defer timer.Stop()
	err := <-s.ended
	s.process = nil
	return err
}

// notAsRoot returns what to put before a command, because PostgreSQL refuses to run as root, and gives dir to whom it
// runs as instead. That user may be kept out of directories on the way, such as a root directory that only root enters;
// the capability opens them, and the secure bit keeps it for access(2).
func notAsRoot(dir string) (as []string, err error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.Atoi(nobody.Uid)
	if err != nil {
		return nil, err
	}
	return []string{
		"setpriv", "--reuid=" + nobody.Uid, "--regid=" + nobody.Gid, "--clear-groups",
		"--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--securebits=+no_setuid_fixup", "--",
	}, os.Chown(dir, uid, -1)
}

// command is a command of one of PostgreSQL's programs.
func command(as []string, name string, args ...string) (*exec.Cmd, error) {
	path, err := find(name)
	if err != nil {
		return nil, err
	}
	line := append(as, append([]string{path}, args...)...)
	c := exec.Command(line[0], line[1:]...) //nolint:noctx // a server ends by its own signal
	c.Dir = "/"
	return c, nil
}

// find finds a program of PostgreSQL. Debian keeps them out of the PATH, because there may be several versions.
func find(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, where := range []string{
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin",
	} {
		// The pattern is a good one, which is the only error.
		if found, _ := filepath.Glob(filepath.Join(where, name)); len(found) > 0 {
			return found[len(found)-1], nil
		}
	}
	return "", fmt.Errorf("%s is not there: install PostgreSQL's server (tools/needs test says how)", name)
}
