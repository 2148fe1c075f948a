package events

import (
	"errors"
	"sync"
	"sync/atomic"
)

var (
	errClosed = errors.New("events: the event log is closed")
	errFull   = errors.New("events: the queue of the event log is full")
)

// A loss keeps account of lines that could not be written. An outage begins with the first of them and is over when
// a line has been written again.
type loss struct {
	tell    func(error) // called once an outage
	dropped atomic.Uint64

	mu     sync.Mutex
	unsaid uint64 // dropped, and not yet in a record of type events_dropped
	why    error  // of the first of them
	outage error  // nil: all is well
}

// add counts one lost line.
func (l *loss) add(why error) {
	l.dropped.Add(1)
	l.mu.Lock()
	l.unsaid++
	if l.why == nil {
		l.why = why
	}
	first := l.outage == nil
	if first {
		l.outage = why
	}
	l.mu.Unlock()
	if !first || l.tell == nil {
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

// owes says whether lost lines are still to be owned up to.
func (l *loss) owes() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.unsaid > 0
}

// take returns how many lost lines are still to be owned up to, and why the first of them was lost.
func (l *loss) take() (count uint64, why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	count, why = l.unsaid, l.why
	l.unsaid, l.why = 0, nil
	return count, why
}

// back returns what take took, because the record about it was lost as well.
func (l *loss) back(count uint64, why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unsaid += count
	l.why = why
}
