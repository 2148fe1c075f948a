package telemetry

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// A TraceFile is a span processor that appends Backspan's spans, sampled or not, to a file in OTLP JSON: one complete
// {"resourceSpans":[…]} object a line, which Jaeger's upload and a collector's otlpjsonfile receiver read. Spans
// of other instrumentation are not in it: they may be many, and their place is a collector.
//
// A line is written while the span ends, with one write, so that a crash loses no span that had ended. That makes it
// a tool for single runs and tests rather than for a busy service.
type TraceFile struct {
	path   string
	redact func(string) string

	mu     sync.Mutex
	file   *os.File
	closed bool
	torn   bool // the file may end in the middle of a line
	told   bool // of lines that could not be written
	lost   uint64
}

var _ sdktrace.SpanProcessor = (*TraceFile)(nil)

// NewTraceFile opens path for appending and makes the file (0600) and the directories above it (0700) when they are
// missing. A symbolic link, and what is no regular file, is refused. redact, which may be nil, changes error texts
// and text attributes before they are written.
func NewTraceFile(path string, redact func(string) string) (*TraceFile, error) {
	if path == "" {
		return nil, &ConfigError{Name: "the trace file's path", Want: "the name of a file"}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("telemetry: trace file %s: %w", path, err)
	}
	file, err := openAppend(path)
	if err != nil {
		return nil, fmt.Errorf("telemetry: trace file: %w", err)
	}
	torn, err := checkTail(file)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("telemetry: trace file %s: %w", path, err), file.Close())
	}
	return &TraceFile{path: path, redact: redact, file: file, torn: torn}, nil
}

// checkTail says whether the last line of file has no end, as a killed process may leave it.
func checkTail(file *os.File) (torn bool, err error) {
	info, err := file.Stat()
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() {
		return false, errors.New("not a regular file")
	}
	if info.Size() == 0 {
		return false, nil
	}
	var last [1]byte
	if _, err := file.ReadAt(last[:], info.Size()-1); err != nil {
		return false, err
	}
	return last[0] != '\n', nil
}

// Path is the file's name as it was given.
func (f *TraceFile) Path() string { return f.path }

// Lost is how many spans could not be written.
func (f *TraceFile) Lost() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lost
}

// OnStart does nothing.
func (f *TraceFile) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd writes span, if it is one of Backspan's.
func (f *TraceFile) OnEnd(span sdktrace.ReadOnlySpan) {
	if !isBackspan(span) {
		return
	}
	line, err := appendOTLP(nil, presentableSpan(span, f.redact))
	if err := f.write(line, err); err != nil {
		report(fmt.Errorf("telemetry: trace file: %w", err))
	}
}

// write returns what the user should be told of.
func (f *TraceFile) write(line []byte, err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	if err == nil {
		if f.torn {
			line = append([]byte{'\n'}, line...)
		}
		var n int
		if n, err = f.file.Write(line); n > 0 {
			f.torn = line[n-1] != '\n'
		}
	}
	if err == nil {
		return nil
	}
	f.lost++
	if f.told {
		return nil
	}
	f.told = true
	return err
}

// ForceFlush does nothing: lines are written as spans end.
func (f *TraceFile) ForceFlush(context.Context) error { return nil }

// Shutdown closes the file. Spans that end later are not written.
func (f *TraceFile) Shutdown(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	f.closed = true
	if err := f.file.Close(); err != nil {
		return fmt.Errorf("telemetry: trace file: %w", err)
	}
	return nil
}
