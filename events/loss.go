package events

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

var (
	errClosed  = errors.New("events: the event log is closed")
	errFull    = errors.New("events: the queue of the event log is full")
	errDeleted = errors.New("the file was deleted")
	errSlow    = errors.New("the disk did not answer")
)

// A loss keeps account of lines that could not be written. An outage begins with the first of them and is over when
// a line has been written again.
type loss struct {
	tell    func(error) // called once an outage
	dropped atomic.Uint64
	news    atomic.Bool // there is something to tell

	mu         sync.Mutex
	unreported uint64 // dropped, and not yet in a record of type events_dropped
	why        error  // of the first of them
	outage     error  // nil: all is well
	untold     error  // what began an outage, and tell has not been called with
}

// add counts n lost lines. Who calls it calls say as soon as it holds no lock.
func (l *loss) add(n uint64, why error) {
	if n == 0 {
		return
	}
	l.dropped.Add(n)
	l.back(n, why)
	l.begin(why)
}

// say tells the host that an outage has begun, if one has since the last time.
func (l *loss) say() {
	if !l.news.Load() {
		return
	}
	l.mu.Lock()
	why := l.untold
	l.untold = nil
	l.news.Store(false)
	l.mu.Unlock()
	if why == nil || l.tell == nil {
		return
	}
	defer func() {
		_ = recover() // the host's error handler must not bring the host down through us
	}()
	l.tell(why)
}

// over ends the outage.
func (l *loss) over() {
	l.mu.Lock()
	l.outage = nil
	l.mu.Unlock()
}

// cause is why lines are being lost just now, or nil.
func (l *loss) cause() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.outage
}

// hasUnreported says whether there are lost lines that no record of type events_dropped counts.
func (l *loss) hasUnreported() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.unreported > 0
}

// begin says that lines are going to be lost, before any was.
func (l *loss) begin(why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.outage == nil {
		l.outage, l.untold = why, why
		l.news.Store(true)
	}
}

// unreportedError is the error of lost lines that no record of type events_dropped counts, or nil.
func (l *loss) unreportedError() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.unreported == 0 {
		return nil
	}
	return fmt.Errorf("events lost: %d (%w)", l.unreported, l.why)
}

// take returns how many lost lines no record of type events_dropped counts yet, and why the first of them was lost.
func (l *loss) take() (count uint64, why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	count, why = l.unreported, l.why
	l.unreported, l.why = 0, nil
	return count, why
}

// back adds lost lines to those that take returns: new ones, and those whose record was lost as well.
func (l *loss) back(count uint64, why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unreported += count
	if l.why == nil {
		l.why = why
	}
}
