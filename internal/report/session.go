package report

import (
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/waterfall"
)

// A Session is what one page shows: the spans of one run, or of one process that retried.
type Session struct {
	ID     string           // session.id of the spans; empty when they have none
	Source string           // the file they were read from; empty when they come from this process
	Spans  []waterfall.Span // of other instrumentation too
	Notes  []string         // what the source cannot say, in sentences for the page

	// Unbegun has the spans whose begin nobody knows; their Start is the first time known of them.
	Unbegun map[trace.SpanID]bool
}

// Name is what ran: the name of the run, else of the only root, else what there is.
func (s *Session) Name() string { return nameOf(treesOf(s)) }

// Start is when the first span began, and the zero Time when none has a time.
func (s *Session) Start() time.Time {
	first, _ := extent(s.Spans)
	return first
}
