package watch

import (
	"io"
	"os"

	"go.opentelemetry.io/otel/trace"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
	"github.com/backspan/backspan/internal/safefile"
)

// maxNested is how much of the trace file is looked through for the spans of other processes, in bytes.
const maxNested = 64 << 20

// Environ are the variables that a backspan in a command of this run has to find. It writes to the same files then.
func (w *Watch) Environ() []string { return w.flags.Nested(w.telemetry) }

// size is how long the trace file is.
func (r *Recording) size() int64 {
	info, err := os.Stat(r.telemetry.TraceFilePath())
	if err != nil {
		return 0
	}
	return info.Size()
}

// withNested returns own and the spans of processes below this one. These have appended them to the trace file since
// this one began. Without a trace file nobody knows of them here.
func (r *Recording) withNested(own []session.Span) []session.Span {
	path := r.telemetry.TraceFilePath()
	if path == "" || len(own) == 0 {
		return own
	}
	file, err := safefile.Open(path)
	if err != nil {
		return own // somebody took it away
	}
	defer file.Close() //nolint:errcheck // it was only read
	// Others may write to the file, and damage it: what can be read is taken.
	written, _, _ := session.ReadTraceFile(io.NewSectionReader(file, r.began, maxNested))
	known := make(map[session.Key]bool, len(own))
	traces := map[trace.TraceID]bool{}
	for _, span := range own {
		known[span.Key()] = true
		traces[span.TraceID] = true
	}
	all := own
	for _, span := range written {
		if traces[span.TraceID] && !known[span.Key()] && len(all) < session.DefaultLimit {
			known[span.Key()] = true
			all = append(all, span)
		}
	}
	return all
}
