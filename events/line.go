package events

import "sync"

// A line is one encoded record on its way to the file.
type line struct {
	text    []byte  // a newline to close a torn line with, then the record and its own newline
	session string  // of the record
	fields  []Field // room for redacted details
}

var lines = sync.Pool{New: func() any { return new(line) }}

// encode makes l the line of r. It runs outside all locks, because redact is not ours.
func (l *line) encode(r *Record, redact func(string) string) {
	l.session = r.Session
	if redact != nil {
		clean := *r
		clean.Phase = safely(redact, r.Phase)
		clean.Message = safely(redact, r.Message)
		l.fields = append(l.fields[:0], r.Details...)
		clean.Details = l.fields
		for i := range l.fields {
			if f := &l.fields[i]; f.kind == kindString && f.Key != KeyResult {
				f.text = safely(redact, f.text)
			}
		}
		r = &clean
	}
	l.text = r.Append(append(l.text[:0], '\n'))
	clear(l.fields) // the pool must not keep the host's texts alive
}

// safely calls redact. Where it panics the text is unknown to be clean, so none of it is written.
func safely(redact func(string) string, text string) (clean string) {
	if text == "" {
		return ""
	}
	defer func() {
		if recover() != nil {
			clean = "(left out: Redact panicked)"
		}
	}()
	return redact(text)
}
