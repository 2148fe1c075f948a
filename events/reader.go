package events

import (
	"fmt"
	"io"
	"iter"
	"runtime"
	"sync"

	"github.com/backspan/backspan/internal/safefile"
)

// A Reader finds the records in an event log, in memory that does not grow with the log (about half a megabyte). Plain
// and gzipped input is told apart by its first bytes.
//
// No damage to the file is an error. What is not a record is skipped and counted (see Tally); a record that is glued to
// the fragment of another is salvaged; a last line without a newline is taken when it is a whole record, and else held
// back, because it may still be being written.
//
//	r, err := events.OpenFile(path)
//	if err != nil { … }
//	defer r.Close()
//	for line := range r.All() { … }
//	if err := r.Err(); err != nil { … }
type Reader struct {
	src    blocks
	cur    cursor
	buf    []byte
	line   Line
	closer io.Closer
}

// NewReader reads records from in, which it does not close.
func NewReader(in io.Reader) *Reader { return &Reader{src: blocks{in: in}} }

// OpenFile reads records from the file at path. The Reader has to be closed. It follows symbolic links, and reads a
// regular file, the null device, or what is open in this process already, such as /dev/stdin and /dev/fd/63. All else
// matches ErrNotRegular: a named pipe that nobody writes to would never end.
func OpenFile(path string) (*Reader, error) {
	f, err := safefile.Open(path)
	if err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	r := NewReader(f)
	r.closer = f
	return r, nil
}

// Next moves to the next record. It returns false at the end; Err then says whether something went wrong.
func (r *Reader) Next() bool {
	for !r.cur.next(&r.line) {
		if r.buf == nil {
			r.buf = make([]byte, blockSize)
		}
		next, ok := r.src.next(r.buf)
		if !ok {
			r.buf = nil // who reads many files may keep the Readers for their Tally
			return false
		}
		r.cur.block = next
	}
	return true
}

// Line is the record that Next moved to. It holds until the next call of Next.
func (r *Reader) Line() *Line { return &r.line }

// All is Next and Line as a sequence.
func (r *Reader) All() iter.Seq[*Line] {
	return func(yield func(*Line) bool) {
		for r.Next() {
			if !yield(&r.line) {
				return
			}
		}
	}
}

// Each calls each for every record left, from as many goroutines as workers says (0: one for each processor), which
// call it at the same time, each with its own number from 0 to workers-1. The order of the records is lost, and each
// must not keep the Line. Each returns when all records have been through, with what Err says.
func (r *Reader) Each(workers int, each func(worker int, l *Line)) error {
	if err := r.eachPiece(workers, each, nil); err != nil {
		return err
	}
	return r.Err()
}

// EachInOrder is Each for what needs the order of the records. Each worker calls look for the records of a piece of the
// input, some hundred, and then take, which may use what look was given of them. All calls of take are in the order of
// the pieces, and one at a time. The Lines themselves are used again, but their Values hold until take returns. An
// error of take ends it all, and is returned.
func (r *Reader) EachInOrder(workers int, look func(worker int, l *Line), take func(worker int) error) error {
	if err := r.eachPiece(workers, look, take); err != nil {
		return err
	}
	return r.Err()
}

// eachPiece is EachInOrder; Each when take is nil. The error is that of take, or says that workers cannot be.
func (r *Reader) eachPiece(workers int, look func(worker int, l *Line), take func(worker int) error) error {
	if workers < 0 {
		return fmt.Errorf("events: reading with %d workers; 0 means one for each processor", workers)
	}
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	for r.cur.next(&r.line) { // what Next has read and not handed out
		look(0, &r.line)
	}
	if take != nil {
		if err := take(0); err != nil {
			return err
		}
	}
	turns := inTurn{of: take, number: r.src.cuts}
	turns.ended.L = &turns.mu
	buffers := workers
	if take == nil { // who reads in order may read many files at once
		buffers += 2
	}
	ahead := readAhead(&r.src, buffers)
	var all sync.Mutex
	work := func(worker int) {
		var cur cursor
		var l Line
		for read := range ahead.full {
			cur.block = read
			for cur.next(&l) {
				look(worker, &l)
			}
			if take != nil && !turns.take(worker, read.number) {
				break
			}
			ahead.free <- read.data[:cap(read.data)]
		}
		all.Lock()
		r.cur.tally.add(cur.tally)
		all.Unlock()
	}
	var others sync.WaitGroup
	for worker := 1; worker < workers; worker++ {
		others.Go(func() { work(worker) })
	}
	work(0)
	others.Wait()
	ahead.stop()
	return turns.err
}

// An ahead is a goroutine that reads blocks before they are asked for. When each worker read its own, they waited for
// each other, and to wake a goroutine takes as long as to read a block.
type ahead struct {
	full  chan block  // closed at the end of the input
	free  chan []byte // of the blocks that are done with
	ended sync.WaitGroup
}

func readAhead(src *blocks, buffers int) *ahead {
	a := &ahead{full: make(chan block, buffers), free: make(chan []byte, buffers)} // there is room for all
	for range buffers {
		a.free <- make([]byte, blockSize)
	}
	a.ended.Go(func() {
		defer close(a.full)
		for buf := range a.free {
			read, ok := src.next(buf)
			if !ok {
				return
			}
			a.full <- read
		}
	})
	return a
}

// stop is called when nobody takes blocks any more.
func (a *ahead) stop() {
	close(a.free)
	a.ended.Wait()
}

// inTurn calls what takes the blocks of an input in their order.
type inTurn struct {
	of     func(worker int) error
	mu     sync.Mutex
	ended  sync.Cond // a turn
	number int64     // of the block whose turn it is
	err    error     // of of: no more is taken
}

// take waits for the turn of a block and takes it. It says whether there is to be another.
func (t *inTurn) take(worker int, number int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.number != number {
		t.ended.Wait()
	}
	if t.err == nil {
		t.err = t.of(worker)
	}
	t.number++
	t.ended.Broadcast()
	return t.err == nil
}

// Tally says what has been come across up to the record that Next moved to.
func (r *Reader) Tally() Tally {
	t := r.cur.tally
	t.CutShort = r.src.cutShort()
	return t
}

// Err is why reading ended before the end of the input: an error of the input itself, or a compressed input that is
// damaged. It is nil when the input is merely cut short.
func (r *Reader) Err() error {
	if err := r.src.failure(); err != nil {
		return fmt.Errorf("events: read: %w", err)
	}
	return nil
}

// Close closes the file that OpenFile opened.
func (r *Reader) Close() error {
	if r.closer == nil {
		return nil
	}
	return r.closer.Close()
}
