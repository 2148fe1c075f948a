package session

import (
	"cmp"

	"github.com/backspan/backspan/events"
)

// readEvents looks for the sessions of an events file. The file may be large: the events themselves are read when a
// session is asked for.
func (l *Log) readEvents() error {
	index := map[string]int{}
	var ends []ending // of l.Sessions
	tally, err := l.eachEvent(func(line *events.Line) {
		i, known := index[string(line.Session())]
		if !known {
			i = len(l.Sessions)
			index[string(line.Session())] = i
			l.Sessions = append(l.Sessions, Entry{ID: line.Session().Text()})
			ends = append(ends, ending{})
		}
		e := &l.Sessions[i]
		ends[i].add(line)
		if e.Records++; e.Records == 1 {
			e.Begun = line.Type().Is(events.TypeRunStart) || line.Type().Is(events.TypePhaseStart)
		}
		if t, ok := line.Time(); ok {
			if e.Start.IsZero() || t.Before(e.Start) {
				e.Start = t
			}
			if t.After(e.End) {
				e.End = t
			}
		}
		if e.Name == "" {
			e.Name = line.Detail(events.KeyPipeline).Text()
		}
	})
	for i := range ends {
		l.Sessions[i].Outcome = ends[i].outcome()
	}
	l.Skipped = int(tally.Unreadable)
	return err
}

// An ending is what the events of a session say about its end: of its run, else of its operations.
type ending struct{ run, operations, saved Outcome }

func (e *ending) add(l *events.Line) {
	result := Outcome(l.Detail(events.KeyResult).Text())
	switch kind := l.Type().Text(); {
	case kind == events.TypeRunStart:
		e.run = Unended
	case kind == events.TypeRunEnd:
		e.run = dryRunOr(result, l.Detail(events.KeyDryRun).Is("true"))
	case kind == events.TypeAttempt && result != Retried:
		e.operations = Failed
	case kind == events.TypeStopped:
		e.operations = cmp.Or(e.operations, result)
	case kind == events.TypeFallback && result == Succeeded:
		e.saved = FellBack
	case kind == events.TypeRecovered, kind == events.TypeRecovery && result == Succeeded:
		e.saved = cmp.Or(e.saved, Recovered)
	}
}

// outcome is empty when no event says how the session ended.
func (e *ending) outcome() Outcome {
	if e.run == Succeeded {
		return cmp.Or(e.saved, Succeeded)
	}
	return cmp.Or(e.run, e.operations, e.saved)
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
