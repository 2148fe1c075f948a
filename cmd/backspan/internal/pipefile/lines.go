package pipefile

import (
	"bytes"
	"io"
)

// maxLine is the longest line that is kept together while its end has not come.
const maxLine = 64 << 10

// lines hands complete lines on, with a label in front of each.
type lines struct {
	label   string
	to      io.Writer // nil: nowhere
	partial []byte
	err     error
}

func newLines(step string, to io.Writer) *lines { return &lines{label: step + " | ", to: to} }

// Write fails when to did, so that the command gets a broken pipe as it would without us.
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
		l.hand(l.partial[:end])
		l.partial = append(l.partial[:0], l.partial[end:]...)
	}
	return len(p), l.err
}

// end hands on what is left without its newline.
func (l *lines) end() {
	if len(l.partial) > 0 {
		l.hand(append(l.partial, '\n'))
		l.partial = nil
	}
}

func (l *lines) hand(text []byte) {
	labelled := make([]byte, 0, len(text)+len(l.label)*(1+bytes.Count(text, []byte("\n"))))
	for line := range bytes.Lines(text) {
		labelled = append(append(labelled, l.label...), line...)
	}
	if _, err := l.to.Write(labelled); err != nil && l.err == nil {
		l.err = err
	}
}
