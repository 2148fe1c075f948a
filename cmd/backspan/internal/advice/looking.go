package advice

import (
	"cmp"
	"slices"
	"sort"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/history"
	"github.com/backspan/backspan/cmd/backspan/internal/session"
)

// A looking is a history made ready for questions.
type looking struct {
	names      []string // of operations, sorted
	operations map[string][]*history.Operation
	tallies    map[string][]*history.Tally
	works      map[place]*successes
	classOf    map[[2]string]class
	transient  map[class]bool // whether a class is
}

// A place is an operation on a host; host is empty for all hosts together.
type place struct{ operation, host string }

func newLooking(h *history.History) *looking {
	l := &looking{
		operations: map[string][]*history.Operation{}, tallies: map[string][]*history.Tally{},
		works: map[place]*successes{}, classOf: map[[2]string]class{},
		transient: map[class]bool{},
	}
	for _, o := range h.Operations {
		l.operations[o.Name] = append(l.operations[o.Name], o)
		if o.Succeeded() {
			end := o.Start.Add(o.Took)
			l.worked(o.Name, o.Host, end, end)
		}
	}
	for _, t := range h.Tallies {
		l.tallies[t.Name] = append(l.tallies[t.Name], t)
		l.worked(t.Name, t.Host, t.Begin, t.End)
	}
	for name := range l.operations {
		l.names = append(l.names, name)
	}
	slices.Sort(l.names)
	for _, s := range l.works {
		s.sort()
	}
	return l
}

func (l *looking) worked(operation, host string, begin, end time.Time) {
	l.of(place{operation, ""}).add(begin, end)
	if host != "" {
		l.of(place{operation, host}).add(begin, end)
	}
}

func (l *looking) of(p place) *successes {
	s := l.works[p]
	if s == nil {
		s = &successes{}
		l.works[p] = s
	}
	return s
}

// worksBeside says whether others of o's name succeeded on o's host in the minute before it and in the minute after it.
// One of both would not do: at the beginning and at the end of each outage are such minutes.
func (l *looking) worksBeside(o *history.Operation) bool {
	s, end := l.works[place{o.Name, o.Host}], o.Start.Add(o.Took)
	return s.touch(o.Start.Add(-time.Minute), o.Start) && s.touch(end.Add(1), end.Add(time.Minute))
}

// successes are the windows in which an operation succeeded. A nil *successes has none.
type successes struct {
	windows []window
	ends    []time.Time // the earliest end of this window and all after it
	latest  []time.Time // the latest end of this window and all before it
}

type window struct{ begin, end time.Time }

func (s *successes) add(begin, end time.Time) { s.windows = append(s.windows, window{begin, end}) }

func (s *successes) sort() {
	slices.SortFunc(s.windows, func(a, b window) int {
		return cmp.Or(a.begin.Compare(b.begin), a.end.Compare(b.end))
	})
	n := len(s.windows)
	s.ends, s.latest = make([]time.Time, n), make([]time.Time, n)
	for i := range s.windows {
		s.latest[i], s.ends[n-1-i] = s.windows[i].end, s.windows[n-1-i].end
		if i > 0 && s.latest[i-1].After(s.latest[i]) {
			s.latest[i] = s.latest[i-1]
		}
		if i > 0 && s.ends[n-i].Before(s.ends[n-1-i]) {
			s.ends[n-1-i] = s.ends[n-i]
		}
	}
}

// within says whether a whole window lies between from and to.
func (s *successes) within(from, to time.Time) bool {
	if s == nil {
		return false
	}
	i := sort.Search(len(s.windows), func(i int) bool { return !s.windows[i].begin.Before(from) })
	return i < len(s.windows) && !s.ends[i].After(to)
}

// touch says whether a part of a window lies between from and before to.
func (s *successes) touch(from, to time.Time) bool {
	if s == nil {
		return false
	}
	i := sort.Search(len(s.windows), func(i int) bool { return !s.windows[i].begin.Before(to) })
	return i > 0 && !s.latest[i-1].Before(from)
}

// A class is what errors have in common that are counted as one.
type class = session.ErrorClass

// class is that of a's error. A type that is a word, as an ErrorType method returns it, says it alone; one of Go's says
// too little without the text.
func (l *looking) class(a *history.Attempt) class {
	key := [2]string{a.ErrorType, a.Error}
	if isWord(a.ErrorType) {
		key[1] = ""
	}
	c, known := l.classOf[key]
	if !known {
		c = session.ClassOf(key[0], key[1])
		l.classOf[key], l.transient[c] = c, transient(c)
	}
	return c
}
