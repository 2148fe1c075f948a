package events

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/backspan/backspan/internal/safefile"
)

// FollowOptions says how a Follower follows. The zero value is right for files that a Writer with default options
// writes.
type FollowOptions struct {
	FromEnd  bool          // begin behind what is in the file already
	Interval time.Duration // between two looks at the file; 0 means 100ms

	// Grace is how long a file that was rotated away or deleted is still read: its writers need up to their
	// CheckInterval to notice. 0 means 250ms. Records of the next file wait that long.
	Grace time.Duration
}

// A Follower hands out the records of a log as they are written, like tail -F. It goes on to the new file when the log
// is rotated, to the beginning when it is truncated, and waits for a file that is not there. A line counts when its
// newline is there.
//
// It misses what is gone before it looks, at most FollowOptions.Interval later: the end of a file that is
// truncated, and a whole file when the log is rotated twice or is deleted. A truncation is noticed however much has
// been written since, because the text before the reading position is no longer the same. A truncation after which
// the same text is written there again is not noticed. When a part of the file is left, the records in that part
// come a second time.
type Follower struct {
	path string
	opts FollowOptions

	files   []*os.File // the one being read, and those that took its path, the oldest first
	rotated time.Time  // when files[0] was last seen to grow or, if later, to lose the path
	deleted bool       // files[0] has no name any more, and nothing took its path
	started bool
	src     blocks
	tail    tail // what src reads
	fresh   bool // none of the lines of files[0] has been looked at
	cur     cursor
	buf     []byte
	line    Line
	err     error
}

// NewFollower follows the log at path. It has to be closed. The error is of the path or the options; that nothing is
// there yet is none.
func NewFollower(path string, opts FollowOptions) (*Follower, error) {
	switch {
	case opts.Interval < 0:
		return nil, fmt.Errorf("events: FollowOptions.Interval is %v, want 0 or more", opts.Interval)
	case opts.Grace < 0:
		return nil, fmt.Errorf("events: FollowOptions.Grace is %v, want 0 or more", opts.Grace)
	}
	if opts.Interval == 0 {
		opts.Interval = 100 * time.Millisecond
	}
	if opts.Grace == 0 {
		opts.Grace = 250 * time.Millisecond
	}
	f := &Follower{path: path, opts: opts, buf: make([]byte, blockSize)}
	if err := f.look(); err != nil {
		return nil, fmt.Errorf("events: follow: %w", errors.Join(err, f.Close()))
	}
	f.started = true
	return f, nil
}

// Next moves to the next record, and waits for it if need be. It returns false when ctx is done (Err is nil then) or
// when the file cannot be read.
func (f *Follower) Next(ctx context.Context) bool {
	for ctx.Err() == nil && f.err == nil {
		if f.cur.next(&f.line) {
			return true
		}
		if f.more() {
			continue
		}
		if f.err = f.src.failure(); f.err != nil {
			break
		}
		moved, err := f.move()
		if f.err = err; err == nil && !moved {
			wait(ctx, f.opts.Interval)
		}
	}
	return false
}

// more reads on. It says whether there is anything new.
func (f *Follower) more() (ok bool) {
	if len(f.files) == 0 {
		return false
	}
	if f.cur.block, ok = f.src.next(f.buf); ok {
		f.rotated = time.Now()
		if f.fresh {
			f.fresh = false
		}
	}
	return ok
}

// Line is the record that Next moved to. It holds until the next call of Next. Its Offset is that in the file that it
// stands in.
func (f *Follower) Line() *Line { return &f.line }

// Tally says what has been come across so far, over all files.
func (f *Follower) Tally() Tally {
	t := f.cur.tally
	t.Held = int64(len(f.src.carry))
	return t
}

// Err is why Next returned false; nil when its context was done.
func (f *Follower) Err() error {
	if f.err == nil {
		return nil
	}
	return fmt.Errorf("events: follow: %w", f.err)
}

// Close closes the files.
func (f *Follower) Close() error {
	var err error
	for _, file := range f.files {
		err = errors.Join(err, file.Close())
	}
	f.files = nil
	return err
}

// move is called at the end of the file. It says whether there may be something to read now.
func (f *Follower) move() (bool, error) {
	if f.tail.cut {
		f.begin(0, nil)
		return true, nil
	}
	before := len(f.files)
	if err := f.look(); err != nil {
		return false, err
	}
	if before == 0 {
		return len(f.files) > 0, nil
	}
	if len(f.files) > 1 {
		if before == 1 {
			f.rotated = time.Now()
		}
		if time.Since(f.rotated) < f.opts.Grace {
			return false, nil
		}
		err := f.files[0].Close()
		f.files = f.files[1:]
		f.begin(0, nil)
		return true, err
	}
	return false, f.letGo()
}

// letGo closes a file that was deleted, once it is not written to any more: while it is open, it takes its space on the
// disk.
func (f *Follower) letGo() error {
	info, err := f.files[0].Stat()
	if err != nil || !nameless(info) {
		f.deleted = false
		return nil //nolint:nilerr // then it is kept, and reading it says what is wrong
	}
	if !f.deleted {
		f.deleted, f.rotated = true, time.Now()
	}
	if time.Since(f.rotated) < f.opts.Grace {
		return nil
	}
	err = f.files[0].Close()
	f.files, f.deleted = nil, false
	return err
}

// look opens the file that the path leads to, if it is not the one that was opened last.
func (f *Follower) look() error {
	info, err := os.Stat(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil && !info.Mode().IsRegular():
		err = fmt.Errorf("%s is not a regular file; only these can be followed", f.path)
	}
	if err != nil {
		return f.passing(err)
	}
	if n := len(f.files); n > 0 {
		if last, err := f.files[n-1].Stat(); err == nil && os.SameFile(info, last) {
			return nil
		}
	}
	file, err := safefile.Open(f.path)
	if err != nil {
		return f.passing(err)
	}
	f.files = append(f.files, file)
	if len(f.files) > 1 {
		return nil
	}
	if f.opts.FromEnd && !f.started {
		return f.skip()
	}
	f.begin(0, nil)
	return nil
}

// passing makes an error of the path one only at the start. Later the right file may be on its way.
func (f *Follower) passing(err error) error {
	if f.started {
		return nil
	}
	return err
}

// skip begins behind the last newline of the first file.
func (f *Follower) skip() error {
	size, err := f.files[0].Seek(0, io.SeekEnd)
	from := max(0, size-blockSize)
	var n int
	if err == nil {
		n, err = f.files[0].ReadAt(f.buf[:size-from], from)
	}
	if errors.Is(err, io.EOF) { // it was truncated in between
		f.begin(0, nil)
		return nil
	}
	if err != nil {
		return err
	}
	before, joined := f.buf[:n], false
	if end := bytes.LastIndexByte(before, '\n'); end >= 0 || from == 0 {
		before = before[:end+1]
	} else { // a line too long to be read is being written
		joined = true
	}
	f.begin(from+int64(len(before)), before)
	f.src.joined = joined
	return nil
}

// begin reads files[0] from at; before is what stands before that. What is left of the file that was read until now
// has got no newline and will not get one any more, so it is taken as a line as it is.
func (f *Follower) begin(at int64, before []byte) {
	if len(f.src.carry) > 0 {
		f.cur.block = block{data: append(f.src.carry, '\n'), offset: f.src.offset, joined: f.src.joined}
	}
	f.tail.begin(f.files[0], at, before)
	f.src = blocks{in: &f.tail, live: true, offset: at}
	f.fresh = true
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
