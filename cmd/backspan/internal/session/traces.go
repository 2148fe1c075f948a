package session

import (
	"errors"
	"io"

	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/internal/semconv"
)

type spanList []Span

func (l *Log) readTraces() error {
	in, err := openPlain(l.Path)
	if err != nil {
		return err
	}
	spans, skipped, err := ReadTraceFile(in)
	if closeErr := in.Close(); err == nil {
		err = closeErr
	}
	if errors.Is(err, io.ErrUnexpectedEOF) && len(spans) > 0 {
		err, skipped = nil, skipped+1 // a compressed file that somebody still writes
	}
	if err != nil {
		return err
	}
	l.spans, l.Skipped, l.traces = spans, skipped, map[string][]int{}
	for i, id := range l.spans.sessions() {
		l.traces[id] = append(l.traces[id], i)
	}
	for id, members := range l.traces {
		s := New(l.spans.pick(members))
		l.Sessions = append(l.Sessions, Entry{
			ID: id, Records: len(members), Name: s.Name(), Begun: true, Outcome: s.Outcome(), Start: s.First, End: s.Last,
		})
	}
	return nil
}

// sessions has for each span the session that it belongs to: its own, else that of the span above it, else the first of
// its trace, else the trace itself.
func (l spanList) sessions() []string {
	own := func(s *Span) string { return s.Text(semconv.SessionIDKey) }
	index := make(map[Key]int, len(l))
	ofTrace := map[trace.TraceID]string{}
	for i := range l {
		s := &l[i]
		index[s.Key()] = i
		if id := own(s); id != "" && ofTrace[s.TraceID] == "" {
			ofTrace[s.TraceID] = id
		}
	}
	ids := make([]string, len(l))
	for i := range l {
		s := &l[i]
		const far = 100 // levels; who is deeper is given to the trace's
		for range far {
			if ids[i] = own(s); ids[i] != "" {
				break
			}
			up, known := index[Key{s.TraceID, s.ParentID}]
			if !known {
				break
			}
			s = &l[up]
		}
		if ids[i] == "" {
			ids[i] = ofTrace[l[i].TraceID]
		}
		if ids[i] == "" {
			ids[i] = l[i].TraceID.String()
		}
	}
	return ids
}

func (l spanList) pick(members []int) []Span {
	spans := make([]Span, len(members))
	for i, m := range members {
		spans[i] = l[m]
	}
	return spans
}

func (l *Log) traceSession(e Entry) *Session {
	spans := l.spans.pick(l.traces[e.ID])
	s := New(spans)
	s.Source = l.Path
	if e.ID != spans[0].TraceID.String() {
		s.ID = e.ID
	}
	if l.Skipped > 0 {
		s.Notes = append(s.Notes, unreadable(int64(l.Skipped)))
	}
	return s
}

func unreadable(n int64) string {
	return text.Plural(n, "line", "lines") + " of the file could not be read."
}
