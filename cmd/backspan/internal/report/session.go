package report

import (
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/cmd/backspan/internal/waterfall"
)

// A Session is what one page shows: the spans of one run, or of one process that retried.
type Session struct {
	ID     string           // session.id of the spans; empty when they have none
	Source string           // the file they were read from; empty when they come from this process
	Spans  []waterfall.Span // of other instrumentation too
	Notes  []string         // what the source cannot say, in sentences for the page

	// Partial says that operations that succeeded at once are missing, and how long attempts took.
	Partial bool

	// Unbegun has the spans whose begin nobody knows; their Start is the first time known of them.
	Unbegun map[trace.SpanID]bool
}

// Title is what ran and how it ended, in one line that is safe to print.
func (s *Session) Title() string {
	roots := treesOf(s)
	first, last := extent(s.Spans)
	v := verdictOf(roots, last.Sub(first), s.Partial)
	return visible(nameOf(roots), maxName) + ", " + words[v.state]
}

// SafeID is the ID as it may be printed: it comes from a file.
func (s *Session) SafeID() string { return visible(s.ID, maxName) }

// Start is when the first span began, and the zero Time when none has a time.
func (s *Session) Start() time.Time {
	first, _ := extent(s.Spans)
	return first
}
