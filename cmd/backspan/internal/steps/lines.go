package steps

import (
	"bytes"
	"io"
)

// maxLine is how many bytes of a line are kept until its end comes.
const maxLine = 64 << 10

// lines writes complete lines to another writer, with a label in front of each.
type lines struct {
	label   string
	to      io.Writer // nil: nowhere
	partial []byte
	err     error
}

func newLines(label string, to io.Writer) *lines { return &lines{label: label + " | ", to: to} }

// Write fails when to has failed, so that the command gets a broken pipe as it would without backspan.
func (l *lines) Write(p []byte) (int, error) {
	if l.to == nil {
		return len(p), nil
	}
	l.partial = append(l.partial, p...)
	end := bytes.LastIndexByte(l.partial, '\n') + 1
	if end == 0 && len(l.partial) > maxLine {
		l.partial = append(l.partial, '\n')
		end = len(l.partial)
	}
	if end > 0 {
		l.write(l.partial[:end])
		l.partial = append(l.partial[:0], l.partial[end:]...)
	}
	return len(p), l.err
}

// end writes the last line, when its newline never came.
func (l *lines) end() {
	if len(l.partial) > 0 {
		l.write(append(l.partial, '\n'))
		l.partial = nil
	}
}

func (l *lines) write(text []byte) {
	labelled := make([]byte, 0, len(text)+len(l.label)*(1+bytes.Count(text, []byte("\n"))))
	for line := range bytes.Lines(text) {
		labelled = append(append(labelled, l.label...), line...)
	}
	if _, err := l.to.Write(labelled); err != nil && l.err == nil {
		l.err = err
	}
}
