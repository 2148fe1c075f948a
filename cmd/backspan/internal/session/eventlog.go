package session

import "github.com/backspan/backspan/events"

// readEvents looks for the sessions of an events file. The file may be large: the events themselves are read when a
// session is asked for.
func (l *Log) readEvents() error {
	index := map[string]int{}
	tally, err := l.eachEvent(func(line *events.Line) {
		i, known := index[string(line.Session())]
		if !known {
			i = len(l.Sessions)
			index[string(line.Session())] = i
			l.Sessions = append(l.Sessions, Entry{ID: line.Session().Text()})
		}
		e := &l.Sessions[i]
		e.Records++
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
	l.Skipped = int(tally.Unreadable)
	return err
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
