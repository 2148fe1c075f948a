package session

import (
	"strconv"

	"github.com/backspan/backspan/cmd/backspan/internal/text"
)

// A LeftOut counts what of a file is not shown.
type LeftOut struct {
	Lines    int    // that could not be read
	Files    string // what kept files of an event log from being read to their end, in sentences
	Order    string // what of an event log is out of order
	NoID     int    // spans without a trace id or a span id
	Details  int    // attributes and events of spans that had more than maxDetails
	Spans    int    // the first of the file, for which there was no room
	Events   int    // those of an events file, likewise
	Sessions int    // the oldest of an events file, likewise
}

// notes tells what l counts, in sentences.
func (l LeftOut) notes() (notes []string) {
	add := func(n int, one, many, what string) {
		if n > 0 {
			notes = append(notes, text.Plural(n, one, many)+what)
		}
	}
	const room = " left out: the file holds more than fits into memory."
	add(l.Lines, "line", "lines", " of the file could not be read.")
	add(l.NoID, "span was", "spans were", " left out: the trace id or the span id is missing.")
	add(l.Details, "attribute or event was", "attributes and events were",
		" left out: a span or an event has more than "+strconv.Itoa(maxDetails)+".")
	add(l.Spans, "span, the first, was", "spans, the first, were", room)
	add(l.Events, "event, the first, was", "events, the first, were", room)
	add(l.Sessions, "session, the oldest, was", "sessions, the oldest, were", room)
	if l.Files != "" {
		notes = append(notes, l.Files)
	}
	if l.Order != "" {
		notes = append(notes, l.Order+".")
	}
	return notes
}
