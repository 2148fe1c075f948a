package events

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// The bounds of the queue, in bytes.
const (
	maxQueue = 1 << 20  // of all lines that wait
	maxBatch = 64 << 10 // of one write
)

// A disk is stalled when one write takes longer than stallAfter. Callers wait for room in a full queue no longer than
// that without progress. It is a tenth of the wait before the first retry of the zero retry.Policy, and a disk or a
// machine that only has much to do answers sooner. (With 50ms, and ten busy processes on two processors, lines were
// lost.)
//
// It is looked at stallLooks times in between. A process that gets no processor for a while looks once in that time,
// and takes nothing for a stalled disk.
const (
	stallAfter = 100 * time.Millisecond
	stallLooks = 10
)

// A batch is a number of lines that are written with one write.
type batch struct {
	text    []byte          // a newline to close a torn line with, then the lines
	ends    []int           // where each line ends in text
	session string          // of the last line
	flushed []chan struct{} // closed when the batch has been written or dropped
}

// reset makes b an empty batch that keeps no text of the host's alive.
func (b *batch) reset() {
	clear(b.flushed)
	*b = batch{text: append(b.text[:0], '\n'), ends: b.ends[:0], flushed: b.flushed[:0]}
}

// settled wakes the Flush calls that wait for b.
func (b *batch) settled() {
	for _, flushed := range b.flushed {
		close(flushed)
	}
}

// A queue holds the lines of callers that found the writer busy, oldest first. Nobody waits for the disk under its
// lock.
type queue struct {
	work atomic.Bool // there is something to take, or the queue was closed

	mu        sync.Mutex
	batches   []*batch // lines are added to the last one
	bytes     int      // of all lines
	lines     int
	spare     *batch    // for the next batch
	waiters   []*waiter // callers that wait for room, oldest first
	stalled   bool      // the disk is; nobody waits for room
	taken     uint64    // batches so far
	closed    bool      // no more lines are taken
	abandoned bool      // Close has given up waiting
}

// A waiter is a line that found the queue full.
type waiter struct {
	d       *draft
	settled chan error // gets nil when the line was added or counted, else why it is lost
}

// add puts d at the end. The error says why it did not. While the disk makes progress, a full queue returns a waiter
// instead; d is in use until that is settled.
func (q *queue) add(d *draft) (*waiter, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return nil, errClosed
	case len(q.waiters) == 0 && q.fits(d):
		q.put(d)
		return nil, nil
	case q.stalled:
		return nil, errFull
	}
	w := &waiter{d, make(chan error, 1)}
	if q.waiters = append(q.waiters, w); len(q.waiters) == 1 {
		q.watch(q.taken, 1)
	}
	return w, nil
}

func (q *queue) fits(d *draft) bool { return q.bytes+len(d.text)-1 <= maxQueue }

// put puts d at the end. The caller holds mu.
func (q *queue) put(d *draft) {
	line := d.text[1:]
	b := q.last(len(line))
	b.text = append(b.text, line...)
	b.ends = append(b.ends, len(b.text))
	b.session = d.session
	q.bytes += len(line)
	q.lines++
}

// settle ends the wait of the first n waiters. The caller holds mu.
func (q *queue) settle(n int, why error) {
	for _, w := range q.waiters[:n] {
		w.settled <- why
	}
	q.waiters = slices.Delete(q.waiters, 0, n)
}

// watch looks after a while whether a batch has been taken since there were taken. After stallLooks looks in vain the
// disk is stalled, and nobody waits any longer. It goes on while somebody waits. The caller holds mu.
func (q *queue) watch(taken uint64, look int) {
	time.AfterFunc(stallAfter/stallLooks, func() {
		runtime.Gosched() // whoever came back from the disk may wait for a processor
		q.mu.Lock()
		defer q.mu.Unlock()
		switch {
		case len(q.waiters) == 0:
		case q.taken != taken:
			q.watch(q.taken, 1)
		case look < stallLooks:
			q.watch(taken, look+1)
		default:
			q.stalled = true
			q.settle(len(q.waiters), errFull)
		}
	})
}

// mark returns a channel that is closed when all that is in the queue now has been written or dropped; nil when the
// queue was closed.
func (q *queue) mark() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil
	}
	b, flushed := q.last(0), make(chan struct{})
	b.flushed = append(b.flushed, flushed)
	return flushed
}

// last returns the batch to add size bytes to. The caller holds mu.
func (q *queue) last(size int) *batch {
	q.work.Store(true)
	if n := len(q.batches); n > 0 && len(q.batches[n-1].text)+size <= maxBatch {
		return q.batches[n-1]
	}
	b := q.spare
	if q.spare = nil; b == nil {
		b = &batch{text: make([]byte, 0, maxBatch)}
	}
	b.reset()
	q.batches = append(q.batches, b)
	return b
}

// take removes the oldest batch; nil when there is none. ended says that there will be no other: the queue was closed.
func (q *queue) take() (b *batch, ended bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.batches) == 0 {
		return nil, q.closed
	}
	b = q.batches[0]
	q.batches = append(q.batches[:0], q.batches[1:]...)
	q.bytes -= len(b.text) - 1
	q.lines -= len(b.ends)
	q.taken++
	n := 0
	for ; n < len(q.waiters) && q.fits(q.waiters[n].d); n++ {
		q.put(q.waiters[n].d)
	}
	q.settle(n, nil)
	q.work.Store(len(q.batches) > 0 || q.closed)
	return b, false
}

// giveBack keeps a batch that was taken for the next lines. Its write took so long.
func (q *queue) giveBack(b *batch, took time.Duration) {
	b.settled()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.spare = b
	if took < stallAfter || len(q.batches) == 0 {
		q.stalled = false
	}
}

// close takes no more lines. It says whether the queue was open.
func (q *queue) close() (first bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	first = !q.closed
	q.closed = true
	q.work.Store(true)
	return first
}

// abandon empties the queue, lets those go that wait for room, and returns how many lines that makes.
func (q *queue) abandon() (lines int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	lines = q.lines + len(q.waiters)
	q.settle(len(q.waiters), nil)
	for _, b := range q.batches {
		b.settled()
	}
	q.batches, q.bytes, q.lines, q.abandoned = nil, 0, 0, true
	return lines
}

func (q *queue) wasAbandoned() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.abandoned
}

// waiting is how many lines are in the queue or wait for room in it.
func (q *queue) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.lines + len(q.waiters)
}
