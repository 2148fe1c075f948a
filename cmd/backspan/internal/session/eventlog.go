package session

import (
	"cmp"

	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/internal/semconv"
)

// readEvents looks for the sessions of an events file. The file may be large: the events themselves are read when a
// session is asked for.
func (l *Log) readEvents() error {
	index := map[string]int{}
	var stories []story // of l.Sessions
	tally, err := l.eachEvent(func(line *events.Line) {
		i, known := index[string(line.Session())]
		if !known {
			i = len(l.Sessions)
			index[string(line.Session())] = i
			l.Sessions = append(l.Sessions, Entry{ID: line.Session().Text()})
			stories = append(stories, story{})
		}
		e := &l.Sessions[i]
		stories[i].add(line)
		e.Records++
		e.extend(line)
	})
	for i := range stories {
		l.Sessions[i].Name, l.Sessions[i].Outcome = stories[i].name(), stories[i].outcome()
	}
	l.Skipped = int(tally.Unreadable)
	return err
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
		s.pipeline = l.Detail(events.KeyPipeline).Text()
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
		s.outer, s.command = operationOf(l), l.Detail(events.KeyCommand).Text()
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

func (l *Log) eachEvent(each func(*events.Line)) (tally events.Tally, err error) {
	r, err := events.OpenFile(l.Path)
	if err != nil {
		return tally, err
	}
	for line := range r.All() {
		each(line)
	}
	tally = r.Tally()
	if err = r.Err(); err != nil && tally.Records > 0 {
		err = nil // a compressed file that is damaged later on: what came before is good
		tally.Unreadable++
	}
	if closeErr := r.Close(); err == nil {
		err = closeErr
	}
	return tally, err
}

func (l *Log) eventsSession(e Entry) (*Session, error) {
	var list []event
	tally, err := l.eachEvent(func(line *events.Line) {
		if line.Session().Is(e.ID) {
			list = append(list, eventOf(line))
		}
	})
	if err != nil {
		return nil, err
	}
	s := fromEvents(list)
	s.ID, s.Source = e.ID, l.Path
	if tally.Unreadable > 0 {
		s.Notes = append(s.Notes, unreadable(tally.Unreadable))
	}
	return s, nil
}
