package events

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"
)

// A Writer appends records to one event log. All its methods may be called from many goroutines, and on a nil
// Writer, which drops everything.
//
// One goroutine at a time writes to the file. The others leave their lines in a queue and return, so that a disk that
// does not answer holds up one caller.
type Writer struct {
	out   output
	loss  loss
	queue queue

	// owned is true while a goroutine owns the file. Only the owner uses out. A goroutine that gives the file up looks
	// into the queue again afterwards, and one that has left a line in the queue then tries to become the owner; so no
	// line is left behind.
	owned  atomic.Bool
	closed chan struct{} // closed when the file has been closed
	err    error         // what closing the file said; to be read after closed

	unwatch func() // ends the watch for SIGHUP
}

// Open opens the event log at path for appending, and makes the file (0600) and the directories above it (0700) when
// they are missing. It refuses a path that can never be an event log: one with a symbolic link in it (except one of
// root's directly below /, as macOS's /tmp), a device, a FIFO, a directory. At DefaultPath, which nobody chose, it also
// refuses a file that another user owns (root excepted) or that other users may write.
//
// What may pass is no error: a full or read-only disk, missing rights, a file where a directory should be. Open then
// tells Options.OnError, and the Writer drops and counts records until the path can be opened, which it tries again
// every Options.CheckInterval.
func Open(path string, opts Options) (*Writer, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	safe, err := newOutPath(path)
	if err != nil {
		return nil, err
	}
	w := &Writer{closed: make(chan struct{})}
	w.loss.tell, w.loss.born = opts.OnError, time.Now()
	w.out.opts, w.out.path, w.out.born, w.out.loss = opts, safe, time.Now(), &w.loss
	w.out.origin = appendOrigin(nil, opts.Service, hostName(), os.Getpid())
	if err := w.prepare(); err != nil {
		return nil, errors.Join(pathError{err}, safe.Close())
	}
	if opts.ReopenOnSIGHUP {
		w.unwatch = w.watchHangups()
	}
	return w, nil
}

// CheckPath says why Open would refuse path, or nil; for a symbolic link with a [*LinkError]. It makes nothing.
func CheckPath(path string) error {
	safe, err := newOutPath(path)
	if err != nil {
		return err
	}
	if err = safe.check(); err != nil {
		err = pathError{err}
	}
	return errors.Join(err, safe.Close())
}

// prepare opens the file, or with Options.Lazy only looks whether it could be. The error is one that lasts.
func (w *Writer) prepare() error {
	if w.out.opts.Lazy {
		return w.out.path.check()
	}
	err := w.out.ready()
	if err != nil && lasting(err) {
		return err
	}
	if err != nil {
		w.loss.begin(0, err)
		w.loss.say()
	}
	return nil
}

// Path is the path that the Writer was opened with.
func (w *Writer) Path() string {
	if w == nil {
		return ""
	}
	return w.out.path.String()
}

// Written is how many records given to Write were put into the log. Records of type events_dropped are not among them.
//
// What is written to a file after somebody deleted it is lost. The next look finds that out: that of the first Write
// after Options.CheckInterval, or of Close. Then all that was written since the look before counts as dropped and no
// longer as written. It is not found out when the process ends without another look, nor for what is written to a
// renamed file between its being read by somebody (gzip) and its being deleted: a rotation that compresses at once
// has to wait for longer than CheckInterval first, or leave it to the next rotation, which logrotate calls
// delaycompress.
func (w *Writer) Written() uint64 {
	if w == nil {
		return 0
	}
	return w.out.written.Load()
}

// Dropped is how many records given to Write are lost. Written, Dropped and the records that wait for the disk make up
// all that Write was ever called with. After Flush and Close none wait, unless they returned an error.
func (w *Writer) Dropped() uint64 {
	if w == nil {
		return 0
	}
	return w.loss.dropped.Load()
}

// Write appends r as one line. It never fails its caller: what cannot be written is dropped and counted. It keeps
// nothing of r, which may be used again at once.
//
// When no other goroutine is writing, the line is with the kernel before Write returns: it survives the death of the
// process. Otherwise Write leaves the line in a queue of 1 MiB and returns; whoever is writing writes it next, in
// order. When the queue is full, Write waits for room while the disk makes progress. A disk that takes longer than
// 100 ms for a write is stalled: what does not fit into the queue then is dropped. So a disk that does not answer holds
// up one caller, and each other one for 100 ms at most, when it turns out to be stalled.
func (w *Writer) Write(r *Record) {
	if w == nil || r == nil {
		return
	}
	d := drafts.Get().(*draft)
	d.encode(r, w.out.opts.Redact, w.out.origin)
	lost, why := w.write(d)
	w.loss.add(uint64(lost), why)
	w.loss.say()
	drafts.Put(d)
}

// own makes the caller the owner of the file, if it has none.
func (w *Writer) own() bool { return w.owned.CompareAndSwap(false, true) }

// write writes d and one batch of what waits, or leaves d to the owner of the file. What waits already goes first.
func (w *Writer) write(d *draft) (lost int, why error) {
	var room *waiter
	owner := w.own()
	if owner && !w.queue.work.Load() {
		lost, why = w.out.put(d.text, d.end[:], d.session, true)
	} else if room, why = w.queue.add(d); why != nil {
		lost = 1
	}
	if owner || w.own() { // the owner may have given the file up before it could see d
		if w.queue.work.Load() {
			w.writeBatch()
		}
		w.release()
	}
	if room != nil {
		if why = <-room.settled; why != nil {
			lost = 1
		}
	}
	return lost, why
}

// writeBatch writes the oldest batch of the queue. The caller owns the file. It returns false when there is none, and
// whether there will be no other.
func (w *Writer) writeBatch() (more, ended bool) {
	b, ended := w.queue.take()
	if b == nil {
		return false, ended
	}
	start := time.Now()
	if len(b.ends) > 0 {
		lost, why := w.out.put(b.text, b.ends, b.session, !w.queue.work.Load())
		w.loss.add(uint64(lost), why)
	}
	w.queue.giveBack(b, time.Since(start))
	return true, false
}

// release gives the file up. While there is more to write than one batch, a goroutine becomes the owner.
func (w *Writer) release() {
	if !w.queue.work.Load() {
		w.owned.Store(false)
		if !w.queue.work.Load() || !w.own() {
			return
		}
	}
	go w.drain()
}

// wake has the queue dealt with when nobody owns the file.
func (w *Writer) wake() {
	if w.own() {
		go w.drain()
	}
}

// drain writes the queue until it is empty, and gives the file up. After Close it closes the file and stays its owner.
func (w *Writer) drain() {
	for {
		more, ended := w.writeBatch()
		switch {
		case more:
			continue
		case ended:
			w.err = w.out.finish()
			close(w.closed)
			if w.queue.wasAbandoned() { // else Close tells, before it returns
				w.loss.sayNow(false)
			}
			return
		}
		w.owned.Store(false)
		if !w.queue.work.Load() || !w.own() {
			w.loss.say()
			return
		}
	}
}

// Reopen makes the next Write open the path anew. A program that handles SIGHUP itself, or that renames the file, calls
// it instead of setting Options.ReopenOnSIGHUP. Without it a renamed file is noticed within Options.CheckInterval.
func (w *Writer) Reopen() {
	if w != nil {
		w.out.reopen.Store(true)
	}
}

// Flush waits until every record that Write has taken so far has been written or dropped, and no longer than
// Options.DrainTimeout. It does not force anything to the disk. The error says that lines are being lost just now, or
// how many still wait.
func (w *Writer) Flush() error {
	if w == nil {
		return nil
	}
	defer w.loss.say()
	if !w.owned.Load() && !w.queue.work.Load() {
		return w.loss.cause()
	}
	flushed := w.queue.mark()
	if flushed == nil {
		flushed = w.closed
	}
	w.wake()
	if !w.wait(flushed) {
		return w.tooSlow(w.queue.waiting(), "waiting")
	}
	return w.loss.cause()
}

// Close writes what is in the queue, forces the file to the disk and closes it. Records that come later are dropped
// and counted. It takes Options.DrainTimeout at most; what is left in the queue then is dropped, and the file is
// closed when the disk answers. The error says that lines are lost which the log could not report, that the disk did
// not answer in time, or why the file could not be forced to the disk. Closing again does nothing.
func (w *Writer) Close() error {
	if w == nil {
		return nil
	}
	first := w.queue.close()
	if first && w.unwatch != nil {
		w.unwatch()
	}
	w.wake()
	if !w.wait(w.closed) {
		lines := w.queue.abandon()
		err := w.tooSlow(lines, "given up")
		w.loss.add(uint64(lines), err)
		w.loss.sayNow(false)
		return err
	}
	if !first {
		return nil
	}
	w.loss.sayRest()
	return w.err
}

// wait waits until done is closed, and no longer than Options.DrainTimeout.
func (w *Writer) wait(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
	}
	timer := time.NewTimer(w.out.opts.DrainTimeout)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// tooSlow is the error of a queue that was not empty within Options.DrainTimeout.
func (w *Writer) tooSlow(lines int, fate string) error {
	return fmt.Errorf("events: %s: %w within %v; lines %s: %d",
		w.out.path, errSlow, w.out.opts.DrainTimeout, fate, lines)
}
