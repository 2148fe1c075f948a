package events

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// The bounds of the queue, in bytes.
const (
	maxQueue = 1 << 20  // of all lines that wait
	maxBatch = 64 << 10 // of one write
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
	half atomic.Bool // more than half of maxQueue is taken

	mu        sync.Mutex
	batches   []*batch // lines are added to the last one
	bytes     int      // of all lines
	lines     int
	spare     *batch // for the next batch
	closed    bool   // no more lines are taken
	abandoned bool   // Close has given up waiting
}

// add puts d at the end. The error says why it did not.
//
// While more than half of maxQueue is taken, add lets other goroutines run first: the owner of the file may be one that
// waits for a processor and not for the disk. (Measured: of what 64 goroutines write as fast as they can, 99% is lost
// without it, and nothing with it.)
func (q *queue) add(d *draft) error {
	if q.half.Load() {
		runtime.Gosched()
	}
	line := d.text[1:]
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return errClosed
	case q.bytes+len(line) > maxQueue:
		return errFull
	}
	b := q.last(len(line))
	b.text = append(b.text, line...)
	b.ends = append(b.ends, len(b.text))
	b.session = d.session
	q.bytes += len(line)
	q.lines++
	q.half.Store(q.bytes > maxQueue/2)
	return nil
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
	q.half.Store(q.bytes > maxQueue/2)
	q.work.Store(len(q.batches) > 0 || q.closed)
	return b, false
}

// giveBack keeps a batch that was taken for the next lines.
func (q *queue) giveBack(b *batch) {
	b.settled()
	q.mu.Lock()
	q.spare = b
	q.mu.Unlock()
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

// abandon empties the queue and returns how many lines were in it.
func (q *queue) abandon() (lines int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	lines = q.lines
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

// waiting is how many lines are in the queue.
func (q *queue) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.lines
}
