package run

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/term"
	"github.com/backspan/backspan/cmd/backspan/internal/watch"
)

// A sharedWriter lets several write to one place, one at a time.
type sharedWriter struct {
	mu     *sync.Mutex
	w      io.Writer
	failed error // the first failure
}

func (s *sharedWriter) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.w.Write(p)
	s.failed = cmp.Or(s.failed, err)
	return n, err
}

// lost says what kept something from being written, unless it is that nobody reads it any more.
func (s *sharedWriter) lost() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil || errors.Is(s.failed, syscall.EPIPE) {
		return nil
	}
	return fmt.Errorf("writing what the commands wrote: %w", s.failed)
}

// sharedStreams are the streams of a run, and where its commands write once a watch watches them. On a terminal that is
// above what the watch draws there. Elsewhere stdout stays stdout and stderr stays stderr; one lock is around them,
// because both may be the same file, and nothing is to come between the ends of a line. lost says whether some of stdout
// could not be written.
func (o *Options) sharedStreams() (_ cli.Streams, childOut func(*watch.Watch) (stdout, stderr io.Writer), lost func() error) {
	std := o.Streams
	mu := new(sync.Mutex)
	onOut, onErr := redraws(o.Out), redraws(o.Err)
	if !onErr {
		std.Err = &sharedWriter{mu: mu, w: o.Err}
	}
	out := &sharedWriter{mu: mu, w: o.Out}
	return std, func(w *watch.Watch) (stdout, stderr io.Writer) {
		stdout, stderr = out, std.Err
		if onErr {
			stderr = &screenWriter{w.Live}
		}
		switch {
		case o.json: // stdout is for the report
			stdout = stderr
		case onOut && onErr:
			stdout = stderr
		case onOut:
			stdout = &screenWriter{stdout}
		}
		return stdout, stderr
	}, out.lost
}

func redraws(w io.Writer) bool {
	file, _ := w.(*os.File)
	return file != nil && term.Of(file, os.Getenv).Redraw
}

// A screenWriter takes out of lines what would write elsewhere on a terminal than where the line is: what moves the
// cursor, and, as of a progress bar, all but what stood in its place last. Colours stay.
type screenWriter struct{ to io.Writer }

func (s *screenWriter) Write(p []byte) (int, error) {
	var out []byte
	for line := range bytes.Lines(p) {
		out = append(append(out, tame(bytes.TrimRight(line, "\r\n"))...), '\n')
	}
	if _, err := s.to.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// tame is a line without its newline. Its label, up to the first |, stays when a carriage return writes over the rest.
func tame(line []byte) []byte {
	if last := bytes.LastIndexByte(line, '\r'); last >= 0 {
		label := bytes.Index(line, []byte(" | "))
		line = append(bytes.Clone(line[:label+len(" | ")]), line[last+1:]...)
	}
	const escape = 0x1b
	out, colored := line[:0:0], false
	for len(line) > 0 {
		switch c := line[0]; {
		case c == escape:
			n, color := sequence(line)
			if color {
				out, colored = append(out, line[:n]...), true
			}
			line = line[n:]
			continue
		case c >= ' ' && c != 0x7f || c == '\t':
			out = append(out, c)
		}
		line = line[1:]
	}
	if colored {
		out = append(out, "\x1b[0m"...)
	}
	return out
}

// sequence is the length of the terminal command that line begins with, and whether it only sets colours.
func sequence(line []byte) (n int, color bool) {
	if len(line) < 2 {
		return len(line), false
	}
	if line[1] != '[' {
		if end := bytes.IndexByte(line, 0x07); line[1] == ']' && end >= 0 {
			return end + 1, false
		}
		return 2, false
	}
	for i := 2; i < len(line); i++ {
		if c := line[i]; c >= 0x40 && c <= 0x7e {
			return i + 1, c == 'm'
		}
	}
	return len(line), false
}
