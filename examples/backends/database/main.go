// Database runs transactions of a PostgreSQL again where that can mend something, and only there.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel"

	"github.com/backspan/backspan/examples/backends/internal/postgres"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/telemetry"
)

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) (err error) {
	tel, err := telemetry.Start(ctx, telemetry.Config{Service: "database", Discover: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tel.Shutdown(ctx)) }()
	server, err := postgres.Start(ctx) // a real one is somewhere else
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	db, err := pgxpool.New(ctx, server.URL())
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.Exec(ctx, schema); err != nil {
		return err
	}

	ctx, span := otel.Tracer("database").Start(ctx, "a night at the hospital")
	defer span.End()
	for _, story := range []func(context.Context, *pgxpool.Pool) error{bothGoHome, sameInvoice, brokenConnection} {
		if err := story(ctx, db); err != nil {
			return err
		}
	}
	return nil
}

const schema = `
CREATE TABLE doctors (name text PRIMARY KEY, on_call boolean NOT NULL);
INSERT INTO doctors VALUES ('alice', true), ('bob', true);
CREATE TABLE invoices (number int PRIMARY KEY, total numeric NOT NULL);
INSERT INTO invoices VALUES (7, 12.50);`

// Two doctors are on call. Each wants to go home and sees that the other stays. Were both transactions committed,
// nobody would be left: the server refuses the second one (40001), and its next attempt sees what the first one did.
func bothGoHome(ctx context.Context, db *pgxpool.Pool) error {
	went, attempts, err := goHome(ctx, db, "bob", func() error {
		went, attempts, err := goHome(ctx, db, "alice", func() error { return nil })
		fmt.Printf("alice goes home: %v, attempts: %d, error: %v\n", went, attempts, err)
		return err
	})
	fmt.Printf("bob goes home: %v, attempts: %d, error: %v\n", went, attempts, err)
	return err
}

// goHome calls meanwhile in its first attempt, between what it reads and what it writes.
func goHome(ctx context.Context, db *pgxpool.Pool, who string, meanwhile func() error) (
	went bool, attempts int, err error,
) {
	err = transact(ctx, db, "go_home", func(ctx context.Context, tx pgx.Tx) error {
		var others int
		err := tx.QueryRow(ctx, "SELECT count(*) FROM doctors WHERE on_call AND name <> $1", who).Scan(&others)
		if err != nil {
			return err
		}
		if attempts++; attempts == 1 {
			if err := meanwhile(); err != nil {
				return err
			}
		}
		if went = others > 0; !went {
			return nil
		}
		_, err = tx.Exec(ctx, "UPDATE doctors SET on_call = false WHERE name = $1", who)
		return err
	})
	return went, attempts, err
}

// A number that is taken is taken the next time too.
func sameInvoice(ctx context.Context, db *pgxpool.Pool) error {
	err := transact(ctx, db, "add_invoice", func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO invoices VALUES (7, 99)")
		return err
	})
	e, ok := errors.AsType[*retry.Error](err)
	if !ok {
		return fmt.Errorf("a second invoice 7: %w", err)
	}
	fmt.Printf("a second invoice 7: %v, attempts: %d, SQLSTATE %s\n", e.Reason, e.Attempts, sqlState(err))
	return nil
}

// A connection that breaks takes the transaction with it, so all of it is done again.
func brokenConnection(ctx context.Context, db *pgxpool.Pool) error {
	attempts := 0
	err := transact(ctx, db, "add_invoices", func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "INSERT INTO invoices VALUES (8, 20)"); err != nil {
			return err
		}
		if attempts++; attempts == 1 {
			// What an administrator may do. It returns when the other end of the connection is gone.
			if _, err := db.Exec(ctx, "SELECT pg_terminate_backend($1, 10000)", tx.Conn().PgConn().PID()); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, "INSERT INTO invoices VALUES (9, 30)")
		return err
	})
	if err != nil {
		return err
	}
	var invoices int
	if err := db.QueryRow(ctx, "SELECT count(*) FROM invoices WHERE number > 7").Scan(&invoices); err != nil {
		return err
	}
	fmt.Printf("two invoices over a connection that breaks: attempts: %d, invoices: %d\n", attempts, invoices)
	return nil
}
