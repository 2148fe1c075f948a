package enginetest

import (
	"context"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/goleak"

	"github.com/backspan/backspan/orchestrator"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Each case gives the same when it is made again, which engines are compared with.
func TestCasesRepeat(t *testing.T) { Run(t, Suite(), InProcess) }

// A Runner that loses a span or changes the report is found out.
func TestDifferencesAreSeen(t *testing.T) {
	c := Named()[0]
	want := c.outcome(t, InProcess)
	for name, run := range map[string]Runner{
		"a report that differs": func(
			ctx context.Context, t *testing.T, p orchestrator.Pipeline, opts orchestrator.Options,
		) (orchestrator.Report, []sdktrace.ReadOnlySpan) {
			report, spans := InProcess(ctx, t, p, opts)
			report.Phases[0].Recovery.Attempts[0].Error = "another"
			return report, spans
		},
		"a lost span": func(
			ctx context.Context, t *testing.T, p orchestrator.Pipeline, opts orchestrator.Options,
		) (orchestrator.Report, []sdktrace.ReadOnlySpan) {
			report, spans := InProcess(ctx, t, p, opts)
			return report, spans[1:]
		},
		"a span written twice": func(
			ctx context.Context, t *testing.T, p orchestrator.Pipeline, opts orchestrator.Options,
		) (orchestrator.Report, []sdktrace.ReadOnlySpan) {
			report, spans := InProcess(ctx, t, p, opts)
			return report, append(spans, spans[0])
		},
	} {
		if got := c.outcome(t, run); got == want {
			t.Errorf("%s is not seen", name)
		}
	}
}
