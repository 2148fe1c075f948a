package session

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/backspan/backspan/cmd/backspan/internal/logfiles"
	"github.com/backspan/backspan/internal/safefile"
)

// ErrNoSession is what an error matches that says that a log has no session of the id asked for, or none at all.
var ErrNoSession = errors.New("no such session")

// A Format is what a log is written in.
type Format string

// The formats.
const (
	TraceFile  Format = "trace file"  // OTLP JSON lines: a TraceFile of package telemetry, or a collector's
	EventsFile Format = "events file" // events.jsonl of package events
)

// A Log is a file with the spans or the events of one or more sessions.
type Log struct {
	Path     string
	Format   Format
	Sessions []Entry // the newest first
	Left     LeftOut

	list   bool                    // Session is not asked for
	files  func() []*logfiles.File // events file: opens what is read, the oldest first
	traces map[string][]int        // trace file: the spans of each session
	spans  spanList
}

// An Entry is a session of a log.
type Entry struct {
	ID         string // session.id; the trace's id for spans without one
	Name       string // what ran; empty when the log does not say, and after Open of a trace file
	Start, End time.Time
	Records    int     // spans or events
	Begun      bool    // its beginning is recorded
	Outcome    Outcome // how it ended; empty likewise
}

// Open reads what is in the log at path, plain or compressed, and in no other file. Lines that cannot be read are
// skipped and counted; it is an error when there is nothing else, and when path is no regular file.
func Open(path string) (*Log, error) { return open(path, false) }

// List is Open for who wants to know of the sessions, and not to call Session: of a trace file it decodes only what
// Sessions tells.
func List(path string) (*Log, error) { return open(path, true) }

// OpenRotated is Open for an events file together with its rotated files. The file itself may be missing.
func OpenRotated(path string) (*Log, error) {
	files := logfiles.Find(path)
	logfiles.CloseAll(files)
	if len(files) == 1 && files[0].Path == path {
		return Open(path)
	}
	l := &Log{Path: path, Format: EventsFile, files: func() []*logfiles.File { return logfiles.Find(path) }}
	return l, l.read()
}

func open(path string, list bool) (*Log, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, missingError(path)
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, fmt.Errorf("%s is a directory; name the trace file or the events file in it", path)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file, and is read more than once; save it in one", path)
	}
	l := &Log{Path: path, list: list}
	l.files = func() []*logfiles.File { return []*logfiles.File{logfiles.Open(path)} }
	if l.Format, err = formatOf(path); err != nil {
		return nil, err
	}
	if err := l.read(); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *Log) read() error {
	read := l.readEvents
	if l.Format == TraceFile {
		read = l.readTraces
	}
	if err := read(); err != nil {
		return fmt.Errorf("%s: %w", l.Path, err)
	}
	slices.SortStableFunc(l.Sessions, func(a, b Entry) int {
		return cmp.Or(b.Start.Compare(a.Start), b.End.Compare(a.End), strings.Compare(a.ID, b.ID))
	})
	return nil
}

// Notes tells what of the file is left out, in sentences.
func (l *Log) Notes() []string { return l.Left.notes() }

// A missingError is the path of a file that is not there.
type missingError string

func (e missingError) Error() string { return string(e) + ": there is no such file" }

func (e missingError) Is(target error) bool { return target == os.ErrNotExist }

// Session returns the session with that id, or with the only id that begins so; without an id the newest.
func (l *Log) Session(id string) (*Session, error) {
	entry, err := l.find(id)
	if err != nil {
		return nil, err
	}
	if l.Format == TraceFile {
		return l.traceSession(entry), nil
	}
	return l.eventsSession(entry)
}

func (l *Log) find(id string) (Entry, error) {
	if len(l.Sessions) == 0 {
		err := fmt.Errorf("%s: %w, for it has no spans and no events", l.Path, ErrNoSession)
		if notes := l.Notes(); len(notes) > 0 {
			err = fmt.Errorf("%w to show: %s", err, strings.Join(notes, " "))
		}
		return Entry{}, err
	}
	if id == "" {
		return l.Sessions[0], nil
	}
	var found []Entry
	for _, e := range l.Sessions {
		if e.ID == id {
			return e, nil
		}
		if strings.HasPrefix(e.ID, strings.ToLower(id)) {
			found = append(found, e)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		err := fmt.Errorf("%s: %w: %q", l.Path, ErrNoSession, id)
		if notes := l.Notes(); len(notes) > 0 {
			err = fmt.Errorf("%w. %s", err, strings.Join(notes, " "))
		}
		return Entry{}, err
	}
	return Entry{}, fmt.Errorf("%s: %d sessions begin with %q, %s and %s among them; give more of the id",
		l.Path, len(found), id, found[0].ID, found[1].ID)
}

// headSize is how much of a file its format is told by. Collectors write long lines; their first bytes will do.
const headSize = 64 << 10

func formatOf(path string) (Format, error) {
	in, err := openPlain(path)
	if err != nil {
		return "", err
	}
	head := make([]byte, headSize)
	n, err := io.ReadFull(in, head)
	short := errors.Is(err, io.EOF) || n > 0 && errors.Is(err, io.ErrUnexpectedEOF)
	if closeErr := in.Close(); err == nil || short {
		err = closeErr
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	head = head[:n]
	for line := range bytes.Lines(head) {
		line = bytes.TrimSpace(line)
		switch {
		case bytes.HasPrefix(line, []byte("{")) && bytes.Contains(line, []byte(`"resourceSpans"`)):
			return TraceFile, nil
		case bytes.Contains(line, []byte(`"timestamp"`)) && bytes.Contains(line, []byte(`"type"`)):
			return EventsFile, nil
		}
	}
	const want = `want a trace file (OTLP JSON lines, {"resourceSpans": …}) or an events file ({"timestamp": …})`
	switch {
	case len(bytes.TrimSpace(head)) == 0:
		return "", fmt.Errorf("%s is empty; %s", path, want)
	case bytes.IndexByte(head, 0) >= 0 || !utf8.Valid(wholeRunes(head)):
		return "", fmt.Errorf("%s is binary; %s", path, want)
	case bytes.Contains(head, []byte(`"resourceSpans"`)):
		filter := "."
		if bytes.HasPrefix(bytes.TrimSpace(head), []byte("[")) {
			filter = "'.[]'"
		}
		return "", fmt.Errorf("%s is OTLP JSON, but not one object a line, as jq -c %s %s writes it",
			path, filter, path)
	case bytes.Contains(head, []byte(`"traceID"`)):
		return "", fmt.Errorf("%s is Jaeger's own JSON; %s", path, want)
	}
	return "", fmt.Errorf("%s is neither; %s", path, want)
}

// wholeRunes is b without the rune that its end may cut.
func wholeRunes(b []byte) []byte {
	for n := 0; n < utf8.UTFMax && len(b) > n; n++ {
		if end := b[:len(b)-n]; utf8.Valid(end[max(0, len(end)-utf8.UTFMax):]) {
			return end
		}
	}
	return b
}

// openPlain opens a file without its compression.
func openPlain(path string) (io.ReadCloser, error) {
	file, err := safefile.Open(path)
	if err != nil {
		return nil, err
	}
	plain, _ := logfiles.Decompress(file)
	return &stack{plain, file}, nil
}

// A stack reads from its top, and closes that and what it stands on.
type stack struct {
	io.ReadCloser
	bottom io.Closer
}

func (s *stack) Close() error { return errors.Join(s.ReadCloser.Close(), s.bottom.Close()) }
