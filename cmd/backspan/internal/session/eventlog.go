package session

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/backspan/backspan/cmd/backspan/internal/logfiles"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/internal/semconv"
)

// readEvents looks for the sessions of an events file. The file may be large: the events themselves are read when a
// session is asked for.
func (l *Log) readEvents() error {
	index := map[string]int{} // of sessions
	sessions := recent[listed]{cost: (*listed).cost}
	all := func(*events.Line) bool { return true }
	left, err := l.eachEvent(all, func(line *events.Line) {
		i, known := index[string(line.Session())]
		if !known {
			dropped := sessions.dropped
			sessions.add(listed{key: string(line.Session()), Entry: Entry{ID: line.Session().Text()}})
			i = len(sessions.items) - 1
			index[sessions.items[i].key] = i
			if sessions.dropped > dropped {
				clear(index)
				for i := range sessions.items {
					index[sessions.items[i].key] = i
				}
			}
		}
		e := &sessions.items[i]
		e.add(line)
		e.Records++
		e.extend(line)
	})
	for i := range sessions.items {
		e := &sessions.items[i]
		e.Name, e.Outcome = e.name(), e.outcome()
		l.Sessions = append(l.Sessions, e.Entry)
	}
	left.Sessions = sessions.dropped
	l.Left = left
	return err
}

// A listed is a session of an events file while the file is read.
type listed struct {
	Entry
	story
	key string // the id as it is spelled in the file
}

// cost is how many bytes l needs.
func (l *listed) cost() int {
	const itself = 512 // and its place in the index
	return itself + 3*maxTold + len(l.key) + len(l.ID)
}

// extend makes e last from before l to after it.
func (e *Entry) extend(l *events.Line) {
	end, ok := l.Time()
	if !ok {
		return
	}
	begin, known := end, l.Type().Is(events.TypeRunStart) || l.Type().Is(events.TypePhaseStart)
	if f, said := l.Detail(events.KeyDuration).Float(); said && f >= 0 {
		took, _ := seconds(f)
		begin, known = end.Add(-took), true
	}
	if e.Start.IsZero() || begin.Before(e.Start) {
		e.Start, e.Begun = begin, known
	}
	if end.After(e.End) {
		e.End = end
	}
}

// maxTold is how many bytes of a name or a command are kept for the list of sessions.
const maxTold = text.MaxName

func clipped(s string) string {
	if len(s) > maxTold {
		s = strings.Clone(strings.ToValidUTF8(s[:maxTold], ""))
	}
	return s
}

// A story is what the list of sessions tells of one, gathered line by line: its name and how it ended, which are those
// of its run, else of its operations.
type story struct {
	pipeline          string
	outer             string // the first operation that no other called
	command           string // of it
	calls, operations int    // operations that no other called, and all
	open              int    // of all: those whose end has not been read yet
	run, ended, saved Outcome
	endedNested       Outcome // of operations that others called
}

func (s *story) add(l *events.Line) {
	result, outcome := Outcome(l.Detail(events.KeyResult).Text()), Outcome(l.Detail(events.KeyOutcome).Text())
	nested := l.Detail(events.KeyParentOperation) != nil
	if s.pipeline == "" {
		s.pipeline = clipped(l.Detail(events.KeyPipeline).Text())
	}
	switch kind := l.Type().Text(); {
	case kind == events.TypeRunStart:
		s.run = Unended
	case kind == events.TypeRunEnd:
		s.run = dryRunOr(result, l.Detail(events.KeyDryRun).Is("true"))
	case kind == events.TypeAttempt:
		if n, said := l.Detail(events.KeyAttemptNumber).Float(); n == 1 || !said {
			s.began(l, nested)
		}
		if result != Retried {
			if outcome == "" && l.Detail(events.KeyErrorType).Is(semconv.OutcomeCancelled) {
				outcome = Cancelled
			}
			s.gaveUp(l, outcome, nested)
		}
	case kind == events.TypeStopped && AttemptEnded(l):
		s.endedAs(cmp.Or(outcome, result), nested)
	case kind == events.TypeStopped:
		s.gaveUp(l, cmp.Or(outcome, result), nested)
	case kind == events.TypeFallback && result == Succeeded:
		s.saved = FellBack
	case kind == events.TypeRecovered:
		s.ends(l, nested)
		s.saved = cmp.Or(s.saved, Recovered)
	case kind == events.TypeRecovery && result == Succeeded:
		s.saved = cmp.Or(s.saved, Recovered)
	}
}

// AttemptEnded reports whether the event of an operation's last attempt was that of its end too, before l, a
// TypeStopped, told of a panic after it. A first attempt that succeeds has no event.
func AttemptEnded(l *events.Line) bool {
	result := l.Detail(events.KeyResult)
	return result.Is(semconv.ResultFailed) ||
		result.Is(semconv.ResultSuccess) && string(l.Detail(events.KeyAttemptNumber)) != "1"
}

func (s *story) began(l *events.Line, nested bool) {
	s.operations, s.open = s.operations+1, s.open+1
	if nested {
		return
	}
	if s.calls++; s.outer == "" {
		s.outer, s.command = clipped(operationOf(l)), clipped(l.Detail(events.KeyCommand).Text())
	}
}

// ends notes the end of an operation. Its beginning may be lost.
func (s *story) ends(l *events.Line, nested bool) {
	if s.open == 0 {
		s.began(l, nested)
	}
	s.open--
}

func (s *story) gaveUp(l *events.Line, o Outcome, nested bool) {
	s.ends(l, nested)
	s.endedAs(o, nested)
}

func (s *story) endedAs(o Outcome, nested bool) {
	into := &s.ended
	if nested {
		into = &s.endedNested
	}
	if o != Cancelled {
		*into = Failed
	}
	*into = cmp.Or(*into, o)
}

func (s *story) name() string {
	var outer []string
	if s.calls == 1 {
		outer = []string{withCommand(s.outer, s.command)}
	}
	return nameOf(s.pipeline, outer, s.operations)
}

// outcome is empty when no event says how the session ended.
func (s *story) outcome() Outcome {
	switch {
	case s.run == Succeeded:
		return cmp.Or(s.saved, Succeeded)
	case s.run != "":
		return s.run
	case s.ended == "" && s.open > 0:
		return Unended
	}
	return cmp.Or(s.ended, s.endedNested, s.saved)
}

// eachEvent calls each for the events that keep says true for, in the order of time when there are several files.
// What of these could not be read is left out; it is an error when nothing else was there.
func (l *Log) eachEvent(keep func(*events.Line) bool, each func(*events.Line)) (left LeftOut, err error) {
	files := l.files()
	defer logfiles.CloseAll(files) // they are only read
	order, err := logfiles.MergeLines(files, keep, func(l *events.Line) error { each(l); return nil })
	left.Order = order.Fault()
	records := int64(0)
	for _, f := range files {
		tally, failed := f.Tally(), f.Err()
		records += tally.Records
		left.Lines += int(tally.Unreadable)
		if tally.CutShort {
			failed = errors.Join(failed, io.ErrUnexpectedEOF)
		}
		if failed != nil {
			sentence := fmt.Sprintf("%s could not be read to its end: %v.", text.Line(f.Path), failed)
			left.Files = strings.TrimSpace(left.Files + " " + sentence)
			err = cmp.Or(err, failed)
		}
	}
	if records > 0 {
		err = nil // what came before the damage is good
	}
	return left, err
}

// cost is how many bytes r needs, the span that is made of it included.
func (r *event) cost() int {
	const itself = 2 << 10
	return itself + len(r.phase) + len(r.pipeline) + len(r.operation) + len(r.command) + len(r.failure) +
		len(r.errorType) + len(r.why) + len(r.recovery) + len(r.parent) + len(r.session)
}

func (l *Log) eventsSession(e Entry) (*Session, error) {
	list := recent[event]{cost: (*event).cost}
	matters := func(line *events.Line) bool {
		return line.Session().Is(e.ID) && rebuilders[line.Type().Text()] != nil
	}
	read, err := l.eachEvent(matters, func(line *events.Line) { list.add(eventOf(line)) })
	if err != nil {
		return nil, err
	}
	s := fromEvents(list.items)
	s.ID, s.Source = e.ID, l.Path
	left := l.Left
	left.Lines, left.Files, left.Order, left.Events = read.Lines, read.Files, read.Order, list.dropped
	s.Notes = append(s.Notes, left.notes()...)
	return s, nil
}
