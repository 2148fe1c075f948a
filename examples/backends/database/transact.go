package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/backspan/backspan/retry"
)

var policy = retry.Policy{MaxRetries: 3, BaseDelay: 10 * time.Millisecond}

// transact runs work as a transaction, and all of it again when that can mend its failure: what an attempt has read may
// not be true any more in the next. Work must have no effect but those on tx.
func transact(ctx context.Context, db *pgxpool.Pool, name string, work func(context.Context, pgx.Tx) error) error {
	return retry.Do(ctx, name, policy, func(ctx context.Context) error {
		tx, err := db.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.Serializable})
		if err != nil {
			return classify(err, true)
		}
		defer func() { _ = tx.Rollback(ctx) }() // does nothing after a commit; a lost connection is a rollback
		if err := work(ctx, tx); err != nil {
			return classify(err, tx.Conn().IsClosed())
		}
		return commit(ctx, tx)
	})
}

// classify marks the error of a transaction that was not committed as permanent, unless another attempt can mend it:
//
//   - 40001, a serialisation failure, and 40P01, a deadlock: the server rolled this transaction back in favour of
//     another one.
//   - Classes 08, 53 and 57P: the connection, resources such as connections, a server that restarts.
//   - No SQLSTATE, and the connection is lost.
//
// Everything else is the same the next time: class 23, a constraint that is violated; class 42, wrong SQL; and the
// errors of the work itself.
func classify(err error, lost bool) error {
	state := sqlState(err)
	switch {
	case state == "40001", state == "40P01", state == "" && lost, hasClass(state, "08", "53", "57P"):
		return err
	}
	return retry.Permanent(err)
}

// commit commits. When the connection is lost before the answer is there, the transaction may be committed or not, and
// another attempt might do everything twice: that is permanent. A transaction that is to survive this writes a key of
// its own into a column that is unique, so that its caller can look whether it is there.
//
// pgconn.SafeToRetry does not tell: pgx v5.12 says yes when the connection breaks between COMMIT and its answer.
func commit(ctx context.Context, tx pgx.Tx) error {
	if tx.Conn().IsClosed() {
		return errUnsent
	}
	err := tx.Commit(ctx)
	if err == nil {
		return nil
	}
	state := sqlState(err)
	unknown := state == "" || state == "40003" || hasClass(state, "08", "57P")
	if unknown && !errors.Is(err, pgx.ErrTxCommitRollback) {
		return retry.Permanent(fmt.Errorf("it is not known whether the transaction was committed: %w", err))
	}
	return classify(err, false)
}

var errUnsent = errors.New("the connection was lost before COMMIT was sent")

// sqlState is the SQLSTATE of the server's error, five characters, or empty when it is none of the server's.
func sqlState(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

func hasClass(state string, classes ...string) bool {
	for _, class := range classes {
		if strings.HasPrefix(state, class) {
			return true
		}
	}
	return false
}
