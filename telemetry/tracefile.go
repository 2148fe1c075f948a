package telemetry

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/backspan/backspan/internal/safefile"
)

// A TraceFile is a span processor that appends Backspan's spans, sampled or not, to a file in OTLP JSON: one whole
// {"resourceSpans":[…]} object a line. Jaeger's upload and a collector's otlpjsonfile receiver read it. Spans of
// other instrumentation are not written: they may be many, and belong in a collector.
//
// Each span is written with one write while it ends, so that a crash loses no span that had ended. A TraceFile is meant
// for single runs and tests, not for a busy service.
type TraceFile struct {
	path string
	mask func(string) string // nil below a mirror, which makes the spans presentable

	mu      sync.Mutex
	file    *os.File
	encoder otlpEncoder
	line    []byte // the last one, kept for its memory
	closed  bool
	torn    bool // the file may end in the middle of a line
	failed  bool // a span could not be written, and that was reported
}

// keptLine is the capacity up to which the memory of a line is kept for the next one.
const keptLine = 64 << 10

var _ sdktrace.SpanProcessor = (*TraceFile)(nil)

// DefaultTraceFile is the usual path of a trace file. Start uses none unless Config.TraceFile names it.
const DefaultTraceFile = "data/session/trace.json"

// NewTraceFile opens path for appending, and makes the file (mode 0600) and the directories above it (mode 0700) when
// they are missing. It refuses a symbolic link and whatever is not a regular file. At DefaultTraceFile it also refuses
// directories that are symbolic links, and a file that another user owns (root excepted) or that other users may write.
// mask changes names, error texts and text attributes before they are written; nil is redact.Secrets. The caller shuts
// the TraceFile down, or the provider that it is in.
func NewTraceFile(path string, mask func(string) string) (*TraceFile, error) {
	return newTraceFile(path, orSecrets(mask))
}

func newTraceFile(path string, mask func(string) string) (*TraceFile, error) {
	if path == "" {
		return nil, &FieldError{Field: "the trace file's path", Value: `""`, Want: "the name of a file"}
	}
	file, err := openAppend(path)
	if err != nil {
		return nil, fmt.Errorf("telemetry: trace file: %w", err)
	}
	torn, err := checkTail(file)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("telemetry: trace file %s: %w", path, err), file.Close())
	}
	return &TraceFile{path: path, mask: mask, file: file, torn: torn}, nil
}

// openAppend follows links only to the directory of a path that somebody chose.
func openAppend(path string) (*os.File, error) {
	origin := safefile.Origin(path == DefaultTraceFile)
	if origin == safefile.Named {
		resolved, err := safefile.Resolve(path)
		if err != nil {
			return nil, err
		}
		path = resolved
	}
	safe, err := safefile.New(path, origin)
	if err != nil {
		return nil, err
	}
	file, err := safe.OpenAppend(0)
	return file, errors.Join(err, safe.Close())
}

// checkTail reports whether the last line of file has no newline. A process that was killed may leave such a line.
func checkTail(file *os.File) (torn bool, err error) {
	info, err := file.Stat()
	if err != nil {
		return false, err
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

// OnStart does nothing.
func (f *TraceFile) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd writes span if it is one of Backspan's. OpenTelemetry's error handler gets the first error.
func (f *TraceFile) OnEnd(span sdktrace.ReadOnlySpan) {
	if !isBackspan(span) {
		return
	}
	if f.mask != nil {
		span, _ = presentableSpan(span, f.mask)
	}
	if err := f.write(span); err != nil {
		handleError(fmt.Errorf("telemetry: trace file: %w", err))
	}
}

// write appends span to the file. It returns the first error only.
func (f *TraceFile) write(span sdktrace.ReadOnlySpan) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	line := f.line[:0]
	if f.torn {
		line = append(line, '\n')
	}
	line = f.encoder.appendSpan(line, span)
	if f.line = line; cap(line) > keptLine {
		f.line = nil
	}
	n, err := f.file.Write(line)
	if n > 0 {
		f.torn = line[n-1] != '\n'
	}
	if err == nil || f.failed {
		return nil
	}
	f.failed = true
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
