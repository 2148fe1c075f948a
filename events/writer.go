package events

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// A Writer appends records to one event log. All its methods may be called from many goroutines, and on a nil
// Writer, which drops everything.
type Writer struct {
	opts  Options
	place *place
	born  time.Time

	mu      sync.Mutex // guards what follows; held during a write, never while foreign code runs
	file    *logFile   // nil: to be opened when checkAt has come
	openErr error      // why file is nil
	dirty   bool       // file may end in the middle of a line
	unsure  unsure     // what was written to file since it was last seen in its place
	closed  bool
	checkAt time.Duration // since born: when the path is looked at again
	session string        // of the last record
	note    []byte        // for records of type events_dropped

	reopen  atomic.Bool // the path is to be opened anew
	written atomic.Uint64
	loss    loss
	queue   *queue // nil: direct
	unwatch func() // ends the watch for SIGHUP
}

// unsure is what is lost when the file turns out to have been deleted in the meantime.
type unsure struct {
	records uint64 // given to Write
	owned   uint64 // lost records that a record of type events_dropped owned up to
}

// Open opens the event log at path for appending, and makes the file (0600) and the directories above it (0700) when
// they are missing. It refuses what will never be an event log: a path with a symbolic link in it (except one of root's
// directly below /, as macOS's /tmp), a device, a FIFO, a directory, a path without the rights to write it.
//
// What may pass, such as a full or read-only disk, is no error: the Writer then begins by losing records, says so through
// Options.OnError at the first one, and writes as soon as it can.
func Open(path string, opts Options) (*Writer, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	place, err := newPlace(path)
	if err != nil {
		return nil, err
	}
	w := &Writer{opts: opts, place: place, born: time.Now()}
	w.loss.tell = opts.OnError
	w.mu.Lock()
	err = w.ready()
	w.mu.Unlock()
	if err != nil && lasting(err) {
		return nil, errors.Join(err, place.close())
	}
	if opts.Queue > 0 {
		w.queue = newQueue(w, opts.Queue)
	}
	if opts.ReopenOnSIGHUP {
		w.unwatch = w.watchHangups()
	}
	return w, nil
}

// Path is the path that the Writer was opened with.
func (w *Writer) Path() string {
	if w == nil {
		return ""
	}
	return w.place.path
}

// Written is how many records given to Write were put into the log. Records of type events_dropped are not among them.
//
// What is written to a file after somebody deleted it is lost. The next look finds that out: that of the first Write after
// Options.CheckInterval, or of Close. Then all that was written since the look before counts as dropped and no longer as
// written. It is not found out when the process ends without another look, nor for what is written to a renamed file
// between its being read by somebody (gzip) and its being deleted: a rotation that compresses at once has to wait for
// longer than CheckInterval first, or leave it to the next rotation, which logrotate calls delaycompress.
func (w *Writer) Written() uint64 {
	if w == nil {
		return 0
	}
	return w.written.Load()
}

// Dropped is how many records given to Write are lost: Written and Dropped, and with a queue those still in it,
// make up all that Write was ever called with.
func (w *Writer) Dropped() uint64 {
	if w == nil {
		return 0
	}
	return w.loss.dropped.Load()
}

// Write appends r as one line. It never fails its caller: what cannot be written is dropped and counted. It keeps
// nothing of r, which may be used again at once. Without a queue it takes as long as the disk takes for a write.
func (w *Writer) Write(r *Record) {
	if w == nil || r == nil {
		return
	}
	d := drafts.Get().(*draft)
	d.encode(r, w.opts.Redact)
	if w.queue != nil {
		w.queue.offer(d)
		return
	}
	w.mu.Lock()
	err := w.put(d, true)
	w.mu.Unlock()
	w.done(d, err)
}

// done counts d if it is lost, and gives it back to the pool.
func (w *Writer) done(d *draft, lost error) {
	if lost != nil {
		w.loss.add(1, lost)
	}
	w.loss.say()
	drafts.Put(d)
}

// Reopen has the next line open the path anew, for what moved the file away and will not wait for CheckInterval.
func (w *Writer) Reopen() {
	if w != nil {
		w.reopen.Store(true)
	}
}

// put writes one line. last says that no other line is waiting, which is when losses are owned up to: doing so
// while a queue overflows would only make it worse.
func (w *Writer) put(d *draft, last bool) error {
	if w.closed {
		return errClosed
	}
	w.session = d.session
	if err := w.ready(); err != nil {
		return err
	}
	if last {
		if err := w.confess(); err != nil {
			return err
		}
	}
	if err := w.append(d.text); err != nil {
		return err
	}
	w.written.Add(1)
	w.unsure.records++
	if last {
		w.loss.over()
	}
	return nil
}

// ready sees to it that the file is open and is the one that the path leads to.
func (w *Writer) ready() error {
	now := time.Since(w.born)
	anew := w.reopen.Swap(false)
	if !anew && now < w.checkAt {
		return w.openErr
	}
	w.checkAt = now + w.opts.CheckInterval
	if w.file != nil && !anew && w.place.holds(w.file) {
		w.dirty = w.file.torn() // a neighbour that was killed leaves a torn line, too
		w.unsure = unsure{}
		return nil
	}
	w.drop()
	w.file, w.openErr = w.place.open()
	w.dirty = w.openErr == nil && w.file.torn()
	return w.openErr
}

// drop closes the file, if there is one. What close says is of no use: what was written has been counted as
// written, and the next line goes elsewhere.
func (w *Writer) drop() {
	if w.file != nil {
		w.disown()
		w.file.close() //nolint:errcheck // see above
		w.file = nil
	}
}

// disown counts as lost what was written to a deleted file.
func (w *Writer) disown() {
	if w.unsure != (unsure{}) && w.file.vain() {
		err := fmt.Errorf("events: write %s: %w", w.place.path, errDeleted)
		w.written.Add(-w.unsure.records)
		w.loss.add(w.unsure.records, err)
		w.loss.back(w.unsure.owned, err)
	}
	w.unsure = unsure{}
}

// append writes one line with one write. The line begins with a newline, which is only written to close a torn one.
func (w *Writer) append(line []byte) error {
	if !w.dirty {
		line = line[1:]
	}
	n, err := w.file.write(line)
	if n > 0 {
		w.dirty = line[n-1] != '\n'
	}
	switch {
	case n < len(line) && err == nil:
		err = w.short()
	case n == len(line) && w.opts.Sync:
		err = w.file.sync()
	}
	if err == nil {
		return nil
	}
	err = fmt.Errorf("events: write %s: %w", w.place.path, err)
	if broken(err) {
		w.drop()
		w.openErr = err
	}
	return err
}

// short is why a write was cut short. What is missing of the line must not follow: another process may have appended
// in the meantime. A newline may, and if it cannot be written either, that says why.
func (w *Writer) short() error {
	n, err := w.file.write(newline)
	if n > 0 {
		w.dirty = false
	}
	if err == nil {
		err = io.ErrShortWrite
	}
	return err
}

var newline = []byte{'\n'}

// confess writes a record of the lines lost so far, if there are any.
func (w *Writer) confess() error {
	count, cause := w.loss.take()
	if count == 0 {
		return nil
	}
	r := Record{
		Time:    time.Now(),
		Session: w.session,
		Type:    TypeEventsDropped,
		Level:   LevelError,
		Message: fmt.Sprintf("%d events were lost: %v", count, cause),
		Details: []Field{
			Int(KeyCount, int64(count)), String(KeyReason, cause.Error()), String(KeyErrorType, errorType(cause)),
		},
	}
	w.note = r.Append(append(w.note[:0], '\n'))
	if err := w.append(w.note); err != nil {
		w.loss.back(count, cause)
		return err
	}
	w.unsure.owned += count
	return nil
}

// Flush waits until every record that Write has taken so far has been written or dropped. Without a queue that is
// always so. It does not force anything to the disk. The error says that lines are being lost just now, or that the
// queue did not drain within Options.DrainTimeout.
func (w *Writer) Flush() error {
	if w == nil {
		return nil
	}
	if w.queue != nil {
		if err := w.queue.flush(w.opts.DrainTimeout); err != nil {
			return err
		}
	}
	return w.loss.cause()
}

// Close writes what is in the queue, forces the file to the disk and closes it. Records that come later are dropped
// and counted. With a queue it takes Options.DrainTimeout at most, and what is left in the queue then is lost.
// The error is the first of: lines are being lost just now, the queue did not drain, the disk did not take the
// file. Closing again does nothing.
func (w *Writer) Close() error {
	if w == nil {
		return nil
	}
	if w.queue != nil {
		return w.queue.close(w.opts.DrainTimeout)
	}
	return w.finish()
}

// finish is Close without the queue.
func (w *Writer) finish() error {
	defer w.loss.say()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.closed = true
	if w.unwatch != nil {
		w.unwatch()
	}
	err := w.loss.cause()
	if w.file != nil {
		w.disown()
	}
	if w.loss.owes() {
		w.checkAt = 0 // the disk may be well again, and nobody has written since
		if err = w.ready(); err == nil {
			err = w.confess()
		}
		if err == nil {
			w.loss.over()
		}
	}
	if w.file != nil {
		err = errors.Join(err, w.file.sync(), w.file.close())
		w.file = nil
	}
	return errors.Join(err, w.place.close())
}
