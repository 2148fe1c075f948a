package events

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

var (
	errClosed  = errors.New("events: the event log is closed")
	errFull    = errors.New("events: the queue of the event log is full, and the disk does not answer")
	errDeleted = errors.New("the file was deleted")
	errSlow    = errors.New("the disk did not answer")
)

// tellEvery is how often at most the host is told that lines are lost.
const tellEvery = time.Minute

// A LostError says how many records given to Write were lost, and why the first of them was.
type LostError struct {
	Lost uint64
	Err  error
}

func (e *LostError) Error() string { return fmt.Sprintf("events lost: %d (%v)", e.Lost, e.Err) }

// Unwrap returns e.Err.
func (e *LostError) Unwrap() error { return e.Err }

// A loss keeps account of lines that could not be written. An outage begins with the first of them and is over when
// a line has been written again.
type loss struct {
	tell    func(error)
	dropped atomic.Uint64
	born    time.Time
	news    atomic.Bool  // there is something to tell
	tellAt  atomic.Int64 // since born: when tell may be called again

	mu         sync.Mutex
	unreported uint64 // dropped, and not yet in a record of type events_dropped
	why        error  // of the first of them
	outage     error  // nil: all is well
	untold     uint64 // dropped, and tell has not been called with their number
	whyUntold  error  // of the first of them
	alarm      bool   // whyUntold is told at once: how many it makes is not known yet
}

// add counts n lost lines. Who calls it calls say as soon as it holds no lock.
func (l *loss) add(n uint64, why error) {
	if n == 0 {
		return
	}
	l.dropped.Add(n)
	l.back(n, why)
	l.begin(n, why)
}

// say tells the host that lines are lost, and later how many, unless it was told less than tellEvery ago.
func (l *loss) say() {
	if !l.news.Load() {
		return
	}
	if now, at := l.now(), l.tellAt.Load(); now >= at && l.tellAt.CompareAndSwap(at, now+int64(tellEvery)) {
		l.sayNow(true)
	}
}

func (l *loss) now() int64 { return int64(time.Since(l.born)) }

// sayRest tells the host what it has not been told, unless unreportedError says as much.
func (l *loss) sayRest() {
	l.mu.Lock()
	rest := l.untold > l.unreported
	l.mu.Unlock()
	if rest {
		l.sayNow(false)
	}
}

// sayNow tells the host how many lines were lost, or with alarm only why, if that is new.
func (l *loss) sayNow(alarm bool) {
	l.mu.Lock()
	why := l.whyUntold
	if l.untold > 0 && !(l.alarm && alarm) {
		why = &LostError{l.untold, why}
		l.untold = 0
	}
	if l.alarm = false; l.untold == 0 {
		l.whyUntold = nil
		l.news.Store(false)
	}
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

// begin says that n lines are lost, or with 0 that lines are going to be, before any was.
func (l *loss) begin(n uint64, why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.outage == nil {
		l.outage = why
	}
	if l.whyUntold == nil {
		l.whyUntold, l.alarm = why, l.now() >= l.tellAt.Load()
	}
	l.untold += n
	l.news.Store(true)
}

// unreportedError is the error of lost lines that no record of type events_dropped counts, or nil.
func (l *loss) unreportedError() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.unreported == 0 {
		return nil
	}
	return &LostError{l.unreported, l.why}
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
