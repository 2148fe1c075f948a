package run

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/term"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
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

// sharedStreams are the streams of a run, and where its commands write once a watch watches them. On a terminal that
// is above what the watch draws there. Elsewhere stdout stays stdout and stderr stays stderr; one lock is around
// them, because both may be the same file, and nothing is to come between the ends of a line. lost says whether some
// of stdout could not be written.
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
		out = append(append(out, tame(string(bytes.TrimRight(line, "\r\n")))...), '\n')
	}
	if _, err := s.to.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// tame is a line without its newline and without commands to the terminal, except for colors. Its label, up to the
// first |, stays when a carriage return writes over the rest.
func tame(line string) string {
	if last := strings.LastIndexByte(line, '\r'); last >= 0 {
		label := strings.Index(line, " | ") + len(" | ")
		line = line[:label] + line[last+1:]
	}
	var out strings.Builder
	reset := ""
	for line != "" {
		n := text.Escape(line)
		switch c := line[0]; {
		case n > 0 && line[1] == '[' && line[n-1] == 'm':
			out.WriteString(line[:n])
			reset = "\x1b[0m"
		case n == 0 && (c >= ' ' && c != 0x7f || c == '\t'):
			out.WriteByte(c)
		}
		line = line[max(1, n):]
	}
	return out.String() + reset
}
