package session

import (
	"errors"
	"io"
	"os"
	"slices"

	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/internal/semconv"
)

type spanList []Span

func (l *Log) readTraces() error {
	in, err := openPlain(l.Path)
	if err != nil {
		return err
	}
	d := newDecoder()
	d.list = l.list
	if info, err := os.Stat(l.Path); err == nil { // if not, reading it says so
		d.size = info.Size()
	}
	spans, left, err := d.file(in)
	if closeErr := in.Close(); err == nil {
		err = closeErr
	}
	if errors.Is(err, io.ErrUnexpectedEOF) && len(spans) > 0 {
		err = nil // a compressed file that somebody still writes
		left.Lines++
	}
	if err != nil {
		return err
	}
	l.spans, l.Left, l.traces = spans, left, map[string][]int{}
	ids := l.spans.sessions()
	for i := 0; i < len(ids); {
		id, from := ids[i], i
		for i < len(ids) && ids[i] == id { // most often all of the file
			i++
		}
		members := slices.Grow(l.traces[id], i-from)
		for ; from < i; from++ {
			members = append(members, from)
		}
		l.traces[id] = members
	}
	for id, members := range l.traces {
		e := Entry{ID: id, Records: len(members), Begun: true}
		if l.list {
			s := New(l.spans.pick(members))
			e.Name, e.Outcome, e.Start, e.End = s.Name(), s.Outcome(), s.First, s.Last
		} else {
			e.Start, e.End = extent(l.spans.pick(members))
		}
		l.Sessions = append(l.Sessions, e)
	}
	if l.list {
		l.spans, l.traces = nil, nil
	}
	return nil
}

// sessions has for each span the session that it belongs to: its own, else that of the span above it, else the first of
// its trace, else the trace itself.
func (l spanList) sessions() []string {
	own := func(s *Span) string { return s.Text(semconv.SessionIDKey) }
	ids := make([]string, len(l))
	all := true
	for i := range l {
		ids[i] = own(&l[i])
		all = all && ids[i] != ""
	}
	if all {
		return ids
	}
	index := make(map[Key]int, len(l))
	ofTrace := map[trace.TraceID]string{}
	for i := range l {
		s := &l[i]
		index[s.Key()] = i
		if ids[i] != "" && ofTrace[s.TraceID] == "" {
			ofTrace[s.TraceID] = ids[i]
		}
	}
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

// pick returns those of l with the numbers members.
func (l spanList) pick(members []int) []Span {
	if len(members) == len(l) {
		return l // a copy of a large session would cost as much as itself
	}
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
	s.Notes = append(s.Notes, l.Notes()...)
	return s
}
