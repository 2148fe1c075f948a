package events

import (
	"strings"
	"sync"

	"github.com/backspan/backspan/redact"
)

// A draft is one encoded record on its way to the file.
type draft struct {
	text    []byte  // a newline to close a torn line with, then the record and its own newline
	end     [1]int  // where the line ends in text
	session string  // of the record
	fields  []Field // the redacted details; kept to be used again
}

var drafts = sync.Pool{New: func() any { return &draft{text: make([]byte, 0, 1024)} }}

// encode makes d the line of r, written by origin. The caller must not own the file, because mask is the user's code
// and may take long. A nil mask is redact.Secrets.
func (d *draft) encode(r *Record, mask func(string) string, origin []byte) {
	d.session = r.Session
	if mask != nil || hasSecret(r) {
		clean := *r
		d.fields = append(d.fields[:0], r.Details...)
		clean.Details = d.fields
		clean.Redact(mask)
		r = &clean
	}
	d.text = r.append(append(d.text[:0], '\n'), origin)
	d.end[0] = len(d.text)
	clear(d.fields) // the pool must not keep the host's texts alive
	d.fields = d.fields[:0]
}

// hasSecret reports whether redact.Secrets finds something in r. Few records have a secret, and so few are copied.
func hasSecret(r *Record) bool {
	if redact.Secrets(r.Message) != r.Message || redact.Secrets(r.Phase) != r.Phase {
		return true
	}
	for i := range r.Details {
		// Most messages end with the reason and the error.
		f := &r.Details[i]
		if f.isText() && !strings.HasSuffix(r.Message, f.text) && redact.Secrets(f.text) != f.text {
			return true
		}
	}
	return false
}

// Redact changes the texts of r that come from outside, as Options.Redact has a Writer do: Phase, Message and the text
// details, but not "result". The details are changed in place. A text on which mask panics is replaced. A nil mask is
// redact.Secrets.
func (r *Record) Redact(mask func(string) string) {
	if mask == nil {
		mask = redact.Secrets
	}
	r.Phase = safely(mask, r.Phase)
	r.Message = safely(mask, r.Message)
	for i := range r.Details {
		if f := &r.Details[i]; f.isText() {
			f.text = safely(mask, f.text)
		}
	}
}

// isText reports whether f is a text that is not one of a few fixed words.
func (f *Field) isText() bool { return f.kind == kindString && f.Key != KeyResult }

// safely calls mask. If that panics, nothing of the text is written.
func safely(mask func(string) string, text string) (clean string) {
	if text == "" {
		return ""
	}
	defer func() {
		if recover() != nil {
			clean = "(left out: Redact panicked)"
		}
	}()
	return mask(text)
}
