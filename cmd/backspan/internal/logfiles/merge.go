package logfiles

import (
	"cmp"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"

	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/events"
)

// Window is within how many of its lines those of a file are put in order.
const Window = 10_000

// memory bounds what a Merge holds, in bytes: lines, and the buffers of the files that it is reading, which share it.
// What unpacking bzip2 and zstd takes is not in it: each file that is being read needs what its format refers back to,
// 3.6 MiB of bzip2, and of zstd its window of 2 to 8 MiB.
const memory = 20 << 20

// readerSize is what reading a file takes of it.
const readerSize = 300 << 10

// Order is how far a Merge could put lines in order.
type Order struct {
	Late int64 // lines that came after later ones, since they stood too far behind these in their file
	Cut  bool  // the window was smaller than Window lines at times, as these are long
}

// Fault says what could not be put in order; empty when all could.
func (o Order) Fault() string {
	if o.Late == 0 {
		return ""
	}
	window := fmt.Sprintf("more than %d lines", Window)
	if o.Cut {
		window = fmt.Sprintf("fewer than %d lines, as long ones fill the memory for it", Window)
	}
	return fmt.Sprintf("%s out of order: written behind later ones in their file, by %s",
		text.Plural(o.Late, "event stands", "events stand"), window)
}

// A Look appends to pieces what is wanted of a record; nothing when the record is not wanted. It is called from several
// goroutines, so that what it does is done on all processors.
type Look func(pieces []byte, l *events.Line) []byte

// Merge calls each for what look made of the records of files, in the order of their times; equal times in the order
// of files and lines. A record without a time stays behind the one before it. An error of each ends it all. A single
// file stays in its own order. What is wrong with a file its Err and Tally say.
func Merge(files []*File, look Look, each func(piece []byte) error) (Order, error) {
	if len(files) == 1 {
		return Order{}, inOrder(files[0], look, each)
	}
	m := merging{quit: make(chan struct{}), batches: newBatches(len(files)), look: look}
	defer m.stop()
	for i, f := range files {
		if s, ok := newSource(i, f, &m.batches); ok {
			m.waiting = append(m.waiting, s)
		}
	}
	slices.SortStableFunc(m.waiting, func(a, b *source) int { return cmp.Compare(a.floor, b.floor) })
	err := m.run(each)
	return m.order, err
}

// MergeLines is Merge for those who need the records themselves that keep keeps. A Line holds until each returns. Of
// several files each record is read twice: Merge is quicker where what is wanted of it can be said at once.
func MergeLines(files []*File, keep func(*events.Line) bool, each func(*events.Line) error) (Order, error) {
	if len(files) == 1 {
		return Order{}, linesInOrder(files[0], keep, each)
	}
	var l events.Line
	return Merge(files, func(pieces []byte, l *events.Line) []byte {
		if !keep(l) {
			return pieces
		}
		return append(pieces, l.Raw()...)
	}, func(raw []byte) error {
		l.Parse(raw) // which was a record when it was read
		return each(&l)
	})
}

func linesInOrder(f *File, keep func(*events.Line) bool, each func(*events.Line) error) error {
	r, err := f.Reader()
	if err != nil {
		return nil //nolint:nilerr // f.Err says it
	}
	for r.Next() {
		if l := r.Line(); keep(l) {
			if err := each(l); err != nil {
				return err
			}
		}
	}
	return nil
}

// Workers is how many goroutines read one file. More than a few would wait for the reading, and each takes memory.
var Workers = min(runtime.GOMAXPROCS(0), 4)

// inOrder is Merge of a single file.
func inOrder(f *File, look Look, each func(piece []byte) error) (failed error) {
	r, err := f.Reader()
	if err != nil {
		return nil // f.Err says it
	}
	type pieces struct {
		text []byte
		ends []int
		_    [64]byte // so that no other worker's are in its cache line
	}
	all := make([]pieces, Workers)
	_ = r.EachInOrder(Workers, func(worker int, l *events.Line) { // f.Err says it
		p := &all[worker]
		if longer := look(p.text, l); len(longer) > len(p.text) {
			p.text, p.ends = longer, append(p.ends, len(longer))
		}
	}, func(worker int) error {
		p := &all[worker]
		from := 0
		for _, end := range p.ends {
			if failed = each(p.text[from:end]); failed != nil {
				return failed
			}
			from = end
		}
		p.text, p.ends = p.text[:0], p.ends[:0]
		return nil
	})
	return failed
}

// A merging is one Merge.
type merging struct {
	waiting []*source // not begun, the earliest floor first
	active  []*source
	order   Order
	batches batches
	look    Look
	quit    chan struct{}
	readers sync.WaitGroup
}

func (m *merging) run(each func(piece []byte) error) error {
	last := int64(math.MinInt64)
	for {
		s := m.earliest()
		if s == nil {
			return nil
		}
		e := s.pop()
		if e.time < last {
			m.order.Late++
		} else {
			last = e.time
		}
		if err := each(e.piece()); err != nil {
			return err
		}
		e.batch.release(s)
		m.fill(s)
	}
}

// earliest is the source with the next record; nil at the end. Sources are begun when their turn may have come.
func (m *merging) earliest() *source {
	for {
		var first *source
		for _, s := range m.active {
			if first == nil || s.before(first) {
				first = s
			}
		}
		if len(m.waiting) == 0 || first != nil && first.head().time < m.waiting[0].floor {
			return first
		}
		s := m.waiting[0]
		m.waiting[0] = nil // its window is a megabyte, which must not outlive it
		m.waiting = m.waiting[1:]
		m.begin(s)
	}
}

func (m *merging) begin(s *source) {
	r, err := s.file.Reader()
	if err != nil {
		return // s.file.Err says it
	}
	s.read = make(chan *batch, 1)
	m.batches.held += readerSize
	m.readers.Go(func() { s.readAll(r, m.look, m.quit) })
	m.active = append(m.active, s)
	m.fill(s)
}

// fill fills the window of s, and leaves s out when nothing is left of it.
func (m *merging) fill(s *source) {
	share := memory/len(m.active) - readerSize
	for !s.ended && s.lines() < Window {
		// Those that were begun before others may have more than their share.
		if s.lines() > 0 && (s.held >= share || m.batches.held >= memory) {
			m.order.Cut = true
			break
		}
		s.take()
	}
	if s.lines() == 0 {
		s.file.unpacked()
		m.batches.held -= readerSize
		m.active = slices.DeleteFunc(m.active, func(a *source) bool { return a == s })
	}
}

// stop ends the goroutines that read.
func (m *merging) stop() {
	close(m.quit)
	m.readers.Wait()
}
