package enginetest

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry/retrytest"
)

// A Runner runs a pipeline on an engine, waits for its end, and returns the report and the ended spans of the run. When
// ctx ends the run is to be stopped, with the cause of ctx. It is called in a bubble of testing/synctest, so goroutines
// that it starts must end before it returns.
type Runner func(
	ctx context.Context, t *testing.T, p orchestrator.Pipeline, opts orchestrator.Options,
) (orchestrator.Report, []sdktrace.ReadOnlySpan)

// InProcess is the Runner of Pipeline.Run: what the others are compared with.
func InProcess(
	ctx context.Context, t *testing.T, p orchestrator.Pipeline, opts orchestrator.Options,
) (orchestrator.Report, []sdktrace.ReadOnlySpan) {
	t.Helper()
	ctx, recorder := retrytest.Record(t, ctx)
	report, err := p.Run(ctx, opts)
	if (err == nil) != (report.Status == orchestrator.Success) {
		t.Errorf("the report is %s, and the error %v", report.Status, err)
	}
	return report, recorder.Spans()
}

// Run runs each case in the process and by run, and compares what comes out.
func Run(t *testing.T, cases []Case, run Runner) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			want, got := c.outcome(t, InProcess), c.outcome(t, run)
			compare(t, "report", got.report, want.report)
			compare(t, "spans", got.spans, want.spans)
		})
	}
}

type outcome struct{ report, spans string }

// outcome is what comes of the case in a bubble of its own.
func (c *Case) outcome(t *testing.T, run Runner) (o outcome) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := c.begin()
		ctx, cancel := r.context(t.Context())
		defer cancel()
		report, spans := run(ctx, t, r.pipeline, r.options)
		<-time.After(time.Minute) // calls that were abandoned return
		if r.end != nil {
			r.end(t, report)
		}
		o = outcome{ReportText(report), Tree(spans)}
	})
	return o
}

// ReportText is the report without its times, as JSON: what has to be the same on every engine. A report that JSON
// cannot hold, because a result of it is no JSON, is told with the reason, so that it is like no other.
func ReportText(report orchestrator.Report) string {
	report.Started, report.Ended = time.Time{}, time.Time{}
	text, err := json.MarshalIndent(report, "", " ")
	if err != nil {
		return fmt.Sprintf("%v: %+v", err, report)
	}
	return string(text)
}

// compare complains about the line where two texts part, with those around it.
func compare(t *testing.T, what, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	from := 0
	for from < min(len(got), len(want)) && got[from] == want[from] {
		from++
	}
	around := func(text string) string { return text[max(0, from-400):min(len(text), from+400)] }
	t.Errorf("%s:\ngot  …%s…\nwant …%s…", what, around(got), around(want))
}
