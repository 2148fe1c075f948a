package logfiles

import (
	"io"
	"time"

	"github.com/backspan/backspan/events"
)

// clockStep is how far a clock may be set back while a log is written, without an event being taken for an older one.
const clockStep = time.Hour

// endsBefore says whether f surely holds no record of the time t or later: it was not written to since, by the time of
// its last change, and neither its first nor, unless it is compressed, its last record says otherwise.
func (f *File) endsBefore(t time.Time) bool {
	if !f.seekable() || !f.info.ModTime().Add(clockStep).Before(t) {
		return false
	}
	r, err := f.Reader()
	if err != nil || !r.Next() {
		return false // that nothing can be read of it is to be said
	}
	first, ok := r.Line().Time()
	if !ok || first.After(f.info.ModTime().Add(clockStep)) { // a time of change that cannot be
		return false
	}
	if f.packed {
		return true
	}
	last, ok := f.last()
	return ok && last.Before(t)
}

// last is the latest time among the last records of a plain file.
func (f *File) last() (last time.Time, ok bool) {
	const tail = 512 << 10 // some lines at least
	from := max(0, f.info.Size()-tail)
	r := events.NewReader(io.NewSectionReader(f.file, from, f.info.Size()-from))
	for r.Next() {
		if t, good := r.Line().Time(); good && (!ok || t.After(last)) {
			last, ok = t, true
		}
	}
	return last, ok
}

// Since leaves out, and closes, the files that surely hold no record of the time t or later.
func Since(files []*File, t time.Time) (kept []*File) {
	for _, f := range files {
		if !t.IsZero() && f.endsBefore(t) {
			_ = f.Close() // it was only read
			continue
		}
		kept = append(kept, f)
	}
	return kept
}
