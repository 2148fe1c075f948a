package logfiles

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/events"
)

// Window is within how many of its lines those of a file are put in order.
const Window = 10_000

// memory bounds what a Merge holds, in bytes: lines, and the buffers of the files that it is reading, which share it.
// What unpacking bzip2 and zstd takes is not in it: 2 to 8 MiB for each file that is being read.
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

// A Found is a record that Merge hands out. It holds until the next one.
type Found struct {
	raw  []byte
	line *events.Line // nil: not parsed yet
	own  events.Line
}

// Raw is the record as it stands in its file.
func (f *Found) Raw() []byte { return f.raw }

// Line is the record. Where it was read in one goroutine and is needed in another, it is parsed again: who needs only
// Raw is a third faster.
func (f *Found) Line() *events.Line {
	if f.line == nil {
		f.own.Parse(f.raw) // which was a record when it was read
		f.line = &f.own
	}
	return f.line
}

// Merge calls each for the records of files for which keep says true, in the order of their times; equal times in the
// order of files and lines. A record without a time stays behind the one before it. keep is called from several
// goroutines. An error of each ends it all. A single file stays in its own order. What is wrong with a file its Err
// and Tally say.
func Merge(files []*File, keep func(*events.Line) bool, each func(*Found) error) (Order, error) {
	if len(files) == 1 {
		return Order{}, inOrder(files[0], keep, each)
	}
	m := merging{quit: make(chan struct{}), batches: newBatches(len(files))}
	defer m.stop()
	for i, f := range files {
		if s, ok := newSource(i, f, &m.batches); ok {
			m.waiting = append(m.waiting, s)
		}
	}
	slices.SortStableFunc(m.waiting, func(a, b *source) int { return cmp.Compare(a.floor, b.floor) })
	err := m.run(keep, each)
	return m.order, err
}

func inOrder(f *File, keep func(*events.Line) bool, each func(*Found) error) error {
	r, err := f.Reader()
	if err != nil {
		return nil //nolint:nilerr // f.Err says it
	}
	var found Found
	for r.Next() {
		if found.line = r.Line(); keep(found.line) {
			found.raw = found.line.Raw()
			if err := each(&found); err != nil {
				return err
			}
		}
	}
	return nil
}

// A merging is one Merge.
type merging struct {
	waiting []*source // not begun, the earliest floor first
	active  []*source
	order   Order
	batches batches
	quit    chan struct{}
	readers sync.WaitGroup
}

func (m *merging) run(keep func(*events.Line) bool, each func(*Found) error) error {
	var found Found
	last := int64(math.MinInt64)
	for {
		s := m.earliest(keep)
		if s == nil {
			return nil
		}
		e := s.pop()
		if e.time < last {
			m.order.Late++
		} else {
			last = e.time
		}
		found.raw, found.line = e.raw(), nil
		if err := each(&found); err != nil {
			return err
		}
		e.batch.release(s)
		m.fill(s)
	}
}

// earliest is the source with the next record; nil at the end. Sources are begun when their turn may have come.
func (m *merging) earliest(keep func(*events.Line) bool) *source {
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
		m.begin(s, keep)
	}
}

func (m *merging) begin(s *source, keep func(*events.Line) bool) {
	r, err := s.file.Reader()
	if err != nil {
		return // s.file.Err says it
	}
	s.read = make(chan *batch, 1)
	m.batches.held += readerSize
	m.readers.Go(func() { s.readAll(r, keep, m.quit) })
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
