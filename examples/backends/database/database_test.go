package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"

	"github.com/backspan/backspan/examples/backends/internal/postgres"
	"github.com/backspan/backspan/retry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTransactions(t *testing.T) {
	server, err := postgres.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	}()
	db := open(t, server.URL())
	if _, err := db.Exec(t.Context(), schema); err != nil {
		t.Fatal(err)
	}
	t.Run("a deadlock", func(t *testing.T) { deadlock(t, db) })
	t.Run("the answer to COMMIT is lost", func(t *testing.T) { lostCommit(t, db, server) })
	t.Run("COMMIT was not sent", func(t *testing.T) { unsentCommit(t, db) })
	t.Run("a constraint that COMMIT checks", func(t *testing.T) { deferredConstraint(t, db) })
	t.Run("what cannot connect", func(t *testing.T) {
		wrong := open(t, server.URL()+" user=nobody_known")
		e := stopped(t, transact(t.Context(), wrong, "connect", func(context.Context, pgx.Tx) error { return nil }))
		if e.Reason != retry.ErrPermanent || e.Attempts != 1 || sqlState(e) != "28000" {
			t.Errorf("an unknown user: %v, want permanent after 1 attempt", e)
		}
	})
}

// Two transactions lock two rows in opposite orders. The server ends one, whose second attempt succeeds.
func deadlock(t *testing.T, db *pgxpool.Pool) {
	var both, tasks sync.WaitGroup
	var attempts atomic.Int64
	both.Add(2)
	for _, order := range [][2]string{{"alice", "bob"}, {"bob", "alice"}} {
		tasks.Go(func() {
			first := true
			err := transact(t.Context(), db, "lock", func(ctx context.Context, tx pgx.Tx) error {
				attempts.Add(1)
				const lock = "SELECT name FROM doctors WHERE name = $1 FOR UPDATE"
				if _, err := tx.Exec(ctx, lock, order[0]); err != nil {
					return err
				}
				if first { // each has one before either asks for the other's
					first = false
					both.Done()
					both.Wait()
				}
				_, err := tx.Exec(ctx, lock, order[1])
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	tasks.Wait()
	if n := attempts.Load(); n != 3 {
		t.Errorf("%d attempts, want 3: two, and the one that lost again", n)
	}
}

// The connection breaks when the server has committed. Another attempt would do it twice.
func lostCommit(t *testing.T, db *pgxpool.Pool, server *postgres.Server) {
	through := open(t, server.URL()+breakAtCommit(t, server.Socket))
	attempts := 0
	e := stopped(t, transact(t.Context(), through, "add", func(ctx context.Context, tx pgx.Tx) error {
		attempts++
		_, err := tx.Exec(ctx, "INSERT INTO invoices VALUES (100, 1)")
		return err
	}))
	if e.Reason != retry.ErrPermanent || attempts != 1 || !strings.Contains(e.Error(), "not known") {
		t.Errorf("%d attempts, %v; want permanent after 1", attempts, e)
	}
	if n := count(t, db, 100); n != 1 {
		t.Errorf("%d rows, want 1: it was committed", n)
	}
}

// The connection was gone before COMMIT could be sent: nothing was committed, so it is done again.
func unsentCommit(t *testing.T, db *pgxpool.Pool) {
	attempts := 0
	err := transact(t.Context(), db, "add", func(ctx context.Context, tx pgx.Tx) error {
		attempts++
		_, err := tx.Exec(ctx, "INSERT INTO invoices VALUES (101, 1)")
		if attempts == 1 {
			err = errors.Join(err, tx.Conn().Close(ctx))
		}
		return err
	})
	if n := count(t, db, 101); err != nil || attempts != 2 || n != 1 {
		t.Errorf("%d attempts, %d rows, error %v; want 2, 1 and none", attempts, n, err)
	}
}

// The server refuses to commit, and says why: that is no unknown end.
func deferredConstraint(t *testing.T, db *pgxpool.Pool) {
	_, err := db.Exec(t.Context(), "CREATE TABLE lines (invoice int REFERENCES invoices INITIALLY DEFERRED)")
	if err != nil {
		t.Fatal(err)
	}
	e := stopped(t, transact(t.Context(), db, "add_line", func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO lines VALUES (999)")
		return err
	}))
	if e.Reason != retry.ErrPermanent || sqlState(e) != "23503" || strings.Contains(e.Error(), "not known") {
		t.Errorf("got %v, want permanent for 23503", e)
	}
}

// The states that no test provokes.
func TestClassify(t *testing.T) {
	for _, c := range []struct {
		state string
		again bool
	}{
		{"40001", true},
		{"40P01", true},
		{"40002", false},
		{"40003", false},
		{"08006", true},
		{"53300", true},
		{"57P01", true},
		{"57P03", true},
		{"57014", false},
		{"23505", false},
		{"23503", false},
		{"42601", false},
		{"22012", false},
	} {
		err := fmt.Errorf("wrapped: %w", &pgconn.PgError{Code: c.state})
		if again := !errors.Is(classify(err, false), retry.ErrPermanent); again != c.again {
			t.Errorf("%s: another attempt: %v, want %v", c.state, again, c.again)
		}
	}
}

func open(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	db, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

func stopped(t *testing.T, err error) *retry.Error {
	t.Helper()
	e, ok := errors.AsType[*retry.Error](err)
	if !ok {
		t.Fatalf("got %v, want a *retry.Error", err)
	}
	return e
}

func count(t *testing.T, db *pgxpool.Pool, number int) (n int) {
	t.Helper()
	if err := db.QueryRow(t.Context(), "SELECT count(*) FROM invoices WHERE number = $1", number).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// breakAtCommit is a proxy that closes both connections as soon as the server has answered a COMMIT, and keeps the
// answer to itself. It returns what to add to a URL.
func breakAtCommit(t *testing.T, socket string) (host string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	t.Cleanup(func() {
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
		running.Wait()
	})
	running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil { // it was closed
				return
			}
			server, err := new(net.Dialer).DialContext(context.WithoutCancel(t.Context()), "unix", socket)
			if err != nil {
				t.Error(err)
				_ = client.Close()
				return
			}
			var committing atomic.Bool
			running.Go(func() {
				defer func() { _ = server.Close() }()
				_ = copyEach(server, client, func(sent []byte) bool {
					if bytes.Contains(sent, []byte("commit")) {
						committing.Store(true)
					}
					return true
				})
			})
			running.Go(func() {
				defer func() { _ = client.Close() }()
				_ = copyEach(client, server, func([]byte) bool { return !committing.Load() })
			})
		}
	})
	address := listener.Addr().(*net.TCPAddr)
	return " host=127.0.0.1 port=" + strconv.Itoa(address.Port)
}

// copyEach copies what arrives as long as pass says so.
func copyEach(to io.Writer, from io.Reader, pass func([]byte) bool) error {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil || !pass(buffer[:n]) {
			return err
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return err
		}
	}
}
