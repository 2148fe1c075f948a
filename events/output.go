package events

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// An output is the file of a Writer with all that is known about it. Only the goroutine that owns the Writer uses it,
// but for the atomic fields.
type output struct {
	opts Options
	path *outPath
	born time.Time
	loss *loss

	reopen  atomic.Bool   // the path is to be opened anew
	written atomic.Uint64 // records given to Write that are in the file

	file    *logFile      // nil: it is opened when checkAt has come
	openErr error         // why file is nil
	dirty   bool          // file may end in the middle of a line
	unsure  unsure        // what was written to file since the path was last seen to lead to it
	checkAt time.Duration // since born: when the path is looked at again
	session string        // of the last record
	note    draft         // for records of type events_dropped
	origin  []byte        // service, host and pid as every line has them
}

// unsure counts the records that are lost if the file was deleted since the path was last checked.
type unsure struct {
	records  uint64 // given to Write
	reported uint64 // lost records that a record of type events_dropped counts
}

// put writes lines; they end in text where ends says, and text begins with a newline to close a torn line with. lost
// is how many of them are not in the file, and why says why not.
//
// last says that no other line waits. Only then are earlier losses reported: while a queue overflows, more lines
// would make it worse.
func (o *output) put(text []byte, ends []int, session string, last bool) (lost int, why error) {
	o.session = session
	if err := o.ready(); err != nil {
		return len(ends), err
	}
	if last {
		if err := o.reportLosses(); err != nil {
			return len(ends), err
		}
	}
	lost, why = o.append(text, ends)
	written := uint64(len(ends) - lost)
	o.written.Add(written)
	o.unsure.records += written
	if last && why == nil {
		o.loss.over()
	}
	return lost, why
}

// ready ensures that the file is open and is the one that the path leads to.
func (o *output) ready() error {
	now := time.Since(o.born)
	anew := o.reopen.Swap(false)
	if !anew && now < o.checkAt {
		return o.openErr
	}
	o.checkAt = now + o.opts.CheckInterval
	if o.file != nil && !anew && o.path.LeadsTo(o.file.info) {
		o.dirty = o.file.torn() // another process that was killed leaves a torn line, too
		o.unsure = unsure{}
		return nil
	}
	o.drop()
	o.file, o.openErr = o.path.open()
	o.dirty = o.openErr == nil && o.file.torn()
	return o.openErr
}

// drop closes the file, if there is one. Its error is of no use: what was written has been counted as written, and the
// next line goes elsewhere.
func (o *output) drop() {
	if o.file != nil {
		o.countDeleted()
		if info, err := o.file.file.Stat(); err == nil { // it may have got another mode since
			o.path.mode = info.Mode().Perm()
		}
		o.file.close() //nolint:errcheck // see above
		o.file = nil
	}
}

// countDeleted counts as lost what was written to a deleted file.
func (o *output) countDeleted() {
	if o.unsure != (unsure{}) && o.file.writtenAfterDeletion() {
		err := fmt.Errorf("events: write %s: %w", o.path, errDeleted)
		o.written.Add(-o.unsure.records)
		o.loss.add(o.unsure.records, err)
		o.loss.back(o.unsure.reported, err)
	}
	o.unsure = unsure{}
}

// append writes lines with one write. When the disk takes a part of them, the line that was cut is lost and those
// behind it are written with another write.
func (o *output) append(text []byte, ends []int) (lost int, why error) {
	first, begin := 0, 0 // the first line that is left, and the newline in front of it
	for first < len(ends) {
		end, err := o.write(text, begin)
		whole := first
		for whole < len(ends) && ends[whole] <= end {
			whole++
		}
		switch {
		case whole == len(ends) && err == nil:
			first = whole
			continue
		case err == nil && whole > first && end == ends[whole-1]: // cut between two lines
			first, begin = whole, end-1
			continue
		case err == nil:
			err = o.closeTorn()
		}
		if why == nil {
			why = o.failure(err)
		}
		if !errors.Is(err, io.ErrShortWrite) {
			return lost + len(ends) - whole, why
		}
		lost++
		first, begin = whole+1, ends[whole]-1
	}
	if o.opts.Sync && lost < len(ends) {
		if err := o.file.sync(); err != nil {
			return len(ends), o.failure(err)
		}
	}
	return lost, why
}

// write writes text from begin, where a newline is, which is left out unless it has to close a torn line. end is up to
// where the disk took it.
func (o *output) write(text []byte, begin int) (end int, err error) {
	if !o.dirty {
		begin++
	}
	n, err := o.file.write(text[begin:])
	if n > 0 {
		o.dirty = text[begin+n-1] != '\n'
	}
	return begin + n, err
}

// closeTorn ends a line that was cut, and returns why it was. What is missing of the line must not follow: another
// process may have appended in the meantime. A newline may, and if it cannot be written either, that says why.
func (o *output) closeTorn() error {
	n, err := o.file.write(newline)
	if n > 0 {
		o.dirty = false
	}
	if err == nil {
		err = io.ErrShortWrite
	}
	return err
}

var newline = []byte{'\n'}

// failure is err with the path. It closes a file that is of no use any more.
func (o *output) failure(err error) error {
	err = fmt.Errorf("events: write %s: %w", o.path, err)
	if broken(err) {
		o.drop()
		o.openErr = err
	}
	return err
}

// reportLosses writes a record of the lines lost so far, if there are any.
func (o *output) reportLosses() error {
	count, cause := o.loss.take()
	if count == 0 {
		return nil
	}
	o.note.encode(&Record{
		Time:    time.Now(),
		Session: o.session,
		Type:    TypeEventsDropped,
		Level:   LevelError,
		Message: fmt.Sprintf("%d events were lost: %v", count, cause),
		Details: []Field{
			Int(KeyCount, int64(count)), String(KeyReason, cause.Error()), String(KeyErrorType, errorType(cause)),
		},
	}, nil, o.origin)
	if _, err := o.append(o.note.text, o.note.end[:]); err != nil {
		o.loss.back(count, cause)
		return err
	}
	o.unsure.reported += count
	return nil
}

// finish reports what is lost, forces the file to the disk and closes it.
func (o *output) finish() error {
	if o.file != nil {
		o.countDeleted()
	}
	if o.loss.hasUnreported() {
		o.checkAt = 0 // the disk may be well again, and nobody has written since
		if err := o.ready(); err == nil && o.reportLosses() == nil {
			o.loss.over()
		}
	}
	var err error
	if o.file != nil {
		err = errors.Join(o.file.sync(), o.file.close())
		o.file = nil
	}
	return errors.Join(o.loss.unreportedError(), err, o.path.Close())
}
