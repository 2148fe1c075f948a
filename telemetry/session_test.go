package telemetry_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/internal/semconv"
	"github.com/backspan/backspan/orchestrator"
	"github.com/backspan/backspan/retry"
	"github.com/backspan/backspan/retry/retrytest"
	"github.com/backspan/backspan/telemetry"
)

const (
	processSession = "4786a9a2-c5bf-41ca-a26e-e1ae5d01f41c"
	secondSession  = "22222222-2222-4333-8444-555555555555"
	runSession     = "11111111-2222-4333-8444-555555555555"
)

// Spans have their session from the run that they are in, else from the event log, which hands it to package retry. Of
// two on one provider, that is the first, and both write it.
func TestEverySpanHasOneSessionAndTheLogHasTheSame(t *testing.T) {
	for name, c := range map[string]struct {
		story func(ctx context.Context)
		want  map[string]int // spans of each session
	}{
		"every attempt": {func(ctx context.Context) {
			failing(ctx, "outer", retry.EveryAttempt, nil)
		}, map[string]int{processSession: 3}},
		"from the first failure": {func(ctx context.Context) {
			failing(ctx, "outer", retry.FromFirstFailure, nil)
		}, map[string]int{processSession: 3}},
		"nested": {func(ctx context.Context) {
			failing(ctx, "outer", retry.FromFirstFailure, func(ctx context.Context) {
				failing(ctx, "inner", retry.EveryAttempt, nil)
			})
		}, map[string]int{processSession: 9}},
		"a panic": {func(ctx context.Context) {
			defer func() { _ = recover() }()
			failing(ctx, "outer", retry.EveryAttempt, func(context.Context) { panic("out of paper") })
		}, map[string]int{processSession: 2}},
		"cancelled": {func(ctx context.Context) {
			ctx, cancel := context.WithCancel(ctx)
			failing(ctx, "outer", retry.EveryAttempt, func(context.Context) { cancel() })
		}, map[string]int{processSession: 2}},
		"a run": {pipeline, map[string]int{runSession: 6}},
		"a run in an operation": {
			func(ctx context.Context) { failing(ctx, "outer", retry.EveryAttempt, pipeline) },
			map[string]int{processSession: 3, runSession: 12},
		},
	} {
		t.Run(name, func(t *testing.T) { checkSessions(t, c.story, c.want) })
	}
}

// A library starts a span with the global tracer between an operation and one below it. With Config.Local the span goes
// elsewhere, and the operation below is written all the same.
func TestASpanOfTheGlobalTracerDoesNotHideWhatIsBelow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	tel, err := telemetry.Start(t.Context(),
		telemetry.Config{Service: "user", NoExport: true, Local: true, Events: path})
	if err != nil {
		t.Fatal(err)
	}
	ctx, root := tel.TracerProvider().Tracer("user").Start(t.Context(), "root")
	failing(retrytest.NoWait(ctx), "outer", retry.EveryAttempt, func(ctx context.Context) {
		ctx, span := otel.Tracer("library").Start(ctx, "handler")
		failing(ctx, "inner", retry.EveryAttempt, nil)
		span.End()
	})
	root.End()
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if n := strings.Count(string(text), `"autocorrect_attempt"`); err != nil || n != 6 {
		t.Errorf("%d attempts in the log, want 6; error %v\n%s", n, err, text)
	}
}

// failing is an operation whose two attempts fail, each after what is inside.
func failing(ctx context.Context, name string, spans retry.Spans, inside func(context.Context)) {
	_ = retry.Do(ctx, name, retry.Policy{MaxRetries: 1, Spans: spans}, func(ctx context.Context) error {
		if inside != nil {
			inside(ctx)
		}
		return errors.New("no route")
	})
}

func pipeline(ctx context.Context) {
	p := orchestrator.Pipeline{Name: "nightly", Phases: []orchestrator.Phase{{
		Name: "load",
		Run: func(ctx context.Context, _ orchestrator.Input) (any, error) {
			failing(ctx, "fetch", retry.FromFirstFailure, nil)
			return nil, nil
		},
	}}}
	_, _ = p.Run(ctx, orchestrator.Options{RunID: runSession})
}

func checkSessions(t *testing.T, story func(context.Context), want map[string]int) {
	spans := tracetest.NewSpanRecorder()
	options := []sdktrace.TracerProviderOption{sdktrace.WithSpanProcessor(spans)}
	var logs []*events.Writer
	for _, session := range []string{processSession, secondSession} {
		w, err := events.Open(filepath.Join(t.TempDir(), "events.jsonl"), events.Options{})
		if err != nil {
			t.Fatal(err)
		}
		logs = append(logs, w)
		options = append(options, sdktrace.WithSpanProcessor(telemetry.NewEventLog(w, session)))
	}
	ctx, around := sdktrace.NewTracerProvider(options...).Tracer("app").Start(retrytest.NoWait(t.Context()), "request")
	story(ctx)
	around.End()

	got, of := map[string]int{}, map[string]string{}
	for _, span := range spans.Ended() {
		for _, kv := range span.Attributes() {
			if kv.Key == semconv.SessionIDKey {
				got[kv.Value.AsString()]++
				of[span.SpanContext().SpanID().String()] += kv.Value.AsString()
			}
		}
	}
	if !maps.Equal(got, want) || len(spans.Ended()) != len(of)+1 { // all but the request
		t.Errorf("spans of each session: %v, want %v; %d of %d have one", got, want, len(of), len(spans.Ended())-1)
	}
	for _, w := range logs {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		checkLog(t, w.Path(), of)
	}
}

// checkLog checks that the lines have the sessions of their spans.
func checkLog(t *testing.T, path string, of map[string]string) {
	r, err := events.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for l := range r.All() {
		if want := of[l.SpanID().Text()]; !l.Session().Is(want) {
			t.Errorf("want session %q: %s", want, l.Raw())
		}
	}
	if r.Tally().Records == 0 || r.Tally().Unreadable > 0 {
		t.Errorf("%s: %+v", path, r.Tally())
	}
	if err := errors.Join(r.Err(), r.Close()); err != nil {
		t.Error(err)
	}
}
