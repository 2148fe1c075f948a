package drawn

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/codes"

	"github.com/backspan/backspan/cmd/backspan/internal/session"
	"github.com/backspan/backspan/internal/scope"
	"github.com/backspan/backspan/internal/semconv"
)

func TestRecorderKeepsWhatASpanSays(t *testing.T) {
	rec := session.NewRecorder(0)
	e := newEngine(t, rec)
	ctx, parent := e.start(t.Context(), scope.Frame{Session: "s"}, semconv.KindOperation, "load")
	_, child := e.start(ctx, scope.Frame{}, semconv.KindAttempt, "attempt 1")
	child.AddEvent("exception")
	child.SetStatus(codes.Error, "no")
	child.End()
	parent.End()
	spans := rec.Spans()
	if len(spans) != 2 {
		t.Fatalf("got %d spans, want 2", len(spans))
	}
	p, c := spans[0], spans[1]
	if p.Name != "load" || p.Kind != semconv.KindOperation || p.ParentID.IsValid() || p.End.IsZero() ||
		p.Text(semconv.SessionIDKey) != "s" {
		t.Errorf("the parent is %+v", p)
	}
	if c.Kind != semconv.KindAttempt || c.ParentID != p.SpanID || c.TraceID != p.TraceID ||
		c.Status != codes.Error || c.StatusText != "no" || len(c.Events) != 1 || c.Events[0].Name != "exception" {
		t.Errorf("the child is %+v", c)
	}
}

func TestRecorderLeavesOthersAlone(t *testing.T) {
	rec := session.NewRecorder(0)
	e := newEngine(t, rec)
	_, foreign := e.provider.Tracer("example.com/other").Start(t.Context(), "GET /")
	// Started below a frame that is still set by mistake: the scope decides.
	_, within := e.provider.Tracer("example.com/other").Start(
		scope.With(t.Context(), scope.Frame{Starting: semconv.KindAttempt}), "GET /")
	foreign.End()
	within.End()
	if spans := rec.Spans(); len(spans) != 0 {
		t.Errorf("it kept %+v", spans)
	}
}

func TestRecorderShowsOpenSpans(t *testing.T) {
	rec := session.NewRecorder(0)
	e := newEngine(t, rec)
	_, span := e.start(t.Context(), scope.Frame{}, semconv.KindPhase, "analysis")
	spans := rec.Spans()
	if len(spans) != 1 || !spans[0].End.IsZero() || spans[0].Kind != semconv.KindPhase {
		t.Fatalf("got %+v, want one phase without an end", spans)
	}
	span.End()
	if spans := rec.Spans(); len(spans) != 1 || spans[0].End.IsZero() {
		t.Errorf("after the end: got %+v", spans)
	}
}

// The run starts first, so it is there however little fits.
func TestRecorderIsBounded(t *testing.T) {
	rec := session.NewRecorder(3)
	e := newEngine(t, rec)
	ctx, run := e.start(t.Context(), scope.Frame{}, semconv.KindRun, "demo")
	for range 10 {
		_, s := e.start(ctx, scope.Frame{}, semconv.KindOperation, "load")
		s.End()
	}
	run.End()
	spans := rec.Spans()
	if len(spans) != 3 || rec.Dropped() != 8 {
		t.Fatalf("kept %d and dropped %d, want 3 and 8", len(spans), rec.Dropped())
	}
	if spans[0].Name != "demo" || spans[0].End.IsZero() {
		t.Errorf("the first is %+v, want the run, ended", spans[0])
	}
}

func TestRecorderDefaultLimit(t *testing.T) {
	rec := session.NewRecorder(0)
	e := newEngine(t, rec)
	for range session.DefaultLimit + 5 {
		_, s := e.start(t.Context(), scope.Frame{}, semconv.KindOperation, "load")
		s.End()
	}
	if len(rec.Spans()) != session.DefaultLimit || rec.Dropped() != 5 {
		t.Errorf("kept %d and dropped %d, want %d and 5", len(rec.Spans()), rec.Dropped(), session.DefaultLimit)
	}
}

// Who starts a span without the mark in the context is still known by the scope.
func TestRecorderWithoutTheMark(t *testing.T) {
	rec := session.NewRecorder(0)
	e := newEngine(t, rec)
	_, s := e.tracer.Start(t.Context(), "load")
	s.End()
	if spans := rec.Spans(); len(spans) != 1 {
		t.Errorf("kept %d spans, want 1", len(spans))
	}
}

func TestRecorderConcurrently(t *testing.T) {
	rec := session.NewRecorder(500)
	e := newEngine(t, rec)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 100 {
				_, s := e.start(t.Context(), scope.Frame{}, semconv.KindOperation, fmt.Sprint(i, j))
				if j%10 == 0 {
					rec.Spans()
				}
				s.End()
			}
		})
	}
	wg.Wait()
	if kept, dropped := len(rec.Spans()), rec.Dropped(); kept != 500 || dropped != 300 {
		t.Errorf("kept %d and dropped %d, want 500 and 300", kept, dropped)
	}
	if err := rec.ForceFlush(context.Background()); err != nil {
		t.Errorf("ForceFlush: %v", err)
	}
	if err := rec.Shutdown(context.Background()); err != nil || len(rec.Spans()) != 500 {
		t.Errorf("after Shutdown (%v) it holds %d spans, want 500", err, len(rec.Spans()))
	}
}
