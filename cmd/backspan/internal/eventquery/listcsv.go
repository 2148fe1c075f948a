package eventquery

import (
	"bytes"
	"encoding/csv"
	"strings"
	"sync"

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

// A ListCSV makes rows of records. It can be used from many goroutines.
type ListCSV struct{ rows sync.Pool }

// A csvRow is what making a row takes.
type csvRow struct {
	fields []string
	text   bytes.Buffer
	csv    *csv.Writer
}

// NewListCSV returns a ListCSV.
func NewListCSV() *ListCSV {
	return &ListCSV{sync.Pool{New: func() any {
		r := &csvRow{fields: make([]string, len(listKeys))}
		r.csv = csv.NewWriter(&r.text)
		return r
	}}}
}

// Head is the row with the names of the columns.
func (c *ListCSV) Head() string {
	var names []string
	for _, key := range listKeys {
		names = append(names, string(key))
	}
	return strings.Join(names, ",") + "\n"
}

// Append appends the row of l to rows.
func (c *ListCSV) Append(rows []byte, l *events.Line) []byte {
	r := c.rows.Get().(*csvRow)
	defer c.rows.Put(r)
	for i, key := range listKeys {
		r.fields[i] = text.Safe(key.Of(l).Text(), text.MaxText)
	}
	r.text.Reset()
	_ = r.csv.Write(r.fields) // a Buffer takes all
	r.csv.Flush()
	return append(rows, r.text.Bytes()...)
}
