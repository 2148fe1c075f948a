package drawn

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/telemetry"
)

// A recording is what the same run left behind in three places.
type recording struct {
	spans         []session.Span
	trace, events string // paths
}

const nightlyID = "4786a9a2-c5bf-41ca-a26e-e1ae5d01f41c"

// recordFiles lets body retry and wait, without waiting for it.
func recordFiles(t *testing.T, body func(ctx context.Context)) recording {
	t.Helper()
	dir := t.TempDir()
	r := recording{trace: filepath.Join(dir, "trace.json"), events: filepath.Join(dir, "events.jsonl")}
	synctest.Test(t, func(t *testing.T) {
		recorder := session.NewRecorder(0)
		file, err := telemetry.NewTraceFile(r.trace, nil)
		if err != nil {
			t.Fatal(err)
		}
		writer, err := events.Open(r.events, events.Options{})
		if err != nil {
			t.Fatal(err)
		}
		provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(telemetry.NewEventLog(writer, nightlyID)),
			sdktrace.WithSpanProcessor(recorder), sdktrace.WithSpanProcessor(file))
		// What retries takes its tracer from the span in its context.
		ctx, span := provider.Tracer("test").Start(t.Context(), "the caller's")
		body(ctx)
		span.End()
		r.spans = recorder.Spans()
		if err := errors.Join(provider.Shutdown(t.Context()), writer.Close()); err != nil {
			t.Fatal(err)
		}
	})
	return r
}

// fails makes a function that lasts and fails, a call for each error, and then lasts and succeeds.
func fails(lasts time.Duration, list ...error) func(context.Context) error {
	calls := 0
	return func(context.Context) error {
		time.Sleep(lasts)
		if calls++; calls <= len(list) {
			return list[calls-1]
		}
		return nil
	}
}

// A typed error has its class and its text.
type typed struct{ class, text string }

func (e typed) Error() string     { return e.text }
func (e typed) ErrorType() string { return e.class }

var (
	errUnavailable = typed{"503", "GET /prices: 503 Service Unavailable"}
	errRefused     = typed{"connection_refused", "dial tcp 127.0.0.1:9: connect: connection refused"}
	errSyntax      = retry.Permanent(typed{"syntax", "row 7: not a number"})
)

// nightly is a pipeline with an operation that recovers, one that is given up, a phase that is recovered, one that
// fails and one that is skipped.
func nightly(ctx context.Context) {
	policy := retry.Policy{BaseDelay: ms(250)}
	do := func(ctx context.Context, name string, f func(context.Context) error) error {
		return retry.Do(ctx, name, policy, f)
	}
	rates := fails(ms(20), errRefused, errRefused, errRefused, errRefused, errUnavailable)
	pipeline := orchestrator.Pipeline{
		Name:     "nightly",
		Recovery: retry.Policy{BaseDelay: ms(500)},
		Phases: []orchestrator.Phase{
			{Name: "load", Run: func(ctx context.Context, _ orchestrator.Input) (any, error) {
				time.Sleep(ms(10))
				return nil, errors.Join(do(ctx, "list_files", fails(ms(30))),
					do(ctx, "data_load", fails(ms(40), errUnavailable, errUnavailable)))
			}},
			{Name: "summary", Run: func(ctx context.Context, _ orchestrator.Input) (any, error) {
				return nil, do(ctx, "rates", rates)
			}},
			{Name: "publish", Run: func(ctx context.Context, _ orchestrator.Input) (any, error) {
				return nil, do(ctx, "render", fails(ms(5), errUnavailable, errSyntax))
			}},
			{Name: "mail", Run: func(context.Context, orchestrator.Input) (any, error) { return nil, nil }},
		},
	}
	// it fails; the spans say how
	_, _ = pipeline.Run(ctx, orchestrator.Options{RunID: nightlyID, EnableRecovery: true})
}
