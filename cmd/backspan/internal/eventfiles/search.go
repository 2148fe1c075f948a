package eventfiles

import (
	"sync"
	"sync/atomic"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/eventquery"
	"github.com/backspan/backspan/cmd/backspan/internal/logfiles"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/events"
)

// A search notes from several goroutines what was looked at, as long as nothing was found in it.
type search struct {
	found  atomic.Bool
	mu     sync.Mutex
	period eventquery.Period
}

func (s *search) at(l *events.Line, matches bool) {
	switch {
	case s.found.Load():
	case matches:
		s.found.Store(true)
	default:
		s.mu.Lock()
		s.period.Add(l)
		s.mu.Unlock()
	}
}

// looking is a search of one goroutine.
type looking struct {
	found   bool
	dropped int64
	period  eventquery.Period
	_       [64]byte // so that no other is in its last cache line
}

// found says on stderr that nothing was found, and what was looked at, and which filter found more than it may mean.
func (q Query) found(m *eventquery.Matcher, files []*logfiles.File, some bool, period *eventquery.Period) {
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
		cli.Printf(q.Err, "backspan: no events match; the log has %s %s\n",
			text.Number(records), period.In(q.Zone))
	}
}
