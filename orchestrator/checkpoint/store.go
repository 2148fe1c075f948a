package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"iter"
)

// A Store keeps the journals of runs. [Dir] is one of files; another one may be a database. Its methods may be called
// from several goroutines and processes at once.
type Store interface {
	// Open opens the journal of the run called id, which is empty when there was none. Nobody else can open it until
	// it is closed, also when the process dies; meanwhile the error matches ErrLocked.
	Open(ctx context.Context, id string) (Journal, error)

	// List yields the journals, also those that are open elsewhere. An error is that of one journal; the others
	// follow, unless the error is of the store itself.
	List(ctx context.Context) iter.Seq2[Saved, error]

	// Remove removes the journal of a run. It is no error when there is none. The error matches ErrLocked while the
	// journal is open.
	Remove(ctx context.Context, id string) error
}

// A Journal is an append-only list of records. It is used by one goroutine at a time.
type Journal interface {
	// Read returns the records so far. A record whose Append never returned may be among them or not. Every other one
	// is, or the error says which one cannot be read.
	Read() ([][]byte, error)

	// Append adds a record, JSON without line feeds. When it returns nil, the record survives the loss of power.
	Append(record []byte) error

	// Close lets others open the journal.
	Close() error
}

// Saved is a journal in a Store.
type Saved struct {
	ID      string
	Open    bool     // somebody has it open: the run is going on
	Records [][]byte // as of Journal.Read
}

// What a journal's state keeps from being done.
var (
	ErrLocked   = errors.New("another process has the run")
	ErrExists   = errors.New("there is a journal of the run already")
	ErrNotFound = errors.New("there is no journal of the run")
)

// A CorruptError says which record of a journal cannot be read. The journal is left as it is.
type CorruptError struct {
	Journal string // the file, or another name
	Record  int    // from 1; the line of a file
	Err     error
}

// Error reads like "runs/5f0c….journal:3: the checksum is another one".
func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s:%d: %v", e.Journal, e.Record, e.Err)
}

// Unwrap returns Err.
func (e *CorruptError) Unwrap() error { return e.Err }
