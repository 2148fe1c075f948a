package logfiles

import (
	"container/heap"
	"math"

	"github.com/backspan/backspan/events"
)

// A source is a file of a Merge, with a window of its lines: a queue of those that came in order, and a heap of those
// that came late.
type source struct {
	index int // among the files
	file  *File
	floor int64 // no record of its first window is earlier

	batches *batches
	read    chan *batch // from readAll
	current *batch      // the last of read
	next    int         // of current's entries
	ended   bool
	held    int // bytes of the batches of which something is left

	queue fifo
	late  lateHeap
}

// A batch is what is wanted of some lines of one file, one behind the other.
type batch struct {
	text    []byte
	entries []entry
	left    int // of the entries: not released
}

// An entry is one line.
type entry struct {
	time     int64 // in microseconds since 1970
	batch    *batch
	from, to int
	number   int64 // of the line
}

func (e *entry) piece() []byte { return e.batch.text[e.from:e.to] }

// before is the order of the lines of one file.
func (e *entry) before(o *entry) bool {
	return e.time < o.time || e.time == o.time && e.number < o.number
}

// size is how many bytes b takes, with the places of its entries in the window.
func (b *batch) size() int {
	const entrySize = 40
	return cap(b.text) + 2*entrySize*cap(b.entries)
}

// batches are those of all sources. Their goroutines share free; the rest is of the one that merges.
type batches struct {
	text, lines int         // how much one holds
	free        chan *batch // of no more use
	held        int         // bytes of those of which something is left
}

// newBatches makes batches smaller for many files, each of which fills some ahead.
func newBatches(files int) batches {
	const most, all = 64 << 10, 1 << 20
	text := max(4<<10, min(most, all/files))
	return batches{text: text, lines: text / 128, free: make(chan *batch, 16)}
}

// newSource looks how early the first window of f begins. It says whether f can be read.
func newSource(index int, f *File, all *batches) (*source, bool) {
	s := &source{index: index, file: f, floor: math.MinInt64, batches: all}
	if !f.seekable() {
		return s, f.failed == nil
	}
	r, err := f.Reader()
	if err != nil {
		return nil, false // f.Err says it
	}
	floor := int64(math.MaxInt64)
	for n := 0; n < Window && r.Next(); n++ {
		if t, ok := r.Line().Time(); ok {
			floor = min(floor, t.UnixMicro())
		} else if n == 0 {
			return s, true // it comes first
		}
	}
	s.floor = floor
	f.unpacked()
	f.reader = nil // it holds half a megabyte, and begin makes another
	return s, true
}

// readAll sends what look makes of the lines of r in batches, until quit is closed.
func (s *source) readAll(r *events.Reader, look Look, quit <-chan struct{}) {
	defer close(s.read)
	b := s.empty()
	at, number := int64(math.MinInt64), int64(0)
	for r.Next() {
		l := r.Line()
		// What is made of a line is seldom more than twice as long: if it is, the batch grows.
		full := len(b.entries) == s.batches.lines || len(b.text)+2*len(l.Raw()) > s.batches.text
		if full && len(b.entries) > 0 {
			if !s.send(b, quit) {
				return
			}
			b = s.empty()
		}
		longer := look(b.text, l)
		if len(longer) == len(b.text) {
			continue
		}
		if t, ok := l.Time(); ok {
			at = t.UnixMicro()
		}
		b.entries = append(b.entries, entry{at, b, len(b.text), len(longer), number})
		b.text = longer
		number++
	}
	if len(b.entries) > 0 {
		s.send(b, quit)
	}
}

func (s *source) send(b *batch, quit <-chan struct{}) bool {
	b.left = len(b.entries)
	select {
	case s.read <- b:
		return true
	case <-quit:
		return false
	}
}

func (s *source) empty() *batch {
	select {
	case b := <-s.batches.free:
		b.text, b.entries = b.text[:0], b.entries[:0]
		return b
	default:
		return &batch{text: make([]byte, 0, s.batches.text), entries: make([]entry, 0, s.batches.lines/2)}
	}
}

// take moves one more line into the window, if there is one.
func (s *source) take() {
	for s.current == nil || s.next == len(s.current.entries) {
		b, ok := <-s.read
		if !ok {
			s.ended, s.current = true, nil
			return
		}
		s.current, s.next = b, 0
		s.held += b.size()
		s.batches.held += b.size()
	}
	e := s.current.entries[s.next]
	s.next++
	if tail := s.queue.last(); tail != nil && e.time < tail.time {
		heap.Push(&s.late, e)
		return
	}
	s.queue.push(e)
}

// release says that one line of b is of no more use. A batch of which nothing is left goes back to read.
func (b *batch) release(s *source) {
	if b.left--; b.left > 0 {
		return
	}
	s.held -= b.size()
	s.batches.held -= b.size()
	if s.current == b {
		s.current = nil
	}
	if cap(b.text) > 2*s.batches.text {
		return // a very long line
	}
	select {
	case s.batches.free <- b:
	default:
	}
}

func (s *source) lines() int { return s.queue.size + len(s.late) }

// head is the earliest line of the window.
func (s *source) head() *entry {
	first := s.queue.first()
	if len(s.late) > 0 && (first == nil || s.late[0].before(first)) {
		return &s.late[0]
	}
	return first
}

func (s *source) pop() entry {
	if e := s.head(); len(s.late) > 0 && e == &s.late[0] {
		return heap.Pop(&s.late).(entry)
	}
	return s.queue.pop()
}

// before is the order of sources by their heads.
func (s *source) before(o *source) bool {
	a, b := s.head(), o.head()
	return a.time < b.time || a.time == b.time && s.index < o.index
}

// A fifo is a queue of entries in a ring that grows.
type fifo struct {
	ring        []entry
	start, size int
}

func (q *fifo) at(i int) *entry { return &q.ring[(q.start+i)&(len(q.ring)-1)] }

func (q *fifo) first() *entry {
	if q.size == 0 {
		return nil
	}
	return q.at(0)
}

func (q *fifo) last() *entry {
	if q.size == 0 {
		return nil
	}
	return q.at(q.size - 1)
}

func (q *fifo) push(e entry) {
	if q.size == len(q.ring) {
		grown := make([]entry, max(64, 2*len(q.ring))) // a power of two
		for i := range q.size {
			grown[i] = *q.at(i)
		}
		q.ring, q.start = grown, 0
	}
	q.size++
	*q.at(q.size - 1) = e
}

func (q *fifo) pop() entry {
	first := q.at(0)
	e := *first
	*first = entry{}
	q.start = (q.start + 1) & (len(q.ring) - 1)
	q.size--
	return e
}

// A lateHeap has its earliest entry first.
type lateHeap []entry

func (h lateHeap) Len() int           { return len(h) }
func (h lateHeap) Less(i, j int) bool { return h[i].before(&h[j]) }
func (h lateHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *lateHeap) Push(e any)        { *h = append(*h, e.(entry)) }
func (h *lateHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = entry{}
	*h = old[:len(old)-1]
	return e
}
