package events

import "sync"

// A draft is one encoded record on its way to the file.
type draft struct {
	text    []byte  // a newline to close a torn line with, then the record and its own newline
	end     [1]int  // where the line ends in text
	session string  // of the record
	fields  []Field // the redacted details; kept to be used again
}

var drafts = sync.Pool{New: func() any { return &draft{text: make([]byte, 0, 1024)} }}

// encode makes d the line of r, written by origin. The caller owns nothing meanwhile, because redact is the user's
// code.
func (d *draft) encode(r *Record, redact func(string) string, origin []byte) {
	d.session = r.Session
	if redact != nil {
		clean := *r
		clean.Phase = safely(redact, r.Phase)
		clean.Message = safely(redact, r.Message)
		d.fields = append(d.fields[:0], r.Details...)
		clean.Details = d.fields
		for i := range d.fields {
			if f := &d.fields[i]; f.kind == kindString && f.Key != KeyResult {
				f.text = safely(redact, f.text)
			}
		}
		r = &clean
	}
	d.text = r.append(append(d.text[:0], '\n'), origin)
	d.end[0] = len(d.text)
	clear(d.fields) // the pool must not keep the host's texts alive
}

// safely calls redact. If that panics, nothing of the text is written.
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
