package watch

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/backspan/backspan/cmd/backspan/internal/ci"
	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/command"
	"github.com/backspan/backspan/cmd/backspan/internal/session"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/internal/boundtext"
	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/telemetry"
)

// A Recording is what the spans of this process, and of those below it, say.
type Recording struct {
	telemetry *telemetry.Telemetry
	recorder  *session.Recorder
	mask      func(string) string
	began     int64 // how long the trace file was at the start
}

// Record starts telemetry, and keeps the spans that it sees.
func Record(ctx context.Context, config telemetry.Config) (*telemetry.Telemetry, *Recording, error) {
	r := &Recording{recorder: session.NewRecorder(0), mask: config.Redact}
	config.Processors = append([]sdktrace.SpanProcessor{r.recorder}, config.Processors...)
	var err error
	if r.telemetry, err = telemetry.Start(ctx, config); err != nil {
		return nil, nil, err
	}
	r.began = r.size()
	return r.telemetry, r, nil
}

// Recorded is the session of this process.
func (r *Recording) Recorded() *session.Session {
	spans := r.withNested(r.recorder.Spans())
	maskOpen(spans, r.mask)
	s := session.New(spans)
	s.ID = r.telemetry.Session()
	if n := r.recorder.Dropped(); n > 0 {
		more := text.Plural(n, "more span was", "more spans were")
		s.Notes = append(s.Notes, more+" not kept; the trace file has them.")
	}
	return s
}

// WriteJUnit writes what has been recorded as a JUnit file to path, unless that is empty. report is that of a
// pipeline, and masked; else it is nil.
func (r *Recording) WriteJUnit(path string, report *orchestrator.Report) error {
	if path == "" {
		return nil
	}
	results := r.results(report)
	if report == nil && len(results.Session.Roots) == 0 {
		return fmt.Errorf("writing %s: nothing was recorded; is OTEL_SDK_DISABLED true?", path)
	}
	target := cli.Target{Path: path}
	return target.WriteFile(func(out io.Writer) error { return ci.WriteJUnit(out, results) })
}

// TellGitHub tells GitHub Actions what was retried: lines go to say, a table to the summary of the job. report is that
// of WriteJUnit. The error says why there is no table; it is no reason to fail. In a command of another backspan there
// are no lines: they would be among the last lines of the command, which that takes for the reason of a failure.
func (r *Recording) TellGitHub(report *orchestrator.Report, say func(line string)) error {
	results := r.results(report)
	if os.Getenv(command.AttemptVariable) == "" {
		for _, line := range ci.Annotations(results) {
			say(line)
		}
	}
	path := os.Getenv(ci.SummaryVariable)
	if path == "" {
		return nil
	}
	if err := ci.AppendSummary(path, results); err != nil {
		return fmt.Errorf("the summary of the job: %w", err)
	}
	return nil
}

func (r *Recording) results(report *orchestrator.Report) ci.Results {
	results := ci.Results{Session: r.Recorded(), Report: report}
	if report == nil {
		return results
	}
	masked := *report // its texts are; its names are to be those of spans
	masked.Pipeline = r.mask(boundtext.Name(report.Pipeline))
	masked.Phases = slices.Clone(report.Phases)
	for i := range masked.Phases {
		masked.Phases[i].Phase = r.mask(boundtext.Name(masked.Phases[i].Phase))
	}
	results.Report = &masked
	return results
}
