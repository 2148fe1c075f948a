package run

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"unicode/utf8"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/live"
	"github.com/backspan/backspan/cmd/backspan/internal/steps"
	"github.com/backspan/backspan/cmd/backspan/internal/term"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/cmd/backspan/internal/watch"
)

// A sharedWriter lets several goroutines write to w, one at a time.
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
// is above what the watch draws there. Elsewhere stdout stays stdout and stderr stays stderr. One lock is around both,
// because both may be the same file, and lines must not be mixed. lost says whether some of stdout could not be
// written.
func (o *Options) sharedStreams() (
	_ cli.Streams, childOut func(*watch.Watch) (stdout, stderr steps.Stream), lost func() error,
) {
	std := o.Streams
	mu := new(sync.Mutex)
	onOut, onErr := redraws(o.Out), redraws(o.Err)
	if !onErr {
		std.Err = &sharedWriter{mu: mu, w: o.Err}
	}
	out := &sharedWriter{mu: mu, w: o.Out}
	return std, func(w *watch.Watch) (stdout, stderr steps.Stream) {
		stdout, stderr = steps.Stream{To: settled{w.Live, out}}, steps.Stream{To: settled{w.Live, std.Err}}
		if onOut {
			stdout.Edit = printable
		}
		if onErr {
			stderr = steps.Stream{To: w.Live, Edit: printable}
		}
		if o.json || onOut && onErr { // with --json, stdout is for the report
			stdout = stderr
		}
		return stdout, stderr
	}, out.lost
}

// settled writes what a command says behind what the view has to tell of it: that its phase has started.
type settled struct {
	view *live.Live
	to   io.Writer
}

func (s settled) Write(p []byte) (int, error) {
	s.view.Settle()
	return s.to.Write(p)
}

func redraws(w io.Writer) bool {
	file, _ := w.(*os.File)
	return file != nil && term.Of(file, os.Getenv).Redraw
}

// controls reports whether a terminal may take a rune, whose first byte is given too, for a command: C0 and C1 but for
// tabs, and bytes of C1 that are in no rune.
func controls(r rune, first byte) bool {
	return r < ' ' && r != '\t' || 0x7f <= r && r <= 0x9f || r == utf8.RuneError && 0x80 <= first && first <= 0x9f
}

// printable returns line without what moves the cursor of a terminal. Of a progress bar, which rewrites its line after
// carriage returns, the last state stays. Colours stay.
func printable(line string) string {
	line = strings.TrimRight(line, "\r")
	line = line[strings.LastIndexByte(line, '\r')+1:]
	var out strings.Builder
	reset := ""
	for line != "" {
		n := text.Escape(line)
		r, size := utf8.DecodeRuneInString(line)
		switch {
		case n > 0 && line[1] == '[' && line[n-1] == 'm':
			out.WriteString(line[:n])
			reset = "\x1b[0m"
		case n == 0 && !controls(r, line[0]):
			out.WriteString(line[:size])
		}
		line = line[max(size, n):]
	}
	return out.String() + reset
}
