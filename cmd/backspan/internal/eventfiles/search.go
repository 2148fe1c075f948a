package eventfiles

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/eventquery"
	"github.com/backspan/backspan/cmd/backspan/internal/logfiles"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/internal/nearest"
)

// seen is what was looked at as long as nothing was found in it.
type seen struct {
	period     eventquery.Period
	operations map[string]bool // some of their names
}

func (s *seen) add(l *events.Line) {
	s.period.Add(l)
	name := l.Detail(events.KeyOperation)
	if len(name) == 0 || s.operations[string(name)] || len(s.operations) >= completionValues {
		return
	}
	if s.operations == nil {
		s.operations = map[string]bool{}
	}
	s.operations[string(name)] = true
}

// merge adds another, which is not to be used any more.
func (s *seen) merge(o *seen) {
	s.period.Merge(&o.period)
	if s.operations == nil {
		s.operations = o.operations
		return
	}
	maps.Copy(s.operations, o.operations)
}

// names are the operations that a terminal can show, sorted.
func (s *seen) names() []string { return typeable(s.operations) }

// A search notes from several goroutines what was looked at.
type search struct {
	found atomic.Bool
	mu    sync.Mutex
	seen  seen
}

func (s *search) at(l *events.Line, matches bool) {
	switch {
	case s.found.Load():
	case matches:
		s.found.Store(true)
	default:
		s.mu.Lock()
		s.seen.add(l)
		s.mu.Unlock()
	}
}

// looking is a search of one goroutine.
type looking struct {
	found   bool
	dropped int64
	seen    seen
	_       [64]byte // so that no other is in its last cache line
}

// found says on stderr that nothing was found, and what was looked at, and which filter found more than it may mean.
func (q Query) found(m *eventquery.Matcher, files []*logfiles.File, some bool, looked *seen) {
	for _, id := range m.Ambiguous() {
		cli.Printf(q.Err, "backspan: several sessions begin with %s\n", id)
	}
	records := int64(0)
	for _, f := range files {
		records += f.Tally().Records
	}
	switch {
	case some:
	case len(files) == 0:
		cli.Printf(q.Err, "backspan: no events match; all files of the log are older than --since\n")
	case records == 0:
		cli.Printf(q.Err, "backspan: there are no events; the log is empty\n")
	default:
		meant := ""
		for _, name := range m.Operations() {
			if names := looked.names(); meant == "" && !slices.Contains(names, name) {
				meant = nearest.Ask(name, names)
			}
		}
		cli.Printf(q.Err, "backspan: no events match%s; the log has %s %s\n",
			meant, text.Number(records), looked.period.In(q.Zone))
	}
}
