package eventquery

import (
	"encoding/csv"
	"io"

	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/events"
)

// listKeys are the columns of a list of records as CSV.
var listKeys = []Key{
	"timestamp", "session_id", "type", "phase", "level", "message", events.KeyOperation, events.KeyAttemptNumber,
	events.KeyResult, events.KeyOutcome, events.KeyErrorType, events.KeyError, events.KeyDelay, events.KeyNextDelay,
	events.KeyDuration, events.KeyMaxRetries, events.KeyDepth, events.KeyParentOperation, "trace_id", "span_id",
	"service", "host", "pid",
}

// A ListCSV writes records as CSV, with the names of the columns first.
type ListCSV struct {
	out    *csv.Writer
	record []string
}

// NewListCSV begins a list. The error of w is returned at the latest by Flush.
func NewListCSV(w io.Writer) *ListCSV {
	c := &ListCSV{out: csv.NewWriter(w), record: make([]string, len(listKeys))}
	for i, key := range listKeys {
		c.record[i] = string(key)
	}
	_ = c.out.Write(c.record) // its error is kept
	return c
}

// Write writes one record.
func (c *ListCSV) Write(l *events.Line) error {
	for i, key := range listKeys {
		c.record[i] = text.Safe(key.Of(l).Text(), text.MaxText)
	}
	return c.out.Write(c.record)
}

// Flush ends the list.
func (c *ListCSV) Flush() error {
	c.out.Flush()
	return c.out.Error()
}
