package steps

import (
	"bytes"
	"io"
)

// maxLine is how many bytes of a line are kept until its end comes.
const maxLine = 64 << 10

// A Stream is where commands write.
type Stream struct {
	To   io.Writer                // nil: nowhere. A Write has complete lines, with the step's name in front of each
	Edit func(line string) string // changes a line, without name and newline, before it is written; may be nil
}

// lines writes complete lines to a stream, with a label in front of each.
type lines struct {
	Stream
	label   string
	cleanup bool
	partial []byte
	err     error
}

func newLines(label string, to Stream, cleanup bool) *lines {
	if to.Edit != nil {
		label = to.Edit(label)
	}
	return &lines{Stream: to, label: label + " | ", cleanup: cleanup}
}

// Write fails when l.To has failed, so that the command gets a broken pipe as it would without backspan. A command that
// cleans up gets none: the terminal may be gone, and the program that read the output with it.
func (l *lines) Write(p []byte) (int, error) {
	if l.To == nil {
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
	if l.cleanup {
		return len(p), nil
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
	if l.To == nil {
		return
	}
	labelled := make([]byte, 0, len(text)+len(l.label)*(1+bytes.Count(text, []byte("\n"))))
	for line := range bytes.Lines(text) {
		labelled = append(labelled, l.label...)
		if l.Edit == nil {
			labelled = append(labelled, line...)
			continue
		}
		edited := l.Edit(string(bytes.TrimSuffix(line, []byte("\n"))))
		labelled = append(append(labelled, edited...), '\n')
	}
	if _, err := l.To.Write(labelled); err != nil && l.err == nil {
		l.err = err
	}
}
