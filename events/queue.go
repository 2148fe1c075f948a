package events

import (
	"fmt"
	"sync"
	"time"
)

// A queue stands between Write and a slow disk. One goroutine takes from it and writes.
type queue struct {
	w       *Writer
	flushes chan chan struct{}
	done    chan struct{} // closed when the goroutine has ended

	mu     sync.RWMutex // held to close, shared to offer; nobody waits under it
	lines  chan *draft
	closed bool
	err    error // what finish said; to be read after done
}

func newQueue(w *Writer, size int) *queue {
	q := &queue{
		w:       w,
		flushes: make(chan chan struct{}),
		done:    make(chan struct{}),
		lines:   make(chan *draft, size),
	}
	go q.run()
	return q
}

// offer puts d into the queue, or drops it when there is no room.
func (q *queue) offer(d *draft) {
	q.mu.RLock()
	why := errClosed
	if !q.closed {
		select {
		case q.lines <- d:
			q.mu.RUnlock()
			return
		default:
			why = errFull
		}
	}
	q.mu.RUnlock()
	q.w.done(d, why)
}

func (q *queue) run() {
	defer close(q.done)
	for {
		select {
		case d, open := <-q.lines:
			if !open {
				q.err = q.w.finish()
				return
			}
			q.write(d)
		case flushed := <-q.flushes:
			for range len(q.lines) {
				if d, open := <-q.lines; open {
					q.write(d)
				}
			}
			close(flushed)
		}
	}
}

func (q *queue) write(d *draft) {
	q.w.mu.Lock()
	err := q.w.put(d, len(q.lines) == 0)
	q.w.mu.Unlock()
	q.w.done(d, err)
}

// flush waits until all that is in the queue now has been dealt with, and no longer than limit.
func (q *queue) flush(limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	flushed := make(chan struct{})
	select {
	case q.flushes <- flushed:
	case <-q.done:
		return nil
	case <-timer.C:
		return q.slow(limit, "waiting")
	}
	select {
	case <-flushed:
		return nil
	case <-timer.C:
		return q.slow(limit, "waiting")
	}
}

// close lets the goroutine write what is in the queue. What it cannot write within limit is dropped; the goroutine
// ends as soon as the disk lets go of it.
func (q *queue) close(limit time.Duration) error {
	q.mu.Lock()
	first := !q.closed
	if first {
		q.closed = true
		close(q.lines)
	}
	q.mu.Unlock()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-q.done:
		if first {
			return q.err
		}
		return nil
	case <-timer.C:
	}
	err := q.slow(limit, "given up")
	for d := range q.lines {
		q.w.done(d, err)
	}
	return err
}

// slow is the error of a queue that did not empty within limit.
func (q *queue) slow(limit time.Duration, fate string) error {
	return fmt.Errorf("events: %s: %w within %v; lines %s: %d", q.w.place.path, errSlow, limit, fate, len(q.lines))
}
